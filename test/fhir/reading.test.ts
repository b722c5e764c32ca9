/** Parts of resources, searches by POST, histories as walks, and validations. */
import type { PartOf } from "oneup-lifecycle";
import { describe, expect, expectTypeOf, it } from "vitest";
import { ada, all, errorOf, withAda } from "./ada.ts";
import type { Patient } from "fhir/r4.js";

const grete = { resourceType: "Patient" as const, name: [{ family: "Samsa" }], gender: "female" as const };

describe("search() for a part of each resource", () => {
  it.each(["tagged", "untagged"] as const)("gives parts that update() refuses (%s)", async (parts) => {
    const { fhir, sandbox } = await withAda("r4", { parts, readLagMs: 0 });
    await fhir.create(grete);
    const { resources } = await fhir.search("Patient", { _elements: ["gender", "birthDate"] });
    const [part] = resources;
    expectTypeOf(part).toEqualTypeOf<PartOf<Patient> | undefined>();
    expect(part).toMatchObject({ gender: "female" });
    expect(part).not.toHaveProperty("name");
    const before = sandbox.journal.entries().length;
    const found = part as Patient;
    for (const one of [found, { ...found, gender: "other" as const }])
      expect(await errorOf(fhir.update({ ...one, resourceType: "Patient" }))).toMatchObject({
        code: "INVALID_RESOURCE",
        message: expect.stringContaining("must be whole, so read it first") as string,
      });
    expect(sandbox.journal.entries()).toHaveLength(before);
    const whole = await fhir.read("Patient", part?.id ?? "");
    expect(await fhir.update({ ...whole, gender: "other" })).toMatchObject({ name: grete.name });
  });

  it("knows whole resources, walks too", async () => {
    const { fhir } = await withAda("r4", { readLagMs: 0 });
    await fhir.create(grete);
    for await (const one of fhir.searchAll("Patient", { _summary: "false" })) {
      expectTypeOf(one).toEqualTypeOf<Patient>();
      expect(await fhir.update({ ...one, gender: "male" })).toMatchObject({ gender: "male" });
    }
    for await (const one of fhir.searchAll("Patient", { _summary: "text" })) {
      expectTypeOf(one).toEqualTypeOf<PartOf<Patient>>();
      const error = await errorOf(fhir.update({ ...(one as Patient), resourceType: "Patient" }));
      expect(error.code).toBe("INVALID_RESOURCE");
    }
  });

  it("counts, and refuses a summary that FHIR does not know", async () => {
    const { fhir } = await withAda("r4", { readLagMs: 0 });
    await fhir.create(grete);
    expect(await fhir.search("Patient", { _summary: "count" })).toMatchObject({ total: 1, resources: [] });
    const error = await errorOf(fhir.search("Patient", { _summary: "short" as "text" }));
    expect(error.message).toContain("_summary must be one of true, text, data, count, false");
    // @ts-expect-error -- no element of a Patient
    await fhir.search("Patient", { _elements: ["colour"] });
  });

  it("includes what the matches refer to", async () => {
    const { fhir } = await withAda("r4", { readLagMs: 0 });
    const { id } = await fhir.create(grete);
    const subject = { reference: `Patient/${id}` };
    for (const code of ["a", "b"])
      await fhir.create({ resourceType: "Observation", status: "final", code: { text: code }, subject });
    const page = await fhir.search("Observation", { _include: "Observation:subject" });
    expect(page.resources).toHaveLength(2);
    expect(page.included).toMatchObject([{ resourceType: "Patient", id }]);
  });

  it("includes what refers to the matches of its page, once, and not what is gone", async () => {
    const { fhir, sandbox } = await withAda("r4", { readLagMs: 0 });
    const [one, two] = [await fhir.create(grete), await fhir.create(grete)];
    const about = (id: string | undefined) => ({
      resourceType: "Observation",
      subject: { reference: `Patient/${id}` },
      performer: [{ reference: `Patient/${id}` }],
    });
    const [first = "", second = "", third = ""] = sandbox.addResources(ada, "r4", [
      about(one.id),
      about(one.id),
      about(two.id),
    ]);
    sandbox.addResources(ada, "r4", [
      { resourceType: "Condition", subject: { reference: `Patient/${one.id}` } },
    ]);
    await fhir.delete("Observation", second);
    const asked = ["Observation:subject", "Observation:performer:Patient"] as const;
    const page = await fhir.search("Patient", { _revinclude: asked, _count: 1 });
    expect(page.resources).toMatchObject([{ id: one.id }]);
    expect(page.included.map(({ id }) => id)).toEqual([first]);
    const next = await page.next();
    expect(next?.included.map(({ id }) => id)).toEqual([third]);
    const other = await fhir.search("Patient", { _revinclude: "Observation:subject:Group" });
    expect(other.included).toEqual([]);
    const types = page.bundle.entry?.map(({ search }) => search?.mode);
    expect(types).toContain("include");
  });
});

describe("search() by POST", () => {
  it.each(["usual", "relative"] as const)(
    "keeps what is searched for out of every URL (%s)",
    async (nextLink) => {
      const { fhir, sandbox } = await withAda("r4", { nextLink, readLagMs: 0 });
      for (let index = 0; index < 5; index++) await fhir.create(grete);
      const before = sandbox.journal.entries().length;
      const walk = fhir.searchAll("Patient", { family: "Samsa", _count: 2 }, { method: "POST" });
      let cursor: string | undefined;
      for await (const page of walk.pages()) {
        cursor ??= page.nextCursor;
        expect(page.resources.length).toBeGreaterThan(0);
      }
      const resumed = fhir.searchAll("Patient", { family: "Samsa", _count: 2 }, { method: "POST", cursor });
      expect(await all(resumed)).toHaveLength(3);
      const calls = sandbox.journal.entries().slice(before);
      expect(calls).toHaveLength(5);
      for (const { method, path } of calls)
        expect({ method, path }).toEqual({ method: "POST", path: "/r4/Patient/_search" });
      const page = await fhir.search("Patient", { family: "Nobody" }, { method: "POST" });
      expect(page.resources).toEqual([]);
    },
  );
});

describe("historyAll()", () => {
  it("walks over the versions of a resource, and goes on from a cursor", async () => {
    const { fhir } = await withAda("r4", { readLagMs: 0 });
    let patient = await fhir.create(grete);
    for (const gender of ["male", "other", "unknown"] as const)
      patient = await fhir.update({ ...patient, gender });
    const walk = fhir.historyAll("Patient", patient.id, { count: 2 });
    const seen: (string | undefined)[] = [];
    for await (const { meta } of walk) if (seen.push(meta?.versionId) === 3) break;
    expect(seen).toEqual(["4", "3", "2"]);
    const rest = fhir.historyAll("Patient", patient.id, { count: 2, cursor: walk.cursor });
    expect((await all(rest)).map(({ meta }) => meta?.versionId)).toEqual(["2", "1"]);
  });

  it("walks over those of all resources of a type, where 1upHealth declares that", async () => {
    const { fhir, lifecycle } = await withAda("stu3", { readLagMs: 0 });
    for (let index = 0; index < 3; index++) {
      const one = await fhir.create<"Patient">({ resourceType: "Patient" });
      await fhir.update({ ...one, gender: "other" });
    }
    expect(await all(fhir.historyAll("Patient", undefined, { count: 4 }))).toHaveLength(6);
    const r4 = lifecycle.fhir("ada@example.org", "r4");
    expect(await errorOf(all(r4.historyAll("Patient")))).toMatchObject({ facts: { undeclared: true } });
  });
});

describe("validate()", () => {
  it.each([200, 412, 422] as const)("tells what is wrong, and stores nothing (%i)", async (invalidStatus) => {
    const { fhir, sandbox } = await withAda("r4", { invalidStatus, readLagMs: 0 });
    const fine = await fhir.validate(grete);
    expect(fine).toMatchObject({ isValid: true, outcome: { resourceType: "OperationOutcome" } });
    const wrong = await fhir.validate({ ...grete, gender: "wrong" as "male" });
    expect(wrong).toMatchObject({
      isValid: false,
      issues: [{ severity: "error", code: "code-invalid", at: ["Patient.gender"] }],
    });
    expect(wrong.outcome?.resourceType).toBe(invalidStatus === 200 ? "OperationOutcome" : undefined);
    const updated = await fhir.validate(
      { ...grete, birthDate: "x" },
      { mode: "update", profile: "http://a.b/c" },
    );
    expect(updated.isValid).toBe(false);
    expect((await fhir.search("Patient")).resources).toEqual([]);
    sandbox.fail({ call: "fhir.validate", drop: "after" });
    expect((await fhir.validate(grete)).isValid).toBe(true); // it may be repeated
    const outcome = { resourceType: "OperationOutcome" };
    for (const body of [{ resourceType: "Patient", id: "1" }, outcome, { ...outcome, issue: "x" }]) {
      sandbox.fail({ call: "fhir.validate", status: 200, body });
      expect(await errorOf(fhir.validate(grete, { retries: 0 }))).toMatchObject({ code: "BAD_ANSWER" });
    }
    for (const issue of [{ code: "invalid" }, { severity: "ERROR" }, null]) {
      sandbox.fail({ call: "fhir.validate", status: 200, body: { ...outcome, issue: [issue] } });
      expect((await fhir.validate(grete)).isValid).toBe(false);
    }
  });
});
