import { memory } from "oneup-lifecycle/adapters/memory";
import { openTelemetry } from "oneup-lifecycle/opentelemetry";
import type { Store, StoreAdapter } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycleOptions } from "oneup-lifecycle/testing";
import { describe, expect, it, onTestFinished, vi, type TestContext } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { helpIn, seriesIn } from "./exposition.ts";
import { useSdk } from "./sdk.ts";

const sdk = useSdk();
const hour = 3_600_000;

/** A world whose metrics no other test shares. */
async function world({ task }: TestContext, lifecycle: TestLifecycleOptions["lifecycle"] = {}) {
  const telemetry = openTelemetry({ attributes: { test: task.id } });
  const made = await createTestLifecycle({ lifecycle: { telemetry, ...lifecycle } });
  onTestFinished(() => made.close());
  /** The value of the one series of that name with these labels; `undefined`: there is none. */
  const value = async (
    name: string,
    labels: Readonly<Record<string, string>> = {},
  ): Promise<number | undefined> => {
    const wanted = Object.entries({ ...labels, test: task.id });
    const found = seriesIn(await sdk.page()).filter(
      (one) => one.name === name && wanted.every(([key, text]) => one.labels[key] === text),
    );
    expect(found.length).toBeLessThan(2);
    return found[0]?.value;
  };
  return { ...made, made, value };
}

/** The last reading of the store is no longer fresh. */
function readAgain(): void {
  const { monotonic } = systemClock;
  vi.spyOn(systemClock, "monotonic").mockImplementation(() => monotonic() + 10_000);
  onTestFinished(() => void vi.restoreAllMocks());
}

/** The same store, and how often its users were counted. */
function counting(store: StoreAdapter): { readonly store: StoreAdapter; readonly counted: () => number } {
  let counted = 0;
  return {
    store: {
      ...store,
      async open(options) {
        const opened: Store = await store.open(options);
        return { ...opened, tally: () => (counted++, opened.tally()) };
      },
    },
    counted: () => counted,
  };
}

describe("metrics", () => {
  it("calls are counted by call and outcome, with the code of what failed", async (context) => {
    const { lifecycle, sandbox, value } = await world(context);
    sandbox.fail({ call: "exchangeCode", status: 503 });
    await lifecycle.onboard("ada");
    const calls = "oneup_call_duration_count";
    expect(await value(calls, { oneup_call: "createUser", oneup_outcome: "created" })).toBe(1);
    expect(await value(calls, { oneup_call: "exchangeCode", oneup_outcome: "tokens" })).toBe(1);
    const failed = { oneup_call: "exchangeCode", oneup_outcome: "inDoubt", error_type: "http_503" };
    expect(await value(calls, failed)).toBe(1);
    expect(await value("oneup_onboard_duration_count", { oneup_outcome: "usable" })).toBe(1);
    expect(await value("oneup_commit_duration_count", { oneup_outcome: "committed" })).toBeGreaterThan(3);
  });

  it("the time to a first token, to a token after a lost grant, and of a refresh are apart", async (context) => {
    const { lifecycle, sandbox, clock, value } = await world(context);
    await lifecycle.onboard("ada");
    await clock.advance("3h");
    await lifecycle.accessToken("ada");
    sandbox.revokeGrant("ada");
    await clock.advance("3h");
    await lifecycle.accessToken("ada");
    const waits = "oneup_token_wait_duration_count";
    expect(await value(waits, { oneup_token_kind: "first" })).toBe(1);
    expect(await value(waits, { oneup_token_kind: "again" })).toBe(1);
    expect(await value("oneup_token_refresh_duration_count")).toBe(1);
  });

  it("the time to token begins when the user was added, whichever processes ran it", async (context) => {
    const { made, value } = await world(context);
    await made.crash({ before: "exchangeCode" }, () => made.lifecycle.onboard("ada"));
    const next = await made.restart({ after: "10m" });
    await next.onboard("ada");
    expect(
      await value("oneup_token_wait_duration_sum", { oneup_token_kind: "first" }),
    ).toBeGreaterThanOrEqual(600);
    expect(await value("oneup_lease_takeovers_total", { oneup_call: "exchangeCode" })).toBe(1);
  });

  it("gauges show slots, lanes with the age of the first user, and users by state", async (context) => {
    const limits = { management: { calls: 2, windowMs: hour } };
    const { lifecycle, clock, value } = await world(context, { limits });
    await lifecycle.onboard("ada");
    await lifecycle.onboard("eve");
    await lifecycle.onboard("joan", { waitMs: 0 });
    await clock.advance(60_000);
    expect(await value("oneup_slots_used", { oneup_lane: "interactive" })).toBe(2);
    expect(await value("oneup_slots_free")).toBe(0);
    expect(await value("oneup_slots_limit")).toBe(2);
    expect(await value("oneup_users_waiting", { oneup_lane: "interactive" })).toBe(1);
    expect(await value("oneup_users_waiting_age", { oneup_lane: "interactive" })).toBeGreaterThanOrEqual(60);
    expect(await value("oneup_users_waiting_age", { oneup_lane: "bulk" })).toBe(0);
    expect(await value("oneup_users", { oneup_user_state: "tokenActive" })).toBe(2);
    expect(await value("oneup_ready")).toBe(1);
    expect(await value("oneup_users_running")).toBe(0);
  });

  it("what an alert compares with is there before the first user fails or is taken over", async (context) => {
    const { lifecycle, value } = await world(context);
    expect(await value("oneup_lease_takeovers_total", { oneup_call: "createUser" })).toBe(0);
    await lifecycle.onboard("ada");
    expect(await value("oneup_users", { oneup_user_state: "failed" })).toBe(0);
  });

  it("gauges show shut gates with their reason, endpoints that do not work, and paused lanes", async (context) => {
    const { lifecycle, sandbox, value } = await world(context);
    sandbox.fail({ status: 429, headers: { "retry-after": "600" } });
    await lifecycle.onboard("ada", { waitMs: 0 });
    sandbox.fail({ call: "exchangeCode", drop: "before" });
    await lifecycle.account.pause({ lane: "bulk", reason: "the list is being checked" });
    expect(await value("oneup_gate_shut", { oneup_gate: "management", oneup_reason: "throttled" })).toBe(1);
    expect(await value("oneup_gate_shut", { oneup_gate: "secret", oneup_reason: "none" })).toBe(0);
    expect(await value("oneup_lane_paused", { oneup_lane: "bulk" })).toBe(1);
    expect(await value("oneup_lane_paused", { oneup_lane: "recovery" })).toBe(0);
    expect(await value("oneup_endpoint_up", { oneup_endpoint: "management" })).toBe(1);
  });

  it("an endpoint is up or down by the calls of the last ten minutes alone", async (context) => {
    const { lifecycle, sandbox, clock, value } = await world(context);
    const shown = async (endpoint: string) => {
      const up = await value("oneup_endpoint_up", { oneup_endpoint: endpoint });
      return [up, await value("oneup_endpoint_down", { oneup_endpoint: endpoint })];
    };
    await lifecycle.onboard("ada");
    sandbox.fail({ status: 503 });
    const { search } = lifecycle.fhir("ada", "r4", { retries: 0 });
    await search("Patient").catch(() => {});
    expect(await shown("management")).toEqual([1, 0]);
    expect(await shown("fhir")).toEqual([0, 1]);
    await clock.advance("11m");
    readAgain();
    expect(await shown("fhir")).toEqual([0, 0]);
    expect(await shown("management")).toEqual([0, 0]);
    expect((await lifecycle.health()).endpoints).toMatchObject([{}, {}, { endpoint: "fhir", works: false }]);
  });

  it("a series that is over becomes 0, because the SDK repeats what it was told last", async (context) => {
    const { lifecycle, sandbox, value } = await world(context);
    sandbox.fail({ status: 429, headers: { "retry-after": "600" } });
    await lifecycle.onboard("ada", { waitMs: 0 });
    const shut = { oneup_gate: "management", oneup_reason: "throttled" };
    expect(await value("oneup_gate_shut", shut)).toBe(1);
    expect(await value("oneup_users", { oneup_user_state: "created" })).toBe(1);
    await lifecycle.onboard("ada", { waitMs: hour });
    readAgain();
    expect(await value("oneup_gate_shut", shut)).toBe(0);
    expect(await value("oneup_users", { oneup_user_state: "created" })).toBe(0);
  });

  it("a process whose store is away is not ready, and reports nothing of the account", async (context) => {
    const kept = memory();
    const away: StoreAdapter = {
      ...kept,
      async open(options) {
        const opened = await kept.open(options);
        return {
          ...opened,
          tally: () => Promise.reject(new Error("away")),
          probe: () => Promise.reject(new Error("away")),
        };
      },
    };
    const { value } = await world(context, { store: away });
    expect(await value("oneup_ready")).toBe(0);
    expect(await value("oneup_problem", { error_type: "STORE_UNAVAILABLE" })).toBe(1);
    expect(await value("oneup_slots_limit")).toBeUndefined();
  });

  it("imports show what is left of them", async (context) => {
    const limits = { management: { calls: 2, windowMs: hour } };
    const { lifecycle, value } = await world(context, { limits });
    const stop = new AbortController();
    const onProgress = ({ phase }: { phase: string }): void => void (phase === "onboarding" && stop.abort());
    await lifecycle
      .onboardMany(["a", "b", "c", "d", "e"], {
        name: "spring",
        expect: "new",
        signal: stop.signal,
        onProgress,
      })
      .catch(() => {});
    expect(await value("oneup_import_left", { oneup_import: "spring" })).toBeGreaterThan(0);
  });

  it("the store is read once for any number of collections within three seconds", async (context) => {
    const { store, counted } = counting(memory());
    await world(context, { store });
    await sdk.page();
    const once = counted();
    expect(once).toBeGreaterThan(0);
    await Promise.all(Array.from({ length: 20 }, () => sdk.page()));
    expect(counted()).toBe(once);
  });

  it("a closed lifecycle is not ready, and reads nothing any more", async (context) => {
    const { store, counted } = counting(memory());
    const { made, value } = await world(context, { store });
    expect(await value("oneup_ready")).toBe(1);
    await made.lifecycle.close();
    const before = counted();
    readAgain();
    for (let times = 1; times <= 2; times++) expect(await value("oneup_ready")).toBe(0);
    expect(counted()).toBe(before);
  });

  it("no series names a user, and each gauge of the account tells how to aggregate it", async (context) => {
    const { lifecycle } = await world(context);
    await lifecycle.onboard("ada@secret.example");
    const page = await sdk.page();
    const own = seriesIn(page).filter(({ name }) => name.startsWith("oneup_"));
    const texts = own.flatMap(({ labels }) => Object.values(labels));
    const alias = lifecycle.alias("ada@secret.example").slice(1);
    expect(texts.filter((text) => text.includes("secret.example") || text.includes(alias))).toEqual([]);
    const help = [...helpIn(page)].filter(([name]) => name.startsWith("oneup_"));
    const whole = help.filter(([, text]) => text.includes("aggregate with max, not with sum"));
    expect(whole.map(([name]) => name)).toEqual(
      expect.arrayContaining(["oneup_slots_used", "oneup_users", "oneup_gate_shut"]),
    );
    expect(help.filter(([, text]) => text === "" || text === "description missing")).toEqual([]);
  });

  it("attributes stay few: names beyond the first are one", async (context) => {
    const { lifecycle, sandbox } = await world(context);
    await lifecycle.onboard("ada");
    const fhir = lifecycle.fhir("ada", "r4");
    for (let status = 400; status < 500; status++) {
      sandbox.fail({ status, body: { error: `word ${status}` } });
      await fhir.read("Patient", "1").catch(() => {});
    }
    const page = seriesIn(await sdk.page());
    const errors = page.filter(
      ({ name, labels }) => name === "oneup_call_duration_count" && labels["test"] === context.task.id,
    );
    expect(errors.length).toBeLessThan(100);
  });
});
