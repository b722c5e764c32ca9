import { describe, expect, it } from "vitest";
import { capabilitiesOf, undeclared } from "../../src/fhir/capabilities.ts";
import { fhirVersions } from "../../src/fhir/fhir-version.ts";
import { all, errorOf, withAda } from "./ada.ts";

describe("what 1upHealth declares", () => {
  it.each([
    ["r4", "validate", "Patient", null],
    ["r4", "export", "Group", null],
    ["r4", "everything", "Patient", null],
    ["r4", "everything", "Encounter", "r4 declares no operation $everything of Encounter"],
    ["r4", "export", undefined, "r4 declares no operation $export of the whole server"],
    ["r4", "meta", "Patient", "r4 declares no operation $meta of Patient"],
    ["stu3", "translate", undefined, null],
    ["stu3", "everything", "Encounter", null], // its statement names no level
    ["dstu2", "translate", "ConceptMap", "dstu2 declares no operation $translate of ConceptMap"],
  ] as const)("for %s, of $%s on %s: %s", async (version, operation, resourceType, why) => {
    const wanted = { interaction: "operation", operation, resourceType } as const;
    const expected = why === null ? null : `the capability statement of 1upHealth for ${why}`;
    expect(undeclared(capabilitiesOf(version), wanted)).toBe(expected);
  });

  it("knows what a type can do", async () => {
    const r4 = capabilitiesOf("r4");
    expect([...(r4.types.get("Binary")?.interactions ?? [])]).toEqual(["history-instance", "read", "vread"]);
    expect([...(r4.types.get("Provenance")?.interactions ?? [])]).toEqual(["read"]);
    const unsearchable = [...r4.types].filter(([, type]) => !type.interactions.has("search-type"));
    expect(unsearchable).toHaveLength(12);
    expect(r4.types.get("Patient")?.searchParams.has("birthdate")).toBe(true);
    for (const version of fhirVersions)
      expect(capabilitiesOf(version).types.get("Patient")?.searchParams.has("_id")).toBe(true);
  });

  it.each([
    ["name:exact", null],
    ["general-practitioner:Practitioner.name", null],
    ["organization.name", null],
    ["_has:Observation:patient:code", null],
    ["_has:Observation:patient:_has:Encounter:patient:status", null],
    ["_include:iterate", null],
    ["general-practitioner.name:exact", null],
    ["_count", null],
    ["_sort", null],
  ])("of a search by %s", async (param) => {
    const wanted = { interaction: "search-type", resourceType: "Patient", params: [param] } as const;
    expect(undeclared(capabilitiesOf("r4"), wanted)).toBeNull();
  });

  it.each([
    "shoe-size",
    "nmae:exact",
    "name:exakt",
    "_cuont",
    "general-practitioner:Practitioner.nmae",
    "general-practitioner:Practicioner.name",
    "organization.shoe-size",
    "_has:Observation:patient:cdoe",
    "_has:Observation:patient:_has:Encounter:patient:statsu",
  ])("not of a search by %s", async (param) => {
    const wanted = { interaction: "search-type", resourceType: "Patient", params: [param] } as const;
    expect(undeclared(capabilitiesOf("r4"), wanted)).toBe(
      `the capability statement of 1upHealth for r4 declares no search parameter ${param} of Patient`,
    );
  });
});

describe("a refusal of what is not declared", () => {
  it("names what is not declared", async () => {
    const { fhir } = await withAda("r4", { undeclared: "refuse" });
    const type = await errorOf(fhir.search("SubstancePolymer" as "Patient"));
    expect(type).toMatchObject({ code: "FHIR_REFUSED", status: 400, facts: { undeclared: true } });
    expect(type.message).toMatch(
      /\(400: not-supported\); the capability statement of 1upHealth for r4 declares no search of SubstancePolymer$/,
    );
    const param = await errorOf(fhir.search("Patient", { "shoe-size": 43 }));
    expect(param.message).toMatch(/ declares no search parameter shoe-size of Patient$/);
  });

  it("names it too where a router does not know the address, and asks once", async () => {
    const { fhir, sandbox } = await withAda("r4");
    sandbox.fail({ call: "fhir.read", status: 404, body: "Cannot GET /", times: Infinity });
    const error = await errorOf(fhir.read("Hobbit" as "Patient", "1"));
    expect(error).toMatchObject({ code: "BAD_ANSWER", status: 404, facts: { undeclared: true } });
    expect(sandbox.journal.count("fhir.read")).toBe(1);
    sandbox.fail({ call: "fhir.create", status: 404, body: "Cannot POST /" });
    const doubt = await errorOf(fhir.create({ resourceType: "Binary", contentType: "text/plain" }));
    expect(doubt).toMatchObject({ code: "IN_DOUBT", status: 404, facts: { undeclared: true } });
  });

  it("is left as it is where everything is declared", async () => {
    const { fhir } = await withAda("r4");
    const error = await errorOf(fhir.read("Patient", "none"));
    expect(error.message).toBe(
      "Cannot read the Patient: 1upHealth refused it (404: not-found); one that was just created is shown a moment later (untilReadable)",
    );
    expect(error.facts).not.toHaveProperty("undeclared");
  });
});

describe("fhir(id, version, { strict: true })", () => {
  it.each<[string, (fhir: Awaited<ReturnType<typeof withAda<"r4">>>["fhir"]) => Promise<unknown>]>([
    ["no resource of that name", (fhir) => fhir.read("Hobbit" as "Patient", "1")],
    [
      "no create of Binary",
      (fhir) => fhir.create<"Binary">({ resourceType: "Binary", contentType: "text/plain" }),
    ],
    ["no delete of Provenance", (fhir) => fhir.delete("Provenance", "1")],
    ["no search parameter", (fhir) => fhir.search("Patient", { "shoe-size": 43 })],
    ["no such parameter of a chain", (fhir) => fhir.search("Observation", { "subject:Patient.nmae": "Ada" })],
    ["no such modifier", (fhir) => all(fhir.searchAll("Patient", { "name:exakt": "Ada" }))],
    ["no history of a type", (fhir) => fhir.history("Patient")],
    ["no operation of that name", (fhir) => fhir.operation("meta", { resourceType: "Patient" })],
    ["no validation without a type", (fhir) => fhir.operation("validate")],
  ])("spends no call: %s", async (_, call) => {
    const { fhir, sandbox } = await withAda("r4", {}, { strict: true });
    const before = sandbox.journal.entries().length;
    const error = await errorOf(call(fhir));
    expect(error).toMatchObject({ code: "NOT_DECLARED", retryable: false });
    expect(error.message).toMatch(
      /^Cannot .*: the capability statement of 1upHealth for r4 declares no .*; nothing was sent$/,
    );
    expect(sandbox.journal.entries()).toHaveLength(before);
  });

  it("lets through what is declared, and what has a page of its own in 1upHealth's documentation", async () => {
    const { fhir } = await withAda("r4", {}, { strict: true });
    const { id = "" } = await fhir.create<"Patient">({ resourceType: "Patient" });
    await fhir.search("Patient", { _id: id, _count: 1 });
    for await (const one of fhir.everything(id)) expect(one).toMatchObject({ id });
  });
});
