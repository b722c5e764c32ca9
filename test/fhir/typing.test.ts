import type * as dstu2 from "fhir/r2.js";
import type * as stu3 from "fhir/r3.js";
import type * as r4 from "fhir/r4.js";
import { describe, expectTypeOf, it } from "vitest";
import type { FhirClient } from "../../src/fhir/fhir-client.ts";
import type { PartOf, SearchParams } from "../../src/fhir/query.ts";
import type { ResourceOf, ResourceType } from "../../src/fhir/fhir-version.ts";

// Never called: the compiler is the judge.
type Reading = (one: FhirClient<"dstu2">, two: FhirClient<"stu3">, three: FhirClient<"r4">) => void;

describe("the types of the FHIR client", () => {
  it("read() returns the resource of that version and name", () => {
    const check: Reading = (one, two, three) => {
      expectTypeOf(one.read("Patient", "1")).resolves.toEqualTypeOf<dstu2.Patient>();
      expectTypeOf(two.read("Patient", "1")).resolves.toEqualTypeOf<stu3.Patient>();
      expectTypeOf(three.read("Patient", "1")).resolves.toEqualTypeOf<r4.Patient>();
      expectTypeOf(three.read("Observation", "1")).resolves.toEqualTypeOf<r4.Observation>();
    };
    expectTypeOf(check).toBeFunction();
  });

  it("read() takes only names of that version", () => {
    const check: Reading = (one, _, three) => {
      // @ts-expect-error DSTU2 has no Task
      void one.read("Task", "1");
      // @ts-expect-error no such resource
      void three.read("patient", "1");
    };
    expectTypeOf(check).toBeFunction();
    expectTypeOf<"Task">().not.toExtend<ResourceType<"dstu2">>();
    expectTypeOf<"Task">().toExtend<ResourceType<"r4">>();
  });

  it("create() returns the type of what was sent and checks its shape by version", () => {
    const check: Reading = (one, _, three) => {
      const sent = { resourceType: "Patient", name: [{ family: ["Baggins"] }] } as const;
      expectTypeOf(
        one.create({ resourceType: "Patient", name: [{ family: ["Baggins"] }] }),
      ).resolves.toEqualTypeOf<dstu2.Patient>();
      expectTypeOf(
        three.create({ resourceType: "Patient", name: [{ family: "Baggins" }] }),
      ).resolves.toEqualTypeOf<r4.Patient>();
      // @ts-expect-error in R4 a family name is one string
      void three.create({ resourceType: "Patient", name: [{ family: ["Baggins"] }] });
      // @ts-expect-error no such field
      void three.create({ resourceType: "Patient", nome: "Baggins" });
      // @ts-expect-error no resource
      void three.create({ name: "Baggins" });
      expectTypeOf(sent.resourceType).toEqualTypeOf<"Patient">();
    };
    expectTypeOf(check).toBeFunction();
  });

  it("what finds resources gives them typed", () => {
    const check: Reading = (one, two, three) => {
      expectTypeOf(one.search("Patient").then(({ resources }) => resources)).resolves.toEqualTypeOf<
        readonly dstu2.Patient[]
      >();
      expectTypeOf(two.vread("Patient", "1", "2")).resolves.toEqualTypeOf<stu3.Patient>();
      expectTypeOf(
        three.history("Patient", "1").then((page) => page.bundle),
      ).resolves.toEqualTypeOf<r4.Bundle>();
      expectTypeOf(three.searchAll("Observation")).toExtend<AsyncIterable<r4.Observation>>();
      expectTypeOf(three.everything("1")).toExtend<AsyncIterable<r4.FhirResource>>();
      expectTypeOf(three.everythingOf("Patient")).toExtend<AsyncIterable<r4.FhirResource>>();
      // @ts-expect-error 1upHealth declares it for Patient alone
      void three.everythingOf("Encounter");
      expectTypeOf(three.operation("validate")).resolves.toEqualTypeOf<r4.FhirResource | null>();
      // @ts-expect-error DSTU2 has no Task
      void one.searchAll("Task");
      // @ts-expect-error a filter that got lost would find everything
      void three.search("Patient", { identifier: undefined });
    };
    expectTypeOf(check).toBeFunction();
  });

  it("what may have _elements or _summary among its parameters finds parts", () => {
    const check = (three: FhirClient<"r4">, thin: boolean, any: SearchParams): void => {
      const [code, text] = [{ _elements: ["code"] }, { _summary: "text" }] as const;
      const whole = { date: "ge2026", ...(thin && ({ _summary: "false" } as const)) };
      type Whole = AsyncIterable<r4.Observation>;
      const { searchAll } = three;
      expectTypeOf(searchAll("Observation", { patient: "1", ...(thin && code) })).not.toExtend<Whole>();
      expectTypeOf(searchAll("Observation", { ...(thin && text) })).not.toExtend<Whole>();
      expectTypeOf(searchAll("Observation", thin ? code : { patient: "1" })).not.toExtend<Whole>();
      expectTypeOf(searchAll("Observation", any)).not.toExtend<Whole>();
      expectTypeOf(searchAll("Observation", any)).toExtend<AsyncIterable<PartOf<r4.Observation>>>();
      expectTypeOf(searchAll("Observation", whole)).toExtend<Whole>();
      interface Mine {
        readonly code: string;
      }
      const mine = (params: { readonly code?: string; readonly _count: number }, { code }: Mine): void => {
        expectTypeOf(searchAll("Observation", params)).toExtend<Whole>();
        expectTypeOf(three.searchPages("Observation", { code })).toExtend<
          AsyncIterable<{ readonly resources: readonly r4.Observation[] }>
        >();
      };
      void mine;
    };
    expectTypeOf(check).toBeFunction();
  });

  it("update() gives back the type of what it was given, and wants the version's shape", () => {
    const check = (three: FhirClient<"r4">, patient: r4.Patient): void => {
      expectTypeOf(three.update(patient)).resolves.toEqualTypeOf<r4.Patient>();
      expectTypeOf(three.update({ ...patient, gender: "male" })).resolves.toEqualTypeOf<r4.Patient>();
      // @ts-expect-error no such field
      void three.update({ resourceType: "Patient", id: "1", nome: "Baggins" });
    };
    expectTypeOf(check).toBeFunction();
  });

  it("create() takes a value that is already typed", () => {
    const check = (three: FhirClient<"r4">, patient: r4.Patient): void => {
      expectTypeOf(three.create(patient)).resolves.toEqualTypeOf<r4.Patient>();
    };
    expectTypeOf(check).toBeFunction();
    expectTypeOf<ResourceOf<"stu3", "Bundle">>().toEqualTypeOf<stu3.Bundle>();
  });
});
