import { describe, expect, it } from "vitest";
import { createVirtualClock } from "../../src/sandbox/index.ts";
import { openWithUser } from "./support.ts";

const ada = {
  resourceType: "Patient",
  identifier: [{ system: "urn:app", value: "a,1" }, { value: "bare" }],
  name: [{ family: "Lovelace", given: ["Áda", "King"] }],
  telecom: [
    { system: "phone", value: "555" },
    { system: "email", value: "ada@example.org" },
  ],
  gender: "female",
  active: true,
  birthDate: "1815-12-10",
  address: [{ city: "London", line: ["12 St James's Square"] }],
  managingOrganization: { reference: "Organization/o1" },
};
const bilbo = { resourceType: "Patient", name: [{ text: "Bilbo Baggins" }], gender: "male" };

const observation = {
  resourceType: "Observation",
  status: "final",
  code: { coding: [{ system: "http://loinc.org", code: "8480-6" }] },
  subject: { reference: "Patient/p1" },
  encounter: { reference: "https://api.1up.health/r4/Encounter/e1" },
  effectivePeriod: { start: "2026-03-01", end: "2026-03-31" },
  valueQuantity: { value: 120.5, system: "http://unitsofmeasure.org", code: "mm[Hg]" },
};

describe("sandbox/fhir search", () => {
  it.each([
    ["identifier=urn%3Aapp%7Ca%5C%2C1", 1],
    ["identifier=a%5C%2C1", 1],
    ["identifier=urn%3Aapp%7C", 1],
    ["identifier=%7Cbare", 1],
    ["identifier=%7Ca%5C%2C1", 0],
    ["identifier=urn%3Aother%7Ca%5C%2C1", 0],
    ["identifier:missing=true", 1],
    ["gender=female,male", 2],
    ["gender:not=male", 1],
    ["gender=FEMALE", 0],
    ["gender=", 2],
    ["gender=,male", 1],
    ["family=nobody,", 0],
    ["active=true", 1],
    ["phone=555", 1],
    ["phone=ada%40example.org", 0],
    ["email=ada%40example.org", 1],
    ["family=love", 1],
    ["family:exact=love", 0],
    ["family:exact=Lovelace", 1],
    ["family:contains=LACE", 1],
    ["given=ada", 1],
    ["name=bilbo", 1],
    ["name=king", 1],
    ["address=12 st", 1],
    ["address-city=lon", 1],
    ["organization=Organization/o1", 1],
    ["organization=o1", 1],
    ["organization:Organization=o1", 1],
    ["organization:Practitioner=o1", 0],
    ["birthdate=1815", 1],
    ["birthdate=gt1815-12-10", 0],
    ["birthdate=ge1815-12-10&birthdate=lt1816", 1],
    ["gender=female&family=baggins", 0],
  ])("GET /r4/Patient?%s finds %i", async (query, total) => {
    const { fhir, sandbox } = await openWithUser();
    sandbox.addResources("ada", "r4", [ada, bilbo]);
    const { body } = await fhir("GET", `/r4/Patient?${query}`);
    expect([body["total"], body["entry"]?.length]).toEqual([total, total]);
  });

  it.each([
    ["code=http%3A%2F%2Floinc.org%7C8480-6", 1],
    ["code=8480-6,1", 1],
    ["patient=p1", 1],
    ["patient=Patient/p1", 1],
    ["patient=p2", 0],
    ["subject:Device=p1", 0],
    ["encounter=e1", 1],
    ["date=2026-03", 1],
    ["date=2026-03-05", 0],
    ["date=ge2026-03-30", 1],
    ["date=lt2026-03-01", 0],
    ["date=ne2026", 0],
    ["value-quantity=gt120", 1],
    ["value-quantity=120.50%7Chttp%3A%2F%2Funitsofmeasure.org%7Cmm[Hg]", 1],
    ["value-quantity=le120", 0],
    ["value-quantity=ge120.5", 1],
    ["value-quantity=lt121", 1],
    ["value-quantity=ne120.5", 0],
    ["value-quantity=120.5%7C%7Cmmol", 0],
  ])("GET /r4/Observation?%s finds %i", async (query, total) => {
    const { fhir, sandbox } = await openWithUser();
    sandbox.addResources("ada", "r4", [observation]);
    expect((await fhir("GET", `/r4/Observation?${query}`)).body["total"]).toBe(total);
  });

  it("a Period may be open, a uri is compared as a whole", async () => {
    const { fhir, sandbox } = await openWithUser({ keepsMeta: true });
    const meta = { profile: ["http://hl7.org/vitals"] };
    sandbox.addResources("ada", "r4", [
      { ...observation, meta, effectivePeriod: { start: "2026-03" } },
      { ...observation, effectivePeriod: { end: "2026-03" } },
    ]);
    const total = async (query: string) => (await fhir("GET", `/r4/Observation?${query}`)).body["total"];
    expect([await total("date=gt2030"), await total("date=lt2000"), await total("date=2026")]).toEqual([
      1, 1, 0,
    ]);
    expect(await total("_profile=http%3A%2F%2Fhl7.org%2Fvitals")).toBe(1);
    expect(await total("_profile=http%3A%2F%2Fhl7.org")).toBe(0);
  });

  it("_id and id find one or more of a list", async () => {
    const { fhir, sandbox } = await openWithUser();
    const ids = sandbox.addResources("ada", "r4", [ada, bilbo, bilbo]);
    for (const query of [`_id=${ids[1]}`, `id=${ids[1]},none`]) {
      const { body } = await fhir("GET", `/r4/Patient?${query}`);
      expect(body["entry"].map((one: { resource: { id: string } }) => one.resource.id)).toEqual([ids[1]]);
    }
    expect((await fhir("GET", `/r4/Patient?_id=${ids.join(",")}`)).body["total"]).toBe(3);
  });

  it("_lastUpdated compares with every prefix, and several must all hold", async () => {
    const clock = createVirtualClock({ now: Date.UTC(2027, 0, 1, 12), running: false });
    const { fhir, sandbox } = await openWithUser({ clock, accessTokenLifeMs: 1e9 });
    sandbox.addResources("ada", "r4", [bilbo]);
    clock.advance(86_400_000);
    sandbox.addResources("ada", "r4", [bilbo]);
    const total = async (...dates: string[]) => {
      const query = dates.map((date) => `_lastUpdated=${date}`).join("&");
      return (await fhir("GET", `/r4/Patient?${query}`)).body["total"];
    };
    expect(await total("2027-01-01")).toBe(1);
    expect(await total("eq2027-01")).toBe(2);
    expect(await total("ne2027-01-01")).toBe(1);
    expect(await total("gt2027-01-01")).toBe(1);
    expect(await total("lt2027-01-02T00:00:00Z")).toBe(1);
    expect(await total("ge2027-01-01T12:00:00%2B01:00")).toBe(2);
    expect(await total("le2027-01-01", "ge2027-01-01")).toBe(1);
    expect(await total("gt2027-01-01", "lt2027-01-02")).toBe(0);
  });

  it("_tag finds resources where the server keeps their meta, and none where it replaces meta", async () => {
    const { fhir, sandbox } = await openWithUser();
    const tagged = { ...bilbo, meta: { tag: [{ system: "urn:app", code: "once" }], versionId: "7" } };
    const total = async () => (await fhir("GET", "/r4/Patient?_tag=urn%3Aapp%7Conce")).body["total"];
    expect(Object.keys((await fhir("POST", "/r4/Patient", tagged)).body["meta"])).not.toContain("tag");
    expect(await total()).toBe(0);
    sandbox.behave({ keepsMeta: true });
    expect((await fhir("POST", "/r4/Patient", tagged)).body["meta"]).toMatchObject({
      tag: tagged.meta.tag,
      versionId: "1",
    });
    expect(await total()).toBe(1);
  });

  it("undeclared: a parameter that 1upHealth does not declare for the type is ignored, or refused", async () => {
    const { fhir, sandbox } = await openWithUser();
    sandbox.addResources("ada", "stu3", [bilbo]);
    // STU3 declares no _lastUpdated; the others do.
    const old = "_lastUpdated=lt2000";
    const refused = await fhir("GET", `/stu3/Patient?${old}`);
    expect([refused.status, refused.body["issue"][0].code]).toEqual([400, "not-supported"]);
    expect((await fhir("GET", "/stu3/Patient?gender=male&_count=5")).body["total"]).toBe(1);
    sandbox.behave({ undeclared: "ignore" });
    expect((await fhir("GET", `/stu3/Patient?${old}`)).body["total"]).toBe(1);
    expect((await fhir("GET", `/dstu2/Patient?${old}`)).body["total"]).toBe(0);
  });

  it("_sort orders by dates, texts, codes and ids, pages included; what has no value comes last", async () => {
    const { fhir, sandbox } = await openWithUser();
    const born = (id: string, birthDate?: string, family = "Ä", gender = "male") =>
      ({ resourceType: "Patient", id, birthDate, gender, name: [{ family }] }) as const;
    sandbox.addResources("ada", "r4", [
      born("a", "1990-05", "Took"),
      born("b"),
      born("c", "1980", "baggins", "female"),
      born("d", "1990-05-02", "Åse", "female"),
    ]);
    const order = async (query: string): Promise<string> => {
      const { body } = await fhir("GET", `/r4/Patient?${query}`);
      return body["entry"].map((one: { resource: { id: string } }) => one.resource.id).join("");
    };
    expect(await order("_sort=birthdate")).toBe("cadb");
    expect(await order("_sort=-birthdate")).toBe("adcb");
    expect(await order("_sort=family")).toBe("bdca");
    expect(await order("_sort=gender,-_id")).toBe("dcba");
    expect(await order("gender=male&_sort=-_id")).toBe("ba");
    expect(await order("_sort=_lastUpdated,_id")).toBe("abcd");
    expect(await order("_sort=birthdate&_count=3")).toBe("cad");
    expect(await order("_sort=birthdate&_count=3&_after=2")).toBe("b");
    expect(await order("_sort=birthdate&_count=2&_before=2")).toBe("ca");
  });

  it.each([
    "_text=bilbo",
    "birthdate=yesterday",
    "birthdate=1980-02-30",
    "family:fuzzy=a",
    "_profile:below=http%3A%2F%2Fhl7.org",
    "gender:missing=perhaps",
    "organization:identifier=a",
    "_count=many",
    "_sort=shoe-size",
    "_sort=-birthdate,_text",
    "_sort=",
    "gendre=male",
    "patient.name=a",
    "organization:Organization.name=a",
    "_after=some",
  ])("GET /r4/Patient?%s is refused rather than answered wrongly", async (query) => {
    const { fhir } = await openWithUser();
    const { status, body } = await fhir("GET", `/r4/Patient?${query}`);
    expect([status, body["resourceType"]]).toEqual([400, "OperationOutcome"]);
  });

  it("what a search finds follows every write, read lag and all", async () => {
    const { fhir, sandbox } = await openWithUser({ readLagMs: 500 });
    const [id] = sandbox.addResources("ada", "r4", [bilbo]);
    const total = async () => (await fhir("GET", "/r4/Patient?gender=male")).body["total"];
    expect([await total(), await total()]).toEqual([1, 1]);
    await fhir("PUT", `/r4/Patient/${id}`, { ...bilbo, gender: "other" });
    await fhir("POST", "/r4/Patient", bilbo);
    await fhir("POST", "/r4/Patient", bilbo);
    expect(await total()).toBe(1);
    sandbox.clock.advance(500);
    expect([await total(), await total()]).toEqual([2, 2]);
    await fhir("PUT", `/r4/Patient/${id}`, bilbo);
    sandbox.clock.advance(500);
    expect(await total()).toBe(3);
    await fhir("DELETE", `/r4/Patient/${id}`);
    expect(await total()).toBe(3);
    sandbox.clock.advance(500);
    expect(await total()).toBe(2);
  });
});
