import type { Observation, Patient } from "fhir/r4.js";
import { parseFhirJson } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { errorOf, withAda } from "./ada.ts";

const bilbo: Patient = { resourceType: "Patient", name: [{ family: "Baggins", given: ["Bilbo"] }] };

describe("update()", () => {
  it.each(["dstu2", "stu3", "r4"] as const)(
    "replaces a resource in %s and gives back the new one",
    async (version) => {
      const { fhir } = await withAda(version);
      const { id = "" } = await fhir.create<"Basic">({ resourceType: "Basic", code: { text: "a" } });
      const read = await fhir.read("Basic", id);
      const updated = await fhir.update({ ...read, code: { text: "b" } });
      expect(updated).toMatchObject({ id, code: { text: "b" }, meta: { versionId: "2" } });
      expect(await fhir.read("Basic", id)).toEqual(updated);
    },
  );

  it("refuses in r4 to replace a version that the caller has not seen", async () => {
    const { fhir, sandbox } = await withAda("r4");
    const mine = await fhir.create(bilbo);
    await fhir.update({ ...mine, gender: "male" });
    const error = await errorOf(fhir.update({ ...mine, birthDate: "1993-06-20" }));
    expect(error).toMatchObject({ code: "FHIR_CONFLICT", status: 412, retryable: false });
    expect(error.message).toBe(
      "Cannot update the Patient: it has changed meanwhile (412); read it again first",
    );
    expect(await fhir.update({ ...mine, birthDate: "1993-06-20" }, { ifMatch: false })).not.toHaveProperty(
      "gender",
    );
    expect(sandbox.journal.count("fhir.update")).toBe(3);
  });

  it("demands no version in dstu2 and stu3 unless ifMatch does", async () => {
    const { fhir } = await withAda("stu3");
    const mine = await fhir.create<"Basic">({ resourceType: "Basic", code: {} });
    await fhir.update(mine);
    expect(await fhir.update(mine)).toMatchObject({ meta: { versionId: "3" } });
    expect(await errorOf(fhir.update(mine, { ifMatch: true }))).toMatchObject({ code: "FHIR_CONFLICT" });
    const { meta: _, ...bare } = mine;
    expect((await errorOf(fhir.update(bare as typeof mine, { ifMatch: true }))).message).toBe(
      "Cannot update the Basic: meta.versionId must be one that If-Match can name, unless ifMatch is false, got nothing",
    );
  });

  it("posts to the resource's id with that method, as a page of 1upHealth's guide has it", async () => {
    const { fhir } = await withAda("r4");
    const mine = await fhir.create(bilbo);
    expect(await fhir.update({ ...mine, gender: "male" }, { method: "POST" })).toMatchObject({
      gender: "male",
    });
  });

  it.each(["after", "body"] as const)("is in doubt when the answer is lost (drop: %s)", async (drop) => {
    const { fhir, sandbox } = await withAda("r4");
    const mine = await fhir.create(bilbo);
    sandbox.fail({ call: "fhir.update", drop });
    const error = await errorOf(fhir.update({ ...mine, gender: "male" }));
    expect(error).toMatchObject({ code: "IN_DOUBT", retryable: false });
    expect(error.message).toBe(
      "Cannot tell whether the Patient was updated: the answer was lost; read it before you update it again",
    );
  });

  it.each<[string, object]>([
    ["no id", bilbo],
    ["an id with a path", { ...bilbo, id: "../Person/1" }],
    ["no type", { id: "1" }],
  ])("refuses %s before anything is sent", async (_, resource) => {
    const { fhir, sandbox } = await withAda("r4");
    expect(await errorOf(fhir.update(resource as Patient))).toMatchObject({ code: "INVALID_RESOURCE" });
    expect(sandbox.journal.count("fhir.update")).toBe(0);
  });
});

describe("values that JSON cannot hold", () => {
  const weight = {
    resourceType: "Observation",
    id: "1",
    status: "final",
    code: { text: "weight" },
  } as const;
  class Hidden {
    readonly #value = 1;
    value(): number {
      return this.#value;
    }
  }
  it.each<[string, object]>([
    [
      "the number or date at Observation.valueQuantity.value",
      { ...weight, valueQuantity: { value: Number.NaN } },
    ],
    [
      "the number or date at Observation.component[1].valueInteger",
      { ...weight, component: [{}, { valueInteger: -Infinity }] },
    ],
    ["the number or date at Observation.issued", { ...weight, issued: new Date(Number.NaN) }],
    ["the number or date at Observation.….value", { ...weight, "Ada Lovelace": { value: Infinity } }],
    ["the Map at Observation.extension", { ...weight, extension: new Map([["url", "x"]]) }],
    ["the Set at Observation.category", { ...weight, category: new Set([{ text: "x" }]) }],
    ["the function at Observation.note[0].text", { ...weight, note: [{ text: () => "x" }] }],
    ["the function at Observation.note[0]", { ...weight, note: [() => "x"] }],
    ["the symbol at Observation.status", { ...weight, status: Symbol("final") }],
    ["the bigint at Observation.valueInteger", { ...weight, valueInteger: 1n }],
    ["the Hidden at Observation.valueQuantity", { ...weight, valueQuantity: new Hidden() }],
    ["the Promise at Observation.subject", { ...weight, subject: Promise.resolve({}) }],
    [
      "the bytes at Observation.valueAttachment.data; give them as text in base64",
      { ...weight, valueAttachment: { data: Buffer.from("x") } },
    ],
    [
      "the Map at Observation.extension",
      { ...weight, valueQuantity: parseFhirJson('{"value":1.50}'), extension: new Map() },
    ],
    ["the Map at Observation.subject", { ...weight, subject: { toJSON: () => new Map() } }],
    ["the number or date at Observation.valueInteger", { ...weight, valueInteger: new Number(Number.NaN) }],
    ["undefined at Observation.note[1]; leave it out", { ...weight, note: [{ text: "x" }, undefined] }],
    [
      "undefined at Observation.note[0]; leave it out",
      { ...weight, note: Object.assign([], { 1: { text: "after a hole" } }) },
    ],
    [
      "undefined at Observation.performer[0].identifier.extension[1]; leave it out",
      { ...weight, performer: [{ identifier: { extension: [null, { toJSON: () => undefined }] } }] },
    ],
    ["half a character at Observation.note[1].text", { ...weight, note: [{}, { text: "\u{1f600}\ud83d" }] }],
    ["half a character at Observation.status", { ...weight, status: new String("\udc00") }],
    ["half a character at Observation.…", { ...weight, "\ud800": 1 }],
  ])("are refused before anything is sent: %s", async (what, resource) => {
    const { fhir, sandbox } = await withAda("r4");
    sandbox.journal.clear();
    const given = resource as Observation & { readonly id: string };
    const calls = [
      () => fhir.create(given),
      () => fhir.update(given),
      () => fhir.validate(given),
      () => fhir.operation("validate", { resourceType: "Observation", body: given }),
      () => fhir.batch([{ type: "create", resource: given }]),
    ];
    for (const call of calls) {
      const error = await errorOf(call());
      expect(error.code).toBe("INVALID_RESOURCE");
      expect(error.message.endsWith(`: JSON cannot hold ${what}`)).toBe(true);
    }
    expect(sandbox.journal.entries()).toEqual([]);
  });

  it("are not those of a class with fields, a Date, or what has a toJSON()", async () => {
    const { fhir } = await withAda("r4");
    class Name {
      readonly family = "Lovelace";
      readonly given = [new String("Ada")];
    }
    const birthDate = { toJSON: () => "1815-12-10" };
    const patient = { resourceType: "Patient", name: [new Name()], birthDate, active: undefined };
    const made = await fhir.create(patient as unknown as Patient);
    expect(made).toMatchObject({ name: [{ family: "Lovelace", given: ["Ada"] }], birthDate: "1815-12-10" });
  });

  it("are not those of a null, a text or a list with a gap", async () => {
    const { fhir } = await withAda("r4");
    const given = [null, "Nulla"] as unknown as string[];
    const paired = [{ extension: [{ url: "urn:unknown", valueCode: "masked" }] }, null];
    const all = [
      { given, _given: paired, text: "null, \\ud800, \u{1f600}" },
      { text: new String("\u{1f600}") },
    ];
    const { name } = await fhir.create({ resourceType: "Patient", name: all } as unknown as Patient);
    expect(name).toEqual([all[0], { text: "\u{1f600}" }]);
  });
});

describe("vread() and history()", () => {
  it("show what a resource was", async () => {
    const { fhir } = await withAda("r4");
    const mine = await fhir.create(bilbo);
    const { id = "" } = await fhir.update({ ...mine, gender: "male" });
    expect(await fhir.vread("Patient", id, "1")).not.toHaveProperty("gender");
    expect(await fhir.vread("Patient", id, "2")).toMatchObject({ gender: "male" });
    expect(await errorOf(fhir.vread("Patient", id, "3"))).toMatchObject({
      code: "FHIR_REFUSED",
      status: 404,
    });
    const page = await fhir.history("Patient", id);
    expect(page.resources.map(({ meta }) => meta?.versionId)).toEqual(["2", "1"]);
    expect(await page.next()).toBeNull();
  });

  it("history() goes on page by page, and leaves a deletion to the bundle", async () => {
    const { fhir } = await withAda("r4");
    const mine = await fhir.create(bilbo);
    const { id = "" } = await fhir.update({ ...mine, gender: "male" });
    const first = await fhir.history("Patient", id, { count: 1 });
    const second = await first.next();
    expect([first, second].map((page) => page?.resources[0]?.meta?.versionId)).toEqual(["2", "1"]);
    const again = await fhir.history("Patient", id, { count: 1, cursor: first.nextCursor });
    expect(again.resources).toEqual(second?.resources);
  });
});

describe("delete()", () => {
  it("deletes, and reports a deleted resource as not found", async () => {
    const { fhir } = await withAda("r4");
    const { id = "" } = await fhir.create(bilbo);
    await fhir.delete("Patient", id);
    expect(await errorOf(fhir.read("Patient", id))).toMatchObject({ status: 404 });
    expect(await errorOf(fhir.delete("Patient", id))).toMatchObject({ code: "FHIR_REFUSED", status: 404 });
  });

  it("may be repeated when the answer is lost", async () => {
    const { fhir, sandbox } = await withAda("r4");
    const { id = "" } = await fhir.create(bilbo);
    sandbox.fail({ call: "fhir.delete", drop: "before" });
    expect(await errorOf(fhir.delete("Patient", id))).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    await fhir.delete("Patient", id);
  });
});

describe("share() and unshare()", () => {
  it("let another user read a patient, and no more", async () => {
    const { fhir, lifecycle } = await withAda("r4");
    const { oneupUserId } = await lifecycle.onboard("grace@example.org");
    const grace = lifecycle.fhir("grace@example.org", "r4");
    const { id = "" } = await fhir.create(bilbo);
    expect(await errorOf(grace.read("Patient", id))).toMatchObject({ status: 404 });
    await fhir.share(id, oneupUserId ?? 0);
    expect(await grace.read("Patient", id)).toMatchObject({ id });
    await fhir.unshare(id, oneupUserId ?? 0);
    expect(await errorOf(grace.read("Patient", id))).toMatchObject({ status: 404 });
  });

  it("refuse an id that is none", async () => {
    const { fhir } = await withAda("r4");
    expect((await errorOf(fhir.share("a/b", 1))).message).toMatch(
      /^Cannot share the Patient: an id must match/,
    );
    expect((await errorOf(fhir.unshare("a", 0))).message).toBe(
      "Cannot end the sharing of the Patient: oneupUserId must be a whole number from 1, got 0",
    );
  });
});
