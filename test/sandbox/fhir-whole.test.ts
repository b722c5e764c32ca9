import { describe, expect, it } from "vitest";
import { createSandbox, type Fault, type SandboxSnapshot } from "../../src/sandbox/index.ts";
import { bearer, headersOf, openWithUser, type WithUser } from "./support.ts";

const patient = { resourceType: "Patient" };

function about(reference: string): object {
  return { resourceType: "Observation", status: "final", code: {}, subject: { reference } };
}

async function everything({ fhir, url }: WithUser, path: string, token?: string): Promise<number[]> {
  const sizes: number[] = [];
  for (let next: string | undefined = path; next !== undefined;) {
    const page: Record<string, any> = (await fhir("GET", next.replace(url, ""), undefined, token)).body;
    sizes.push(page["entry"].length);
    next = page["link"].find((link: { relation: string }) => link.relation === "next")?.url;
  }
  return sizes;
}

describe("sandbox/fhir as a whole", () => {
  it("$everything pages by tens, follows a reference that moves, and knows no deleted patient", async () => {
    const local = await openWithUser();
    const { sandbox, fhir } = local;
    const [one, two] = sandbox.addResources("ada", "r4", [patient, patient]);
    const [moving] = sandbox.addResources(
      "ada",
      "r4",
      Array.from({ length: 21 }, () => about(`Patient/${one}`)),
    );
    const [path, other] = [`/r4/Patient/${one}/$everything`, `/r4/Patient/${two}/$everything`];
    expect([await everything(local, path), await everything(local, other)]).toEqual([[10, 10, 2], [1]]);
    await fhir("PUT", `/r4/Observation/${moving}`, about(`https://api.1up.health/r4/Patient/${two}`));
    expect([await everything(local, path), await everything(local, other)]).toEqual([[10, 10, 1], [2]]);
    await fhir("DELETE", `/r4/Patient/${one}`);
    expect((await fhir("GET", path)).status).toBe(404);
    expect((await fhir("GET", "/r4/Patient/none/$everything")).status).toBe(404);
  });

  it("$everything shows what reads show while the read lag lasts", async () => {
    const local = await openWithUser({ readLagMs: 500 });
    const { sandbox, fhir } = local;
    const [one, two] = sandbox.addResources("ada", "r4", [patient, patient]);
    const [moving] = sandbox.addResources("ada", "r4", [about(`Patient/${one}`)]);
    await fhir("PUT", `/r4/Observation/${moving}`, about(`Patient/${two}`));
    const sizes = async () =>
      Promise.all([one, two].map((id) => everything(local, `/r4/Patient/${id}/$everything`)));
    expect(await sizes()).toEqual([[2], [1]]);
    sandbox.clock.advance(500);
    expect(await sizes()).toEqual([[1], [2]]);
  });

  it("_permission shares the patient alone: not what refers to it, not the right to write", async () => {
    const local = await openWithUser();
    const { sandbox, fhir, onboard } = local;
    const bob = await onboard("bob");
    const [id] = sandbox.addResources("ada", "r4", [patient]);
    sandbox.addResources("ada", "r4", [about(`Patient/${id}`)]);
    const path = `/r4/Patient/${id}`;
    const [own] = sandbox.addResources("bob", "r4", [patient]);
    expect((await fhir("PUT", `${path}/_permission/77`)).status).toBe(404);
    await fhir("PUT", `${path}/_permission/${bob.id}`);
    const seen = (await fhir("GET", "/r4/Patient", undefined, bob.access)).body["entry"];
    expect(seen.map((one: any) => one.resource.id)).toEqual([id, own]);
    expect(await everything(local, `${path}/$everything`, bob.access)).toEqual([1]);
    expect((await fhir("GET", `${path}/_history/1`, undefined, bob.access)).status).toBe(200);
    expect((await fhir("PUT", path, patient, bob.access)).status).toBe(404);
    await fhir("DELETE", `${path}/_permission/${bob.id}`);
    expect((await fhir("GET", "/r4/Patient", undefined, bob.access)).body["total"]).toBe(1);
    expect((await fhir("GET", `${path}/_history/1`, undefined, bob.access)).status).toBe(404);
  });

  it("purge erases history and deleted resources, for all users they were shared with, step by step", async () => {
    const { sandbox, fhir, onboard } = await openWithUser();
    const bob = await onboard("bob");
    const ids = sandbox.addResources("ada", "r4", [patient, patient, patient]);
    await fhir("PUT", `/r4/Patient/${ids[0]}/_permission/${bob.id}`);
    await fhir("DELETE", `/r4/Patient/${ids[1]}`);
    sandbox.behave({ purgeBatch: 2 });
    const statuses = [await fhir("DELETE", "/r4/purge"), await fhir("DELETE", "/r4/purge")];
    expect(statuses.map(({ status }) => status)).toEqual([504, 200]);
    expect((await fhir("GET", `/r4/Patient/${ids[1]}/_history/1`)).status).toBe(404);
    expect((await fhir("GET", "/r4/Patient", undefined, bob.access)).body["total"]).toBe(0);
    expect(sandbox.snapshot().resources).toEqual([]);
    expect((await fhir("DELETE", "/r4/purge")).body).toEqual({ success: true });
  });

  it("purge takes the client's credentials with one user's id, and not with all users'", async () => {
    const { sandbox, call, ada } = await openWithUser();
    sandbox.addResources("ada", "r4", [patient]);
    const as = (user: string) => ({ headers: { ...headersOf(sandbox), "x-oneup-user-id": user } });
    expect((await call("DELETE", "/r4/purge", as("client"))).status).toBe(400);
    expect(sandbox.snapshot().resources).toHaveLength(1);
    expect((await call("DELETE", "/r4/purge", as(String(ada.id)))).status).toBe(200);
    expect(sandbox.snapshot().resources).toEqual([]);
  });

  it.each([
    ["PUT", "/r4/Provenance/1", 405],
    ["POST", "/r4/Binary", 405],
    ["GET", "/r4/Binary", 400],
    ["GET", "/r4/Provenance", 400],
    ["GET", "/r4/CatalogEntry/1", 404],
    ["GET", "/r4/Patient/_history", 405],
    ["POST", "/r4/Patient/1/_history", 404],
  ])("%s %s, which 1upHealth does not declare or does not have, is %i", async (method, path, status) => {
    const { fhir } = await openWithUser();
    const answer = await fhir(method, path, method === "GET" ? undefined : {});
    expect([answer.status, answer.body["resourceType"]]).toEqual([status, "OperationOutcome"]);
  });

  it.each([
    ["1815", 201],
    ["1815-12", 201],
    ["1816-02-29", 201],
    ["1815-02-29", 422],
    ["1815-02-30", 422],
    ["1815-13", 422],
    ["1815-12-10T00:00:00.000Z", 422],
    ["1815-12-10T10:00", 422],
    ["0000", 422],
    [1815, 422],
  ])("a birth date of %j is answered with %i: it is a day, without a time", async (birthDate, status) => {
    const { fhir } = await openWithUser();
    const answer = await fhir("POST", "/r4/Patient", { resourceType: "Patient", birthDate });
    expect(answer.status).toBe(status);
  });

  it("a refusal names the place and quotes the value, as real servers do", async () => {
    const { fhir } = await openWithUser();
    const wrong = {
      resourceType: "Patient",
      gender: "hobbit",
      birthDate: "long ago",
      extension: [{}, { valueQuantity: { value: "1.5" } }],
    };
    const { status, body } = await fhir("POST", "/r4/Patient", wrong);
    const paths = ["Patient.gender", "Patient.birthDate", "Patient.extension[1].valueQuantity.value"];
    expect([status, body["issue"].map((one: any) => one.expression[0])]).toEqual([422, paths]);
    expect(body["issue"][0]).toMatchObject({ code: "code-invalid", diagnostics: 'Invalid value "hobbit"' });
    const old = await fhir("POST", "/dstu2/Patient", wrong);
    expect(old.body["issue"].map((one: any) => one.location[0])).toEqual([
      "/f:Patient/f:gender",
      "/f:Patient/f:birthDate",
      "/f:Patient/f:extension[2]/f:valueQuantity/f:value",
    ]);
  });

  it.each<[Fault, number, string]>([
    [{ call: "fhir.vread", status: 502 }, 502, "/_history/1"],
    [{ call: "fhir.history", response: "html" }, 200, "/_history"],
    [{ call: "fhir.everything", status: 429, retryAfterMs: 1000 }, 429, "/$everything"],
  ])("fail(%j) hits that call", async (fault, status, path) => {
    const { sandbox, fhir } = await openWithUser();
    const [id] = sandbox.addResources("ada", "r4", [patient]);
    sandbox.fail({ ...fault, appUserId: "ada" });
    expect((await fhir("GET", `/r4/Patient/${id}`)).status).toBe(200);
    const hit = await fhir("GET", `/r4/Patient/${id}${path}`);
    expect([hit.status, hit.body["resourceType"]]).toEqual([status, undefined]);
    expect(sandbox.journal.entries().at(-1)).toMatchObject({ call: fault.call, committed: false });
    expect((await fhir("GET", `/r4/Patient/${id}${path}`)).body["resourceType"]).toBeDefined();
  });

  it("journal shows cursors and ids of a search, and what it searched for not", async () => {
    const { sandbox, fhir } = await openWithUser();
    await fhir("GET", "/r4/Patient?_after=10&_count=5&_id=a&family=Baggins&identifier=urn%3Assn%7C123");
    expect(sandbox.journal.entries().at(-1)?.path).toBe(
      "/r4/Patient?_after=10&_count=5&_id=a&family=…&identifier=…",
    );
  });

  it("addResources() keeps an id, so that resources refer to each other, and refuses one that is taken", async () => {
    const { sandbox, control, fhir } = await openWithUser();
    const p1 = { ...patient, id: "p1" };
    expect(sandbox.addResources("ada", "r4", [p1, { ...about("Patient/p1"), id: "o-1.a" }])).toEqual([
      "p1",
      "o-1.a",
    ]);
    expect((await fhir("GET", "/r4/Observation?patient=p1")).body["total"]).toBe(1);
    expect((await fhir("GET", "/r4/Patient/p1")).body).toMatchObject({ id: "p1", meta: { versionId: "1" } });
    sandbox.createUser("bob");
    const taken =
      "Cannot add the resources: an id must be free, got Patient/p1, which exists, after 0 of them";
    for (const user of ["ada", "bob"]) expect(() => sandbox.addResources(user, "r4", [p1])).toThrow(taken);
    expect(sandbox.addResources("bob", "stu3", [p1])).toEqual(["p1"]);
    const add = (resources: object) =>
      control("POST", "resources", { appUserId: "ada", version: "r4", resources });
    expect((await add({ ...p1, id: "p2" })).body["ids"]).toEqual(["p2"]);
    expect(await add(p1)).toMatchObject({ status: 400, body: { code: "INVALID_OPTION", message: taken } });
  });

  it("addResources() fills a user without calls, and refuses what is no resource", async () => {
    const { sandbox, control, fhir } = await openWithUser({ readLagMs: 500 });
    const before = sandbox.journal.count();
    const [id] = sandbox.addResources("ada", "r4", ['{"resourceType":"Basic","x":1.50}']);
    expect(sandbox.journal.count()).toBe(before);
    expect((await fhir("GET", `/r4/Basic/${id}`)).text).toContain('"x":1.50');
    const circle: Record<string, unknown> = { ...patient };
    circle["self"] = circle;
    for (const wrong of ["{", {}, { resourceType: "Hobbit" }, circle]) {
      expect(() => sandbox.addResources("ada", "r4", [patient, wrong])).toThrow(
        "Cannot add the resources: each must be a resource that 1upHealth serves in r4, got something else after 1",
      );
    }
    for (const id of [7, null, "", "a/b", "a".repeat(65)])
      expect(() => sandbox.addResources("ada", "r4", [{ ...patient, id }])).toThrow(
        /an id must match \S+, got another after 0 of them$/,
      );
    expect(() => sandbox.addResources("eve", "r4", [])).toThrow('the sandbox has no user "eve"');
    const add = (body: object) => control("POST", "resources", body);
    const added = await add({ appUserId: "ada", version: "stu3", resources: [patient, patient] });
    expect([added.status, added.body["ids"].length]).toEqual([200, 2]);
    const refused = await add({ appUserId: "ada", version: "r9", resources: [patient] });
    expect([refused.status, refused.body["code"]]).toEqual([400, "INVALID_OPTION"]);
  });

  it("snapshot() goes through JSON with a purge that is never cut", async () => {
    const { sandbox, fhir, ada } = await openWithUser({ purgeBatch: 1 });
    const [id] = sandbox.addResources("ada", "r4", [patient]);
    await fhir("PUT", `/r4/Patient/${id}`, { ...patient, language: "2" });
    sandbox.behave({ purgeBatch: Infinity });
    const saved: SandboxSnapshot = JSON.parse(JSON.stringify(sandbox.snapshot()));
    const other = createSandbox();
    other.restore(saved);
    const get = async (path: string) => {
      const answer = await other.fetch(`http://x/r4/Patient${path}`, { headers: bearer(ada.access) });
      return (await answer.json()) as Record<string, unknown>;
    };
    expect([(await get(`/${id}`))["language"], (await get(""))["total"]]).toEqual(["2", 1]);
    expect((await get(`/${id}/_history/1`))["meta"]).toMatchObject({ versionId: "1" });
    const purge = { method: "DELETE", headers: bearer(ada.access) };
    other.addResources("ada", "r4", [patient, patient]);
    expect((await other.fetch("http://x/r4/purge", purge)).status).toBe(200);
  });
});
