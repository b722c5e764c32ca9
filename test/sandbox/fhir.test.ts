import { describe, expect, it } from "vitest";
import { asJson, bearer, headersOf, openWithUser } from "./support.ts";

const patient = {
  resourceType: "Patient",
  id: "135375",
  meta: { versionId: "9" },
  name: [{ text: "Bilbo" }],
};

describe("sandbox/fhir", () => {
  it.each(["/dstu2", "/stu3", "/r4", "/fhir/dstu2"])(
    "POST %s/Patient creates, GET reads it back",
    async (base) => {
      const { fhir } = await openWithUser();
      const created = await fhir("POST", `${base}/Patient`, patient);
      expect(created.status).toBe(201);
      expect(created.body).toEqual({
        ...patient,
        id: expect.stringMatching(/^[0-9a-f]{12}$/),
        meta: { versionId: "1", lastUpdated: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) },
      });
      const read = await fhir("GET", `${base}/Patient/${created.body["id"]}`);
      expect([read.status, read.body]).toEqual([200, created.body]);
    },
  );

  it("GET of an unknown id is an OperationOutcome", async () => {
    const { fhir } = await openWithUser();
    const { status, body } = await fhir("GET", "/r4/Patient/135375");
    expect([status, body["resourceType"]]).toEqual([404, "OperationOutcome"]);
  });

  it("GET does not show a new resource until the read lag is over", async () => {
    const { fhir, sandbox } = await openWithUser({ readLagMs: 900_000 });
    const { body } = await fhir("POST", "/r4/Patient", patient);
    expect((await fhir("GET", `/r4/Patient/${body["id"]}`)).status).toBe(404);
    sandbox.clock.advance(900_000);
    expect((await fhir("GET", `/r4/Patient/${body["id"]}`)).status).toBe(200);
    await fhir("PUT", `/r4/Patient/${body["id"]}`, { ...patient, id: body["id"], gender: "male" });
    expect((await fhir("GET", `/r4/Patient/${body["id"]}`)).body["gender"]).toBeUndefined();
    await fhir("DELETE", `/r4/Patient/${body["id"]}`);
    expect((await fhir("GET", `/r4/Patient/${body["id"]}`)).status).toBe(200);
    sandbox.clock.advance(900_000);
    expect((await fhir("GET", `/r4/Patient/${body["id"]}`)).status).toBe(404);
  });

  it("with a range of read lags, each answer comes from a replica that is ahead or behind", async () => {
    const { fhir, sandbox } = await openWithUser({ readLagMs: [60_000, 540_000], seed: 1 });
    const { body } = await fhir("POST", "/r4/Patient", patient);
    const shown = async (): Promise<Set<boolean>> => {
      const all = new Set<boolean>();
      for (let look = 0; look < 30; look++) {
        all.add((await fhir("GET", "/r4/Patient")).body["total"] === 1);
        all.add((await fhir("GET", `/r4/Patient/${body["id"]}`)).status === 200);
      }
      return all;
    };
    sandbox.clock.advance(1_000);
    expect(await shown()).toEqual(new Set([false]));
    sandbox.clock.advance(240_000);
    expect(await shown()).toEqual(new Set([true, false]));
    sandbox.clock.advance(300_000);
    expect(await shown()).toEqual(new Set([true]));
  });

  it("a dead or missing token is an empty 401", async () => {
    const { fhir, call, sandbox } = await openWithUser();
    sandbox.revokeGrant("ada");
    for (const answer of [await fhir("GET", "/r4/Patient"), await call("GET", "/r4/Patient")]) {
      expect([answer.status, answer.text]).toEqual([401, ""]);
    }
  });

  it("each user sees only its own resources", async () => {
    const { fhir, onboard } = await openWithUser();
    const bob = await onboard("bob");
    const { body } = await fhir("POST", "/r4/Patient", patient);
    expect((await fhir("GET", `/r4/Patient/${body["id"]}`, undefined, bob.access)).status).toBe(404);
    expect((await fhir("GET", "/r4/Patient", undefined, bob.access)).body["total"]).toBe(0);
    expect((await fhir("DELETE", `/r4/Patient/${body["id"]}`, undefined, bob.access)).status).toBe(404);
  });

  it("the client's credentials read as one user or as all of them", async () => {
    const { fhir, call, sandbox, ada } = await openWithUser();
    sandbox.createUser("bob");
    await fhir("POST", "/r4/Patient", patient);
    const as = (user: string) =>
      call("GET", "/r4/Patient", { headers: { ...headersOf(sandbox), "x-oneup-user-id": user } });
    expect((await as(String(ada.id))).body["total"]).toBe(1);
    expect((await as(String(ada.id + 1))).body["total"]).toBe(0);
    expect((await as("client")).body["total"]).toBe(1);
    expect((await as("77")).status).toBe(401);
  });

  it.each([
    ["POST", "/r4/Patient", { resourceType: "Observation" }, 400],
    ["POST", "/r4/Patient", "{", 400],
    ["POST", "/r4/Patient", "[]", 400],
    ["POST", "/r4/Patient", `{"resourceType":"Patient","x":${"[".repeat(9000)}${"]".repeat(9000)}}`, 400],
    ["POST", "/r4/Hobbit", { resourceType: "Hobbit" }, 404],
    ["POST", "/r4/MedicationOrder", { resourceType: "MedicationOrder" }, 404],
    ["POST", "/r5/Patient", patient, 404],
    ["GET", "/fhir/r9/Patient", undefined, 404],
    ["PATCH", "/r4/Patient/1", {}, 404],
    ["GET", "/r4/Patient?identifier=a|b", undefined, 400],
    ["GET", "/r4/Patient?_skip=9991", undefined, 400],
    ["GET", "/r4/ObservationDefinition", undefined, 400],
  ])("%s %s with %j is an OperationOutcome", async (method, path, body, status) => {
    const { fhir, sandbox } = await openWithUser();
    const answer = await fhir(method, path, body);
    expect([answer.status, answer.body["resourceType"]]).toEqual([status, "OperationOutcome"]);
    expect(sandbox.snapshot().resources).toEqual([]);
  });

  it("PUT and POST to an id update, with a check of the version", async () => {
    const { fhir, call, ada } = await openWithUser();
    const path = `/r4/Patient/${(await fhir("POST", "/r4/Patient", patient)).body["id"]}`;
    const sent = { resourceType: "Patient", gender: "male" };
    expect((await fhir("PUT", path, sent)).body["meta"].versionId).toBe("2");
    expect((await fhir("POST", path, sent)).body["meta"].versionId).toBe("3");
    const stale = {
      headers: { ...bearer(ada.access), ...asJson, "if-match": 'W/"2"' },
      body: JSON.stringify(sent),
    };
    expect((await call("PUT", path, stale)).status).toBe(412);
    expect((await fhir("PUT", path, patient)).status).toBe(400);
    expect((await fhir("PUT", "/r4/Patient/none", sent)).status).toBe(404);
  });

  it("DELETE ends a resource", async () => {
    const { fhir } = await openWithUser();
    const path = `/r4/Patient/${(await fhir("POST", "/r4/Patient", patient)).body["id"]}`;
    expect((await fhir("DELETE", path)).status).toBe(204);
    expect((await fhir("GET", path)).status).toBe(404);
    expect((await fhir("DELETE", path)).status).toBe(404);
  });

  it("GET $everything holds the patient and what refers to it, ten a page", async () => {
    const { fhir } = await openWithUser();
    const { body } = await fhir("POST", "/r4/Patient", patient);
    const subject = { reference: `Patient/${body["id"]}` };
    const observation = { resourceType: "Observation", status: "final", code: {} };
    for (let i = 0; i < 10; i++) await fhir("POST", "/r4/Observation", { ...observation, subject });
    await fhir("POST", "/r4/Observation", observation);
    const everything = await fhir("GET", `/r4/Patient/${body["id"]}/$everything`);
    expect([everything.body["total"], everything.body["entry"].length]).toEqual([11, 10]);
  });

  it("_permission shares a patient with another user, and takes it back", async () => {
    const { fhir, onboard } = await openWithUser();
    const bob = await onboard("bob");
    const path = `/r4/Patient/${(await fhir("POST", "/r4/Patient", patient)).body["id"]}`;
    const status = async () => (await fhir("GET", path, undefined, bob.access)).status;
    expect((await fhir("PUT", `${path}/_permission/${bob.id}`)).body).toEqual({ success: true });
    expect(await status()).toBe(200);
    expect((await fhir("GET", "/r4/Patient", undefined, bob.access)).body["total"]).toBe(1);
    expect((await fhir("DELETE", path, undefined, bob.access)).status).toBe(404);
    await fhir("DELETE", `${path}/_permission/${bob.id}`);
    expect(await status()).toBe(404);
  });

  it("DELETE purge erases one version, in as many calls as it needs", async () => {
    const { fhir, onboard } = await openWithUser({ purgeBatch: 2 });
    const bob = await onboard("bob");
    for (let i = 0; i < 3; i++) await fhir("POST", "/r4/Patient", patient);
    await fhir("POST", "/dstu2/Patient", patient);
    await fhir("POST", "/r4/Patient", patient, bob.access);
    expect((await fhir("DELETE", "/r4/purge")).status).toBe(504);
    expect((await fhir("GET", "/r4/Patient")).body["total"]).toBe(1);
    expect((await fhir("DELETE", "/r4/purge")).body).toEqual({ success: true });
    expect((await fhir("GET", "/r4/Patient")).body["total"]).toBe(0);
    expect((await fhir("GET", "/dstu2/Patient")).body["total"]).toBe(1);
    expect((await fhir("GET", "/r4/Patient", undefined, bob.access)).body["total"]).toBe(1);
  });
});
