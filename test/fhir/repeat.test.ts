/** Reads, searches and pages of walks are repeated after a failure that may pass; writes never are. */
import { LifecycleError, type FhirClient, type FhirOptions } from "oneup-lifecycle";
import type { CallName, Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { systemClock, type Clock } from "../../src/clock.ts";
import { repeated } from "../../src/fhir/repeat.ts";
import { all, errorOf } from "./ada.ts";

interface Here extends TestLifecycle {
  readonly fhir: FhirClient<"r4">;
  readonly id: string;
  /** How often this call arrived. */
  readonly count: (call: CallName) => number;
  /** How long it takes, on the clock of the test, ms. */
  readonly lasts: (task: Promise<unknown>) => Promise<number>;
}

/** A user with a Patient. */
async function withPatient(options?: FhirOptions): Promise<Here> {
  const world = await createTestLifecycle();
  await world.lifecycle.onboard("ada");
  const fhir = world.lifecycle.fhir("ada", "r4", options);
  const { id = "" } = await fhir.create({ resourceType: "Patient" });
  await world.clock.advance("1s"); // now reads show it
  return {
    ...world,
    lifecycle: world.lifecycle,
    fhir,
    id,
    count: (call) => world.sandbox.journal.count(call),
    async lasts(task) {
      const start = world.clock.now();
      await task;
      return world.clock.now() - start;
    },
  };
}

/** What reports such an error. */
const failing = (code: string) => ({
  resourceType: "OperationOutcome",
  issue: [{ severity: "error", code }],
});

const passing: readonly (readonly [name: string, fault: Fault, pauseMs: number])[] = [
  ["a connection that was cut before the response", { drop: "before" }, 125],
  ["a response that was cut", { drop: "body" }, 125],
  ["JSON that was cut", { response: "truncated" }, 125],
  ["a 500", { status: 500 }, 125],
  ["a gateway's page", { status: 404, body: "<html>404 Not Found</html>" }, 125],
  ["a gateway's text", { status: 404, body: "default backend - 404" }, 125],
  ["a gateway's JSON", { status: 410, body: { message: "no Route matched with those values" } }, 125],
  ["a router's JSON", { status: 404, body: { statusCode: 404, error: "Not Found", message: "GET /" } }, 125],
  ["an error with status 200", { status: 200, body: failing("timeout") }, 125],
  ["a 503 that names seconds", { status: 503, headers: { "retry-after": "7" } }, 7_000],
  ["a 503 that names a date", { status: 503, retryAfterMs: 9_000, retryAfter: "date" }, 8_000],
  ["a 429 that names seconds", { status: 429, retryAfterMs: 5_000 }, 5_000],
  ["a 429 that names a date", { status: 429, retryAfterMs: 9_000, retryAfter: "date" }, 8_000],
];

describe.each(passing)("after %s", (_, fault, pauseMs) => {
  it("a read, a version and a search are repeated, no earlier than the server asks for", async () => {
    const { fhir, id, sandbox, lasts } = await withPatient();
    const calls: readonly (readonly [CallName, () => Promise<unknown>])[] = [
      ["fhir.read", () => fhir.read("Patient", id)],
      ["fhir.vread", () => fhir.vread("Patient", id, "1")],
      ["fhir.search", () => fhir.search("Patient")],
      ["fhir.history", () => fhir.history("Patient", id)],
      ["fhir.everything", () => all(fhir.everything(id))],
    ];
    for (const [call, make] of calls) {
      sandbox.fail({ ...fault, call });
      const before = sandbox.journal.count(call);
      expect(await lasts(make())).toBeGreaterThanOrEqual(pauseMs);
      expect([call, sandbox.journal.count(call) - before]).toEqual([call, 2]);
    }
  });
});

describe("what changes something", () => {
  it.each([{ drop: "after" }, { status: 503, retryAfterMs: 1_000 }] as const)(
    "is sent once: %j",
    async (how) => {
      const { fhir, id, sandbox, count } = await withPatient();
      const patient = await fhir.read("Patient", id);
      const calls: readonly (readonly [CallName, () => Promise<unknown>])[] = [
        ["fhir.create", () => fhir.create({ resourceType: "Patient" })],
        ["fhir.update", () => fhir.update(patient)],
        ["fhir.share", () => fhir.share(id, 7)],
        ["fhir.unshare", () => fhir.unshare(id, 7)],
        ["fhir.delete", () => fhir.delete("Patient", id)],
      ];
      for (const [call, make] of calls) {
        sandbox.fail({ call, times: Infinity, ...how });
        const before = count(call);
        expect((await errorOf(make())).message).not.toContain("tried");
        expect([call, count(call) - before]).toEqual([call, 1]);
      }
    },
  );
});

describe("retries", () => {
  it("is three, and the error tells that it was tried four times", async () => {
    const { fhir, id, sandbox, count } = await withPatient();
    sandbox.fail({ call: "fhir.read", times: Infinity, status: 502 });
    const error = await errorOf(fhir.read("Patient", id));
    expect(error.message).toBe("Cannot read the Patient: 1upHealth answered 502; tried 4 times");
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true, status: 502 });
    expect(error.failedCall).toMatchObject({ call: "fhirRead", status: 502, attempt: 4 });
    expect(count("fhir.read")).toBe(4);
  });

  it("0 switches it off, for a client and for a call, and a call overrides its client", async () => {
    const { fhir, id, sandbox, count } = await withPatient({ retries: 0 });
    sandbox.fail({ call: "fhir.read", times: Infinity, status: 502 });
    const error = await errorOf(fhir.read("Patient", id));
    expect(error.message).toBe("Cannot read the Patient: 1upHealth answered 502");
    expect(error.failedCall?.attempt).toBe(1);
    await errorOf(fhir.read("Patient", id, { retries: 2 }));
    expect(count("fhir.read")).toBe(1 + 3);
    sandbox.clearFaults();
    sandbox.fail({ call: "fhir.search", times: Infinity, status: 502 });
    await errorOf(all(fhir.searchAll("Patient")));
    expect(count("fhir.search")).toBe(1);
  });

  it.each([-1, 101, 1.5, Infinity, "3"])("refuses %j", async (retries) => {
    const { lifecycle, fhir, id } = await withPatient();
    const wrong = { retries: retries as number }; // what a program without types may pass
    expect(() => lifecycle.fhir("ada", "r4", wrong)).toThrow("retries must be a whole number from 0 to 100");
    expect(await errorOf(fhir.read("Patient", id, wrong))).toMatchObject({ code: "INVALID_OPTION" });
  });

  it("does not repeat what will not pass", async () => {
    const { fhir, sandbox, count } = await withPatient();
    expect(await errorOf(fhir.read("Patient", "none"))).toMatchObject({ status: 404 });
    expect(count("fhir.read")).toBe(1);
    sandbox.fail({ call: "fhir.read", status: 403, body: { message: "Forbidden" } });
    expect(await errorOf(fhir.read("Patient", "none"))).toMatchObject({ code: "FORBIDDEN" });
    expect(count("fhir.read")).toBe(2);
  });

  it.each("transient lock-error no-store exception timeout incomplete throttled".split(" "))(
    "goes on with a walk after a page that holds only the error %s, which its own error names",
    async (code) => {
      const { fhir, sandbox } = await withPatient();
      sandbox.fail({ call: "fhir.search", status: 200, body: failing(code) });
      expect(await all(fhir.searchAll("Patient"))).toHaveLength(1);
      sandbox.fail({ call: "fhir.search", status: 200, body: failing(code) });
      const error = await errorOf(fhir.search("Patient", {}, { retries: 0 }));
      expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true, facts: { issues: [{ code }] } });
      expect(error.message).toContain(`must hold a Bundle, got an error (${code})`);
    },
  );

  it("does not repeat an error with status 200 that will not pass, nor a write after one that may", async () => {
    const { fhir, id, sandbox, count } = await withPatient();
    const warning = { resourceType: "OperationOutcome", issue: [{ severity: "warning", code: "timeout" }] };
    for (const body of [failing("not-found"), warning]) {
      sandbox.fail({ call: "fhir.read", status: 200, body });
      expect(await errorOf(fhir.read("Patient", id))).toMatchObject({ code: "BAD_ANSWER", retryable: false });
    }
    expect(count("fhir.read")).toBe(2);
    sandbox.fail({ call: "fhir.create", status: 200, body: failing("timeout") });
    expect(await errorOf(fhir.create({ resourceType: "Patient" }))).toMatchObject({
      code: "IN_DOUBT",
      retryable: false,
    });
    expect(count("fhir.create")).toBe(2);
  });

  it.each([404, 410])("does not repeat a %i of 1upHealth", async (status) => {
    const { fhir, sandbox, count } = await withPatient();
    const bodies = ["", { error: "Resource not found" }, { resourceType: "OperationOutcome" }];
    for (const body of bodies) {
      sandbox.fail({ call: "fhir.read", status, body });
      expect(await errorOf(fhir.read("Patient", "none"))).toMatchObject({ code: "FHIR_REFUSED", status });
    }
    expect(count("fhir.read")).toBe(bodies.length);
  });
});

describe("waitMs", () => {
  it.each([503, 429])("is 30 s: a %i that asks for more fails at once, with the time", async (status) => {
    const { fhir, id, sandbox, count, lasts } = await withPatient();
    sandbox.fail({ call: "fhir.read", status, retryAfterMs: 31_000 });
    let error: LifecycleError | undefined;
    expect(await lasts(errorOf(fhir.read("Patient", id)).then((one) => (error = one)))).toBe(0);
    expect(error).toMatchObject({ retryable: true, retryAfterMs: 31_000 });
    expect(count("fhir.read")).toBe(1);
  });

  it("can be longer or shorter for a call", async () => {
    const { fhir, id, sandbox, lasts } = await withPatient();
    sandbox.fail({ call: "fhir.read", status: 503, retryAfterMs: 3_600_000 });
    expect(await lasts(fhir.read("Patient", id, { waitMs: Infinity }))).toBe(3_600_000);
    sandbox.fail({ call: "fhir.read", status: 503, retryAfterMs: 1_000 });
    expect(await errorOf(fhir.read("Patient", id, { waitMs: 999 }))).toMatchObject({ retryAfterMs: 1_000 });
  });

  it("is ten minutes before each repetition of a page of a walk", async () => {
    const { fhir, sandbox, lasts } = await withPatient();
    sandbox.fail({ call: "fhir.search", times: 2, status: 503, retryAfterMs: 600_000 });
    expect(await lasts(all(fhir.searchAll("Patient")))).toBe(1_200_000);
    sandbox.fail({ call: "fhir.search", status: 503, retryAfterMs: 601_000 });
    expect(await errorOf(all(fhir.searchAll("Patient")))).toMatchObject({ retryAfterMs: 601_000 });
  });

  it("ends with the caller's signal, and with the lifecycle", async () => {
    const { fhir, id, sandbox, clock, lifecycle, count } = await withPatient();
    clock.autoAdvance = false;
    sandbox.fail({ call: "fhir.read", times: Infinity, status: 503, retryAfterMs: 20_000 });
    const stop = new AbortController();
    const stopped = fhir.read("Patient", id, { signal: stop.signal }).catch((reason: unknown) => reason);
    const ended = fhir.read("Patient", id).catch((reason: unknown) => reason);
    await until(() => count("fhir.read") === 2);
    stop.abort("enough");
    expect(await stopped).toBe("enough");
    const closing = lifecycle.close();
    expect(await ended).toMatchObject({ code: "CLOSED" });
    await closing;
    expect(count("fhir.read")).toBe(2);
  });
});

/** A clock whose pauses are over at once, and are noted. */
function noted(random: number): Clock & { readonly pauses: number[] } {
  const pauses: number[] = [];
  let at = 0;
  return {
    pauses,
    now: () => at,
    monotonic: () => at,
    random: () => random,
    timer(ms, task) {
      pauses.push(ms);
      at += ms;
      return systemClock.timer(0, task);
    },
  };
}

describe("the pauses", () => {
  const rule = { retries: 20, waitMs: 30_000, pauseMs: 30_000 };
  const { signal: ending } = new AbortController();
  const failing = async (clock: Clock, details: object, code: "UNAVAILABLE" | "RATE_LIMITED") =>
    errorOf(
      repeated({ clock, ending }, rule, undefined, () =>
        Promise.reject(new LifecycleError(code, "Cannot", { retryable: true, ...details })),
      ),
    );

  it("double, within half and one and a half of that, and end within waitMs", async () => {
    const [short, long] = [noted(0), noted(0.999_999)];
    await failing(short, {}, "UNAVAILABLE");
    await failing(long, {}, "UNAVAILABLE");
    expect(short.pauses).toEqual([125, 250, 500, 1_000, 2_000, 4_000, 8_000]);
    expect(long.pauses.map(Math.round)).toEqual([375, 750, 1_500, 3_000, 6_000, 12_000]);
    for (const { pauses } of [short, long])
      expect(pauses.reduce((sum, ms) => sum + ms)).toBeLessThanOrEqual(rule.waitMs);
  });

  it("are longer after a 429 that names no time", async () => {
    const clock = noted(0.5);
    await failing(clock, {}, "RATE_LIMITED");
    expect(clock.pauses).toEqual([2_000, 4_000, 8_000, 16_000]);
  });

  it("are no shorter than what the server asks for", async () => {
    const clock = noted(0.5);
    await failing(clock, { retryAfterMs: 9_000 }, "RATE_LIMITED");
    expect(clock.pauses).toEqual([9_000, 9_000, 9_000]);
  });
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
