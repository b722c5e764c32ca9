import { describe, expect, it } from "vitest";
import { openWithUser } from "./support.ts";

const observation = { resourceType: "Observation", status: "final", code: { text: "weight" } };
const patient = { resourceType: "Patient" };

type Issues = readonly (readonly [code: string, place: string, diagnostics: string])[];

function issuesOf(outcome: Record<string, any>): Issues {
  return outcome["issue"].map((one: any) => [one.code, one.expression?.[0], one.diagnostics]);
}

const faulty: readonly (readonly [resource: Record<string, unknown>, issues: Issues])[] = [
  [
    { resourceType: "Observation" },
    [
      ["required", "Observation.status", "The element status is missing"],
      ["required", "Observation.code", "The element code is missing"],
    ],
  ],
  [
    { resourceType: "MessageHeader", source: [{ endpoint: "urn:a" }], eventUri: "urn:b" },
    [["structure", "MessageHeader.source", 'Invalid value [{"endpoint":"urn:a"}]: it must be one object']],
  ],
  [
    { resourceType: "CodeSystem", status: "draft", content: [] },
    [
      ["required", "CodeSystem.content", "The element content is missing"],
      ["structure", "CodeSystem.content", "Invalid value []: it must be one string"],
    ],
  ],
  [
    { ...patient, name: "Ada" },
    [["structure", "Patient.name", 'Invalid value "Ada": it must be a list of objects']],
  ],
  [
    { ...patient, name: ["Ada"] },
    [["structure", "Patient.name", 'Invalid value ["Ada"]: it must be a list of objects']],
  ],
  [
    { ...patient, active: "true", multipleBirthInteger: "2", language: null },
    [
      ["structure", "Patient.active", 'Invalid value "true": it must be one boolean'],
      ["structure", "Patient.multipleBirthInteger", 'Invalid value "2": it must be one number'],
      ["structure", "Patient.language", "Invalid value null: it must be one string"],
    ],
  ],
  [
    { ...patient, birthdate: "1815-12-10" },
    [["structure", "Patient.birthdate", 'Unknown element "birthdate"']],
  ],
  [{ ...patient, _name: {} }, [["structure", "Patient._name", 'Unknown element "_name"']]],
  [
    { ...patient, gender: 1, name: {} },
    [
      ["code-invalid", "Patient.gender", "Invalid value 1"],
      ["structure", "Patient.name", "Invalid value {}: it must be a list of objects"],
    ],
  ],
];

describe("sandbox/fhir validation", () => {
  it.each(faulty)(
    "%j is refused by create, update, validation and a batch, and not stored",
    async (sent, issues) => {
      const { sandbox, fhir } = await openWithUser();
      const { resourceType } = sent;
      const path = `/r4/${String(resourceType)}`;
      const created = await fhir("POST", path, sent);
      expect([created.status, issuesOf(created.body)]).toEqual([400, issues]);
      expect(issuesOf((await fhir("POST", `${path}/$validate`, sent)).body)).toEqual(issues);
      const entry = [{ resource: sent, request: { method: "POST", url: resourceType } }];
      const batch = await fhir("POST", "/r4", { resourceType: "Bundle", type: "batch", entry });
      const [answer] = batch.body["entry"];
      expect([answer.response.status, issuesOf(answer.response.outcome)]).toEqual(["400", issues]);
      expect(sandbox.snapshot().resources).toEqual([]);
      const [id] = sandbox.addResources("ada", "r4", [sent]); // arranges what it is given
      const updated = await fhir("PUT", `${path}/${id}`, sent);
      expect([updated.status, issuesOf(updated.body)]).toEqual([400, issues]);
    },
  );

  it.each([
    observation,
    { ...observation, valueQuantity: { value: 1.5 }, extension: [{ url: "urn:a" }], contained: [patient] },
    {
      resourceType: "Observation",
      code: {},
      _status: { extension: [{ url: "urn:a", valueCode: "unknown" }] },
    },
    { ...patient, _birthDate: { id: "a" }, deceasedBoolean: false },
    { resourceType: "PlanDefinition", status: "draft", library: ["urn:a"], _library: [null, { id: "b" }] },
    { resourceType: "Bundle", type: "collection", entry: [{ resource: patient }] },
  ])("%j is stored", async (sent) => {
    const { fhir } = await openWithUser();
    expect((await fhir("POST", `/r4/${sent.resourceType}`, sent)).status).toBe(201);
  });

  it("a refusal names at most 20 flaws", async () => {
    const { fhir } = await openWithUser();
    const unknown = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`x${n}`, n]));
    expect((await fhir("POST", "/r4/Patient", { ...patient, ...unknown })).body["issue"]).toHaveLength(20);
  });

  it.each(["dstu2", "stu3"])("the elements of %s are not checked", async (version) => {
    const { fhir } = await openWithUser();
    expect((await fhir("POST", `/${version}/Patient`, { ...patient, name: "Ada" })).status).toBe(201);
  });
});
