import { createFhirClient, type FhirClient } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { serve } from "../http/local-server.ts";
import { errorOf } from "./ada.ts";

/** A client of a server that gives this answer. */
async function answered(status: number, body: unknown) {
  const { url, seen } = await serve((response) => {
    response.writeHead(status).end(typeof body === "string" ? body : JSON.stringify(body));
  });
  const fhir: FhirClient<"stu3"> = createFhirClient({
    version: "stu3",
    api: url,
    token: { get: async () => "hush" },
  });
  return { fhir, seen };
}

const outcome = { resourceType: "OperationOutcome", issue: [] };
const issued = (severity: string) => ({ ...outcome, issue: [{ severity, code: "not-supported" }] });

/** What is answered with a yes or a no. */
const yeses: readonly ((fhir: FhirClient<"stu3">) => Promise<unknown>)[] = [
  (fhir) => fhir.share("a", 1),
  (fhir) => fhir.unshare("a", 1),
  (fhir) => fhir.delete("Patient", "a"),
];

describe("operation()", () => {
  it("gets an operation of the server, a type or a resource, and gives back what it answers", async () => {
    const { fhir, seen } = await answered(200, { resourceType: "Parameters", parameter: [] });
    expect(await fhir.operation("get-resource-counts")).toEqual({
      resourceType: "Parameters",
      parameter: [],
    });
    await fhir.operation("$meta", { resourceType: "Patient" });
    await fhir.operation("meta", { resourceType: "Patient", id: "a.1" });
    await fhir.operation("lookup", { resourceType: "CodeSystem", params: { system: "a|b", code: "1" } });
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /stu3/$get-resource-counts",
      "GET /stu3/Patient/$meta",
      "GET /stu3/Patient/a.1/$meta",
      "GET /stu3/CodeSystem/$lookup?system=a%7Cb&code=1",
    ]);
  });

  it("posts what is given as its body", async () => {
    const { fhir, seen } = await answered(200, outcome);
    const body = { resourceType: "Parameters" as const, parameter: [{ name: "mode", valueCode: "create" }] };
    expect(await fhir.operation("validate", { resourceType: "Patient", body })).toEqual(outcome);
    expect(seen).toMatchObject([
      { method: "POST", path: "/stu3/Patient/$validate", headers: { "content-type": "application/json" } },
    ]);
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual(body);
  });

  it("gives null where there is nothing to give back", async () => {
    expect(await (await answered(204, "")).fhir.operation("meta-add")).toBeNull();
  });

  it("is in doubt after a post without a readable answer, and may be repeated after a get", async () => {
    const { fhir } = await answered(502, "");
    const body = { resourceType: "Parameters" as const };
    const posted = await errorOf(fhir.operation("meta-add", { resourceType: "Patient", id: "1", body }));
    expect(posted).toMatchObject({ code: "IN_DOUBT", retryable: false });
    expect(posted.message).toBe(
      "Cannot tell whether $meta-add was carried out: 1upHealth answered 502; find out before you repeat it",
    );
    expect(await errorOf(fhir.operation("meta"))).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  });

  it("reports a value that is no resource", async () => {
    expect(await errorOf((await answered(200, { ok: true })).fhir.operation("meta"))).toMatchObject({
      code: "BAD_ANSWER",
      message: "Cannot carry out $meta: the answer (200) must hold a resource, got something else",
    });
  });

  it.each<[string, object | undefined, string]>([
    ["../Patient", undefined, "its name must be letters and hyphens"],
    ["", undefined, "its name must be letters and hyphens"],
    ["meta", { id: "1" }, "an id must come with a resourceType"],
    ["meta", { resourceType: "Patient", id: "a/b" }, "an id must match"],
    ["meta", { resourceType: "patient" }, "resourceType must match"],
    ["meta", { type: "Patient" }, "an option must be one of signal, resourceType, id, params, body"],
    ["meta", { body: "text" }, "a resource must be a plain object"],
  ])("refuses %j with %j before anything is sent", async (name, options, rule) => {
    const { fhir, seen } = await answered(200, outcome);
    expect((await errorOf(fhir.operation(name, options))).message).toContain(rule);
    expect(seen).toEqual([]);
  });
});

describe("an answer that is not what was asked for", () => {
  it.each<[string, (fhir: FhirClient<"stu3">) => Promise<unknown>, unknown]>([
    ["a resource with another id", (fhir) => fhir.read("Patient", "1"), { resourceType: "Patient", id: "2" }],
    ["a resource of another type", (fhir) => fhir.read("Patient", "1"), { resourceType: "Person", id: "1" }],
    ["no Bundle", (fhir) => fhir.search("Patient"), { resourceType: "Patient", id: "1" }],
    [
      "a match of another type",
      (fhir) => fhir.search("Patient"),
      {
        resourceType: "Bundle",
        entry: [{ resource: { resourceType: "Person", id: "1" }, search: { mode: "match" } }],
      },
    ],
    [
      "an entry without a resource",
      (fhir) => fhir.search("Patient"),
      { resourceType: "Bundle", entry: [{}] },
    ],
    ["no list of entries", (fhir) => fhir.search("Patient"), { resourceType: "Bundle", entry: {} }],
  ])("is refused: %s", async (_, call, body) => {
    expect(await errorOf(call((await answered(200, body)).fhir))).toMatchObject({ code: "BAD_ANSWER" });
  });

  it("is distinguished from what comes along with a search", async () => {
    const entry = [
      { resource: { resourceType: "Patient", id: "1" }, search: { mode: "match" } },
      { resource: { resourceType: "Practitioner", id: "2" }, search: { mode: "include" } },
      { resource: { resourceType: "Organization", id: "3" } },
      {
        resource: {
          resourceType: "OperationOutcome",
          issue: [{ severity: "warning", code: "not-supported" }],
        },
        search: { mode: "outcome" },
      },
    ];
    const { fhir } = await answered(200, { resourceType: "Bundle", total: "7", entry });
    const page = await fhir.search("Patient", { _include: "Patient:general-practitioner" });
    expect(page).toMatchObject({
      resources: [{ id: "1" }],
      included: [{ id: "2" }, { id: "3" }],
      issues: [{ severity: "warning", code: "not-supported", at: [] }],
      total: 7,
      nextCursor: undefined,
    });
  });

  it.each([
    [200, { success: false, error: "no such user" }, "BAD_ANSWER"],
    [200, "<html>Please log in</html>", "BAD_ANSWER"],
    [200, [], "BAD_ANSWER"],
    [200, issued("error"), "FHIR_REFUSED"],
    [202, issued("fatal"), "FHIR_REFUSED"],
    [200, { success: false }, "BAD_ANSWER"],
    [200, { success: "false" }, "BAD_ANSWER"],
    [200, { success: false, error: "Internal error, try again later" }, "BAD_ANSWER"],
    [200, { success: true, error: "not yours" }, "BAD_ANSWER"],
    [200, { error: "server_error" }, "BAD_ANSWER"],
    [200, { message: "Internal server error" }, "BAD_ANSWER"],
    [200, { errorMessage: "Task timed out after 30.03 seconds" }, "BAD_ANSWER"],
    [200, { resourceType: "Patient", id: "a" }, "BAD_ANSWER"],
    [200, {}, "BAD_ANSWER"],
    [200, issued("ERROR"), "BAD_ANSWER"],
    [200, { resourceType: "OperationOutcome" }, "BAD_ANSWER"],
    [200, { ...outcome, issue: { severity: "error", code: "not-found" } }, "FHIR_REFUSED"],
  ])("is no yes to share(), unshare() and delete(): %i %j", async (status, body, code) => {
    for (const call of yeses) {
      const error = await errorOf(call((await answered(status, body)).fhir));
      expect(error).toMatchObject({ code, retryable: code === "BAD_ANSWER" });
    }
  });

  it.each([
    "",
    " ",
    issued("information"),
    issued("warning"),
    { success: true },
    { success: true, error: "" },
  ])("is a yes to share(), unshare() and delete(): %j", async (body) => {
    for (const call of yeses) await call((await answered(200, body)).fhir);
  });
});
