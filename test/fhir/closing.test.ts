/** A FHIR client whose owner closes: `close()` of a lifecycle aborts the client's signal with `CLOSED`. */
import { createFhirClient, fetchTransport, LifecycleError, type FhirClient } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";

type Answering = (method: string) => Promise<Response>;

const resource = { resourceType: "Patient" as const, identifier: [{ system: "s", value: "1" }] };
const observed = { status: "final" as const, code: {}, identifier: resource.identifier };
const findBy = { identifier: "s|1" };

const json = (body: object, status = 200): Response =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
const noneFound = json({ resourceType: "Bundle", type: "searchset", entry: [] });

/** A client, and what closes it. */
function clientOf(answer: Answering): { readonly fhir: FhirClient<"r4">; close(): void } {
  const owner = new AbortController();
  const send: typeof fetch = (_, options) => answer(options?.method ?? "GET");
  const transport = fetchTransport(send);
  const token = { get: () => "token" };
  const close = (): void => owner.abort(new LifecycleError("CLOSED", "Cannot go on: closed"));
  return { fhir: createFhirClient({ version: "r4", token, transport, signal: owner.signal }), close };
}

/** A client that is closed by the time at which its first write is answered with this; `null`: the answer is lost. */
function closedBefore(answer: Response | null): FhirClient<"r4"> {
  const { fhir, close } = clientOf(async (method) => {
    if (method !== "POST") return noneFound.clone();
    close();
    if (answer === null) throw new TypeError("fetch failed");
    return answer;
  });
  return fhir;
}

describe("a FHIR write whose client is closed before its outcome is known", () => {
  it("create({ findBy }) is IN_DOUBT", async () => {
    await expect(closedBefore(null).create(resource, { findBy })).rejects.toMatchObject({
      code: "IN_DOUBT",
      retryable: false,
      message: expect.stringContaining("; the client was closed before a search found it") as unknown,
    });
  });

  it("create({ findBy }) is IN_DOUBT when the client closes between two searches", async () => {
    const { fhir, close } = clientOf(async (method) => {
      if (method === "POST") throw new TypeError("fetch failed");
      close();
      return noneFound.clone();
    });
    await expect(fhir.create(resource, { findBy })).rejects.toMatchObject({ code: "IN_DOUBT" });
  });

  it("create({ untilReadable }) tells the id of what was created", async () => {
    const fhir = closedBefore(json({ ...resource, id: "p1" }, 201));
    await expect(fhir.create(resource, { untilReadable: true })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      retryable: false,
      facts: { id: "p1" },
      message: expect.stringContaining("the client was closed before it became readable") as unknown,
    });
  });

  it("each write of a batch is IN_DOUBT by itself, and a read is CLOSED", async () => {
    const results = await closedBefore(null).batch([
      { type: "create", resource },
      { type: "create", resource: { resourceType: "Observation", ...observed }, findBy },
      { type: "update", resource: { ...resource, id: "p1" } },
      { type: "delete", resourceType: "Patient", id: "p2" },
      { type: "read", resourceType: "Patient", id: "p3" },
    ]);
    const codes = results.map(({ error }) => error?.code);
    expect(codes).toEqual(["IN_DOUBT", "IN_DOUBT", "IN_DOUBT", "IN_DOUBT", "CLOSED"]);
  });

  it("the entries of a batch whose answer came keep their results", async () => {
    const entries = [{ resource: { ...resource, id: "p1" }, response: { status: "201 Created" } }];
    const fhir = closedBefore(json({ resourceType: "Bundle", type: "batch-response", entry: entries }));
    const [created] = await fhir.batch([{ type: "create", resource }]);
    expect(created).toMatchObject({ error: null, status: 201, id: "p1" });
  });

  it("a caller that leaves first gets the reason of its own signal", async () => {
    const leaving = new AbortController();
    const { fhir, close } = clientOf(async () => {
      throw new TypeError("fetch failed");
    });
    const created = fhir.create(resource, { findBy, signal: leaving.signal });
    const batch = fhir.batch([{ type: "create", resource, findBy }], { signal: leaving.signal });
    leaving.abort("left");
    close();
    await expect(created).rejects.toBe("left");
    await expect(batch).rejects.toBe("left");
  });
});
