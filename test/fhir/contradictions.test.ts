/** Answers that contradict themselves, or are another's: none is taken for a success, and no refusal for the server's. */
import type { FhirClient } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { all, errorOf } from "./ada.ts";
import { client, failure, found, person } from "./contradicting.ts";

describe("a page on which the server reports an error", () => {
  const page = found({ ...person("1"), id: "a" }, failure);

  it("fails a walk also where its issue stands outside a list", async () => {
    const issue = { severity: "error", code: "timeout" };
    const { fhir } = client(() => found(person("1"), { resourceType: "OperationOutcome", issue }));
    expect(await errorOf(all(fhir.searchAll("Patient")))).toMatchObject({
      code: "BAD_ANSWER",
      facts: { issues: [{ ...issue, at: [] }] },
    });
  });

  it.each<[string, (fhir: FhirClient<"r4">) => Promise<unknown>]>([
    ["search()", (fhir) => fhir.search("Patient")],
    ["searchAll()", (fhir) => all(fhir.searchAll("Patient", {}, { retries: 0 }))],
    ["history()", (fhir) => fhir.history("Patient", "a")],
    ["everything()", (fhir) => all(fhir.everything("a"))],
  ])("fails %s, which may be repeated", async (_, call) => {
    const error = await errorOf(call(client(() => page).fhir));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true, status: 200 });
    expect(error.facts["issues"]).toContainEqual(expect.objectContaining({ severity: "error" }));
  });

  it("is no answer to ensure(), nor to a search after a create in doubt", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    const by = { identifier: "s|1" };
    const { id } = await fhir.ensure(person("1"), { by });
    sandbox.fail({ call: "fhir.search", response: "incompletePage", times: 3 });
    expect((await fhir.ensure(person("1"), { by })).id).toBe(id);
    expect(sandbox.journal.count("fhir.create")).toBe(1);
    sandbox.fail({ call: "fhir.create", drop: "after" });
    sandbox.fail({ call: "fhir.search", response: "incompletePage", times: 2 });
    expect(await fhir.create(person("2"), { findBy: { identifier: "s|2" } })).toMatchObject(person("2"));
  });

  it.each<[string, object]>([
    ["total of one", { type: "searchset", total: 1, entry: [] }],
    ["type of another Bundle", { type: "batch-response", entry: [] }],
    ["type missing", {}],
    [
      "warning that it is incomplete",
      {
        type: "searchset",
        entry: [
          {
            search: { mode: "outcome" },
            resource: {
              resourceType: "OperationOutcome",
              issue: [{ severity: "warning", code: "incomplete" }],
            },
          },
        ],
      },
    ],
    ["match without an id", { type: "searchset", entry: [{ resource: person("1") }] }],
  ])("is no proof for ensure() that there is none, where it has a %s", async (_, page) => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    const by = { identifier: "s|1" };
    const { id } = await fhir.ensure(person("1"), { by });
    await sandbox.clock.advance(60_000);
    const body = { resourceType: "Bundle", ...page };
    sandbox.fail({ call: "fhir.search", status: 200, body, times: 2 });
    for (const _ of "12")
      expect(await errorOf(fhir.ensure(person("1"), { by }))).toMatchObject({
        code: "BAD_ANSWER",
        retryable: true,
      });
    expect((await fhir.ensure(person("1"), { by })).id).toBe(id);
    expect(sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("is no proof for a create in doubt, where its total is more than it holds", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    sandbox.fail({ call: "fhir.create", drop: "after" });
    const body = { resourceType: "Bundle", type: "searchset", total: 1 };
    sandbox.fail({ call: "fhir.search", status: 200, body, times: 5 });
    const error = await errorOf(fhir.create(person("1"), { findBy: { identifier: "s|1" } }));
    expect(error).toMatchObject({ code: "IN_DOUBT", cause: { code: "BAD_ANSWER" } });
    expect(error.facts).not.toHaveProperty("found");
  });

  it("is one page of a search for outcomes", async () => {
    expect((await client(() => page).fhir.search("OperationOutcome")).resources).toHaveLength(1);
  });
});

describe("a create", () => {
  it("is in doubt where its Location names another resource", async () => {
    const { fhir } = client(() =>
      Response.json(
        { ...person("1"), id: "a" },
        { status: 201, headers: { location: "Patient/b/_history/1" } },
      ),
    );
    const error = await errorOf(fhir.create(person("1")));
    expect(error).toMatchObject({ code: "IN_DOUBT", facts: { id: "b" } });
  });

  it("is in doubt, as an update is, where the answer has another identifier, and names no id as its own then", async () => {
    const { fhir } = client(() => ({ ...person("eve"), id: "a" }));
    for (const [call, facts] of [
      [fhir.create(person("1")), { otherId: "a" }],
      [fhir.update({ ...person("1"), id: "a" }), {}],
    ] as const) {
      const error = await errorOf(call);
      expect(error).toMatchObject({ code: "IN_DOUBT", retryable: false, status: 200 });
      expect(error.message).toContain("it was answered with another identifier");
      expect(error.facts).toEqual(facts);
    }
  });

  it("is looked for by findBy where the answer has another identifier", async () => {
    const { fhir, sent } = client((method) =>
      method === "POST" ? { ...person("eve"), id: "e" } : found({ ...person("1"), id: "a" }),
    );
    expect(await fhir.create(person("1"), { findBy: { identifier: "s|1" } })).toMatchObject({ id: "a" });
    expect(sent).toEqual(["POST /r4/Patient", "GET /r4/Patient"]);
  });

  it("may be answered with more identifiers, with fewer, or with none", async () => {
    const more = { system: "http://1up.health", value: "7" };
    for (const identifier of [[...person("1").identifier, more], [more], []]) {
      const { fhir } = client(() => ({ resourceType: "Patient", id: "a", identifier }));
      expect(await fhir.create(person("1"))).toMatchObject({ id: "a" });
      expect(await fhir.update({ ...person("1"), id: "a" })).toMatchObject({ id: "a" });
    }
  });

  it.each([
    [400, "FHIR_REFUSED"],
    [401, "BAD_ANSWER"],
    [403, "FORBIDDEN"],
    [404, "BAD_ANSWER"],
    [407, "BAD_ANSWER"],
    [413, "FHIR_REFUSED"],
    [499, "FHIR_REFUSED"],
  ])("is not refused by a page of a gateway (%d), as a read may be (%s)", async (status, code) => {
    const page = (): Response =>
      new Response("<html>Sorry</html>", { status, headers: { "content-type": "text/html" } });
    const { fhir } = client(page);
    expect(await errorOf(fhir.create(person("1")))).toMatchObject({ code: "IN_DOUBT", status });
    expect(await errorOf(fhir.update({ ...person("1"), id: "a" }))).toMatchObject({ code: "IN_DOUBT" });
    expect(await errorOf(fhir.read("Patient", "a", { retries: 0 }))).toMatchObject({ code });

    const { lifecycle, sandbox } = await createTestLifecycle({ sandbox: { readLagMs: 2_000 } });
    await lifecycle.onboard("ada");
    sandbox.fail({ call: "fhir.create", status, body: "<html>Sorry</html>", commit: true });
    const ensured = lifecycle.fhir("ada", "r4").ensure(person("1"), { by: { identifier: "s|1" } });
    expect(await ensured).toMatchObject(person("1"));
    expect(sandbox.journal.count("fhir.create")).toBe(1);
  });

  it.each([
    [400, "Bad Request"],
    [403, "Access denied"],
    [403, { message: "Forbidden" }],
    [404, { message: "no Route matched with those values" }],
    [404, { statusCode: 404, error: "Not Found", message: "POST /" }],
    [407, ""],
    [409, {}],
    [499, ""],
  ])("is not refused by a gateway in its own form (%d %j)", async (status, body) => {
    const { fhir } = client(() => answerOf(status, body));
    const doubted = { code: "IN_DOUBT", status, retryable: false };
    expect(await errorOf(fhir.create(person("1")))).toMatchObject(doubted);
    expect(await errorOf(fhir.update({ ...person("1"), id: "a" }))).toMatchObject(doubted);
    const [entry] = await fhir.batch([{ type: "create", resource: person("1") }]);
    expect(entry.error).toMatchObject(doubted);
  });

  it.each([
    [
      400,
      { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "invalid" }] },
      "FHIR_REFUSED",
    ],
    [404, { error: "no such type" }, "FHIR_REFUSED"],
    [413, "", "FHIR_REFUSED"],
    [403, { error: "not yours" }, "FORBIDDEN"],
    [429, "slow down", "RATE_LIMITED"],
    [400, { message: "Rate limit exceeded" }, "RATE_LIMITED"],
    [400, { error: "Limit exceeded: identifier too long" }, "FHIR_REFUSED"],
  ])("is refused by 1upHealth (%d %j: %s)", async (status, body, code) => {
    const { fhir } = client(() => answerOf(status, body));
    const error = await errorOf(fhir.create(person("1")));
    expect(error).toMatchObject({ code, status, message: expect.stringContaining(String(status)) });
    expect(await errorOf(fhir.update({ ...person("1"), id: "a" }))).toMatchObject({ code, status });
  });
});

const answerOf = (status: number, body: object | string): Response =>
  new Response(typeof body === "string" ? body : JSON.stringify(body), { status });

describe("a client of a lifecycle that is closed", () => {
  it("sends nothing any more", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    await fhir.search("Patient");
    const before = sandbox.journal.entries().length;
    await lifecycle.close();
    for (const call of [fhir.create(person("1")), fhir.search("Patient"), fhir.attachment("b1")])
      expect(await errorOf(call)).toMatchObject({ code: "CLOSED" });
    expect(sandbox.journal.entries()).toHaveLength(before);
  });
});
