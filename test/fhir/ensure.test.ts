import type { Patient } from "fhir/r4.js";
import { createLifecycle, fetchTransport, systemClock, type UserFhirClient } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { sleep } from "../../src/clock.ts";
import { afterwards, scene } from "../support/scene.ts";
import { errorOf } from "./ada.ts";

const identifier = "http://example.org/mrn|4711";
const by = { identifier };
const patient: Patient & { resourceType: "Patient" } = {
  resourceType: "Patient",
  identifier: [{ system: "http://example.org/mrn", value: "4711" }],
};

/** A world in which ada is onboarded; `fhir()` is her client in the current process. */
async function world(
  sandbox: TestLifecycleOptions["sandbox"] = { readLagMs: 900 },
): Promise<TestLifecycle & { readonly fhir: () => UserFhirClient<"r4"> }> {
  const here = await createTestLifecycle({ sandbox });
  afterwards(() => here.close());
  await here.lifecycle.onboard("ada");
  return Object.assign(here, { fhir: () => here.lifecycle.fhir("ada", "r4") });
}

/** How many have the identifier, once all of them can be found. */
async function found({ clock, fhir }: Awaited<ReturnType<typeof world>>): Promise<number> {
  await clock.advance("1m");
  return (await fhir().search("Patient", by)).resources.length;
}

describe("ensure()", () => {
  it("creates a resource that does not exist, resolves when it is found, and returns the same one from then on", async () => {
    const here = await world();
    const created = await here.fhir().ensure(patient, { by });
    expect((await here.fhir().search("Patient", by)).resources).toEqual([created]);
    const searches = here.sandbox.journal.count("fhir.search");
    expect(await here.fhir().ensure(patient, { by })).toEqual(created);
    expect(here.sandbox.journal.count("fhir.search")).toBe(searches + 1);
    expect(here.sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("creates one although it is called many times at once, by two processes of one store", async () => {
    const { open, sandbox } = await scene({ readLagMs: 500 });
    const [one, other] = [await open(), await open()];
    await one.onboard("ada");
    const clicks = Array.from({ length: 20 }, (_, n) =>
      (n % 2 === 0 ? one : other).fhir("ada", "r4").ensure(patient, { by }),
    );
    const ids = new Set((await Promise.all(clicks)).map(({ id }) => id));
    expect(ids.size).toBe(1);
    expect(sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("creates one although the first of two calls began before its user had a number", async () => {
    const { open, sandbox } = await scene({ readLagMs: 500 });
    const [one, other] = [await open(), await open()];
    sandbox.fail({ call: "createUser", delayMs: 300 });
    sandbox.fail({ call: "fhir.create", delayMs: 300, times: 2 });
    await one.onboard("ada", { waitMs: 0 });
    const first = one.fhir("ada", "r4").ensure(patient, { by });
    await other.onboard("ada");
    const { id } = await other.fhir("ada", "r4").ensure(patient, { by });
    expect((await first).id).toBe(id);
    expect(sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("creates one although a search shows it and the next ones, of other replicas, do not", async () => {
    const here = await world();
    const created = await here.fhir().ensure(patient, { by });
    const body = { resourceType: "Bundle", type: "searchset", total: 0, entry: [] };
    here.sandbox.fail({ call: "fhir.search", status: 200, body, times: 4 });
    expect(await here.fhir().ensure(patient, { by })).toEqual(created);
    expect(here.sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("takes a resource that a search lists twice for one", async () => {
    const here = await world();
    const created = await here.fhir().ensure(patient, { by });
    const entry = [{ resource: created }, { resource: created }];
    const body = { resourceType: "Bundle", type: "searchset", total: 2, entry };
    here.sandbox.fail({ call: "fhir.search", status: 200, body });
    expect(await here.fhir().ensure(patient, { by })).toEqual(created);
  });

  it.each(["http://example.org/mrn", "http://example.org/passport"])(
    "sends no second create after one that was answered with another identifier of %s, and tells its id",
    async (system) => {
      const here = await world();
      const body = { resourceType: "Patient", id: "other", identifier: [{ system, value: "1" }] };
      here.sandbox.fail({ call: "fhir.create", status: 201, body });
      const error = await errorOf(here.fhir().ensure(patient, { by }));
      expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: false, facts: { id: "other" } });
      expect(error.message).toContain("do not repeat ensure()");
      const again = await errorOf(here.fhir().ensure(patient, { by, waitMs: 30_000 }));
      expect(again).toMatchObject({ code: "IN_DOUBT" });
      expect(here.sandbox.journal.count("fhir.create")).toBe(1);
    },
  );

  it("sends no second create after one of which only the id arrived", async () => {
    const here = await world();
    const headers = { location: "https://api.1up.health/r4/Patient/other/_history/1" };
    here.sandbox.fail({ call: "fhir.create", status: 201, body: {}, headers });
    const error = await errorOf(here.fhir().ensure(patient, { by, waitMs: 0 }));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: false, facts: { id: "other" } });
    expect(here.sandbox.journal.count("fhir.create")).toBe(1);
  });

  it("finds what was created although the answer is about another resource, while searches fail", async () => {
    const here = await world();
    const identifier = [{ system: "http://example.org/mrn", value: "1" }];
    const body = { resourceType: "Patient", id: "bobs", identifier };
    here.sandbox.fail({ call: "fhir.create", status: 201, body, commit: true });
    const called = here.fhir().ensure(patient, { by });
    await here.clock.advance(500);
    here.sandbox.fail({ call: "fhir.search", status: 503, times: 4 });
    expect(await called).toMatchObject(patient);
    expect(await found(here)).toBe(1);
  });

  it.each([
    { drop: "after" },
    { drop: "body" },
    { status: 500, commit: true },
    { status: 504, commit: true },
    { response: "truncated", commit: true },
  ] as const)("finds what was created although the response was lost (%j)", async (fault) => {
    const here = await world();
    here.sandbox.fail({ call: "fhir.create", ...fault });
    const created = await here.fhir().ensure(patient, { by });
    expect(created).toMatchObject(patient);
    expect(here.sandbox.journal.count("fhir.create")).toBe(1);
    expect(await found(here)).toBe(1);
  });

  it.each([{ drop: "before" }, { status: 503 }] as const)(
    "creates it again once the first create can no longer arrive (%j)",
    async (fault) => {
      const here = await world();
      here.sandbox.fail({ call: "fhir.create", ...fault });
      const began = here.clock.now();
      await here.fhir().ensure(patient, { by });
      expect(here.sandbox.journal.count("fhir.create")).toBe(2);
      expect(here.clock.now() - began).toBeGreaterThanOrEqual(70_000);
      expect(await found(here)).toBe(1);
    },
  );

  it.each([
    { status: 504 },
    { status: 408 },
    { status: 499 },
    { status: 500, body: { resourceType: "OperationOutcome", issue: [] } },
    { status: 202, body: {} },
    { status: 403, body: "<html><body>Forbidden</body></html>" },
  ])(
    "sends no second create while one that a gateway has given up may still be carried out (%j)",
    async (fault) => {
      const here = await world();
      here.sandbox.fail({ call: "fhir.create", ...fault });
      void sleep(here.clock, 30_000).then(() => here.fhir().create(patient));
      expect(await here.fhir().ensure(patient, { by })).toMatchObject(patient);
      expect(await found(here)).toBe(1);
    },
  );

  it("sends none for an entry of a batch either", async () => {
    const here = await world();
    here.sandbox.fail({ call: "fhir.create", status: 504 });
    void sleep(here.clock, 30_000).then(() => here.fhir().create(patient));
    const [result] = await here.fhir().batch([{ type: "ensure", resource: patient, by }]);
    expect(result).toMatchObject({ error: null });
    expect(await found(here)).toBe(1);
  });

  it.each(["before", "after"] as const)(
    "creates one although the process dies %s its create, and none before that can have arrived",
    async (when) => {
      const here = await world();
      const die = (): unknown => here.fhir().ensure(patient, { by });
      if (when === "before") await here.crash({ before: "fhir.create" }, die);
      else await here.crash({ after: "fhir.create" }, die);
      const died = here.clock.now();
      await here.restart({ after: 0 });
      expect(await here.fhir().ensure(patient, { by })).toMatchObject(patient);
      if (when === "before") expect(here.clock.now() - died).toBeGreaterThanOrEqual(70_000);
      else expect(here.clock.now() - died).toBeLessThan(5_000);
      expect(await found(here)).toBe(1);
    },
  );

  it("searches again where the machine was suspended between its search and its create", async () => {
    const sandbox = createSandbox();
    const calls: string[] = [];
    let suspendedMs = 0;
    const lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      store: memory(),
      clock: { ...systemClock, now: () => systemClock.now() + suspendedMs },
      transport: fetchTransport(async (input, init) => {
        const { method, url } = new Request(input, init);
        const answer = await sandbox.fetch(input, init);
        if (url.includes("/r4/Patient")) calls.push(method);
        if (calls.length === 2) suspendedMs = 60_000;
        return answer;
      }),
    });
    afterwards(() => lifecycle.close());
    await lifecycle.onboard("ada");
    await lifecycle.fhir("ada", "r4").ensure(patient, { by });
    expect(calls.slice(0, 5)).toEqual(["GET", "GET", "GET", "GET", "POST"]);
  });

  it("gives up after waitMs, and is repeated", async () => {
    const here = await world();
    await here.crash({ before: "fhir.create" }, () => here.fhir().ensure(patient, { by }));
    await here.restart({ after: 0 });
    const error = await errorOf(here.fhir().ensure(patient, { by, waitMs: 1_000 }));
    expect(error).toMatchObject({ code: "IN_DOUBT", retryable: true });
    expect(error.retryAfterMs).toBeGreaterThan(60_000);
    await here.clock.advance(error.retryAfterMs ?? 0);
    await here.fhir().ensure(patient, { by, waitMs: 0 });
    expect(await found(here)).toBe(1);
  });

  it("is not held up by a create that was refused", async () => {
    const here = await world();
    here.sandbox.fail({ call: "fhir.create", status: 422 });
    expect(await errorOf(here.fhir().ensure(patient, { by }))).toMatchObject({ code: "FHIR_REFUSED" });
    const began = here.clock.now();
    await here.fhir().ensure(patient, { by });
    expect(here.clock.now() - began).toBeLessThan(5_000);
  });

  it("holds back a create that was called off until it can no longer arrive", async () => {
    const here = await world();
    here.sandbox.fail({ call: "fhir.create", delayMs: 20_000 });
    const stop = new AbortController();
    const called = here.fhir().ensure(patient, { by, signal: stop.signal });
    await here.clock.advance("5s");
    stop.abort(new Error("the person left"));
    await expect(called).rejects.toThrow("the person left");
    expect(await here.fhir().ensure(patient, { by })).toMatchObject(patient);
    expect(await found(here)).toBe(1);
  });

  it("waits for no lease of the user: others renew its token meanwhile", async () => {
    const here = await world();
    await here.clock.advance("2h");
    const [, token] = await Promise.all([
      here.fhir().ensure(patient, { by }),
      here.lifecycle.accessToken("ada"),
    ]);
    expect(token).not.toBe("");
    expect(here.sandbox.journal.count("refreshToken")).toBe(1);
  });

  it("knows its user by a number that survives a rename", async () => {
    const here = await world();
    await here.crash({ before: "fhir.create" }, () => here.fhir().ensure(patient, { by }));
    const lifecycle = await here.restart({ after: 0 });
    await lifecycle.rename("ada", "eve");
    const error = await errorOf(lifecycle.fhir("eve", "r4").ensure(patient, { by, waitMs: 0 }));
    expect(error).toMatchObject({ code: "IN_DOUBT" });
  });

  it("reports that several have the identifier, and which, and creates none", async () => {
    const here = await world();
    const ids = [await here.fhir().create(patient), await here.fhir().create(patient)].map(({ id }) => id);
    await here.clock.advance("1s"); // now searches show both
    const error = await errorOf(here.fhir().ensure(patient, { by }));
    expect(error).toMatchObject({ code: "FHIR_AMBIGUOUS", retryable: false });
    expect(new Set(error.facts["ids"] as readonly unknown[])).toEqual(new Set(ids));
    expect(error.message).not.toContain("4711");
    expect(here.sandbox.journal.count("fhir.create")).toBe(2);
  });

  it("reports a second one that was created beside it", async () => {
    const here = await world();
    const [ensured] = await Promise.all([
      errorOf(here.fhir().ensure(patient, { by })),
      here.fhir().create(patient),
    ]);
    expect(ensured.code).toBe("FHIR_AMBIGUOUS");
  });

  it("creates nothing where a search ignores the identifier", async () => {
    const here = await world();
    const another = { resourceType: "Patient", id: "1", identifier: [{ value: "4712" }] };
    const body = { resourceType: "Bundle", type: "searchset", entry: [{ resource: another }] };
    here.sandbox.fail({ call: "fhir.search", status: 200, body });
    expect(await errorOf(here.fhir().ensure(patient, { by }))).toMatchObject({ code: "BAD_ANSWER" });
    expect(here.sandbox.journal.count("fhir.create")).toBe(0);
  });

  it("refuses types that 1upHealth cannot search, before anything is sent", async () => {
    const here = await world();
    const binary = { resourceType: "Binary", contentType: "text/plain", identifier: patient.identifier };
    const error = await errorOf(here.fhir().ensure(binary as never, { by }));
    expect(error).toMatchObject({ code: "NOT_DECLARED" });
    expect(here.sandbox.journal.spent().fhir).toBe(0);
  });

  it.each([
    ["|4711", { value: "4711" }],
    ["urn:clinic|Ünïcode 例", { system: "urn:clinic", value: "Ünïcode 例" }],
    ["http://example.org/a?b=c&d#e|4%7+1", { system: "http://example.org/a?b=c&d#e", value: "4%7+1" }],
  ])("finds by %s", async (text, own) => {
    const here = await world();
    const named = { ...patient, identifier: [{ system: "urn:other", value: "1" }, own] };
    const created = await here.fhir().ensure(named, { by: { identifier: text } });
    expect(await here.fhir().ensure(named, { by: { identifier: text } })).toEqual(created);
    expect(here.sandbox.journal.count("fhir.create")).toBe(1);
  });

  it.each<[unknown, string]>([
    [undefined, "by must be { identifier }, got nothing"],
    [{ tag: "a|b" }, "by must be { identifier }, got others"],
    [{ identifier: "4711" }, "by.identifier must be"],
    [{ identifier: 4711 }, "got a number"],
    [{ identifier: "a|b|c" }, "by.identifier must be"],
    [{ identifier: "a|b,c" }, "by.identifier must be"],
    [{ identifier: "a|b\\" }, "by.identifier must be"],
    [{ identifier: "a| b" }, "by.identifier must be"],
    [{ identifier: "a|b " }, "by.identifier must be"],
    [{ identifier: "http://example.org/mrn|4712" }, "must be one that the resource carries, got another"],
  ])("refuses by: %j, before anything is sent", async (given, rule) => {
    const here = await world();
    const error = await errorOf(here.fhir().ensure(patient, { by: given as typeof by }));
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    expect(error.message).toContain(rule);
    expect(error.message).not.toContain("471");
    expect(here.sandbox.journal.spent().fhir).toBe(0);
  });
});
