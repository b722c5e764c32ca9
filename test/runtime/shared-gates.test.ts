/** The account's gates by themselves: several processes on one store, without users, a network or a sandbox. */
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { Account, type Permit } from "../../src/runtime/gates/account.ts";
import { storeUnavailable, storeUnusable } from "../../src/errors.ts";
import type { Logger } from "../../src/index.ts";
import { Secret } from "../../src/secret.ts";
import { manualClock, type ManualClock } from "../../src/testing/index.ts";
import { loggerTo, silentLogger } from "../support/loggers.ts";

const minute = 60_000;
const silence = { type: "inDoubt" };
const nothingSent = { type: "notSent" };
const answered = { type: "code" };
const throttled = (retryAfterMs: number) => ({ type: "throttled", retryAfterMs });

/** So many processes, each of which has looked at the account just now. */
async function processes(
  count: number,
  logger: Logger = silentLogger,
): Promise<{ clock: ManualClock; accounts: readonly Account[]; fail: (error: Error | null) => void }> {
  const clock = manualClock();
  const { account } = await memory().open({ account: "account", clock });
  let error: Error | null = null;
  const load: typeof account.load = () => (error === null ? account.load() : Promise.reject(error));
  const record = { ...account, load };
  await record.commit({ value: {}, expectedRevision: 0, writeId: "first" });
  const credentials = { clientId: "id", clientSecret: new Secret("secret") };
  const accounts = Array.from(
    { length: count },
    () =>
      new Account({
        record,
        refuseLost() {},
        clock,
        source: { mayChange: false, ask: () => Promise.resolve(credentials) },
        credentials,
        fingerprint: (secret) => secret,
        windowMs: 60 * minute,
        lostMs: 40_000,
        neutral: (endpoint) =>
          Promise.resolve(endpoint === "token" ? silence : { type: "credentialsRefused" }),
        logger,
        trouble: () => null,
        changed() {},
        seen() {},
      }),
  );
  return { clock, accounts, fail: (next) => (error = next) };
}

it("an account that cannot be read is one line, another one when the reason changes, and one when that is over", async () => {
  const lines: string[] = [];
  const logger = loggerTo(({ level, message }) => level !== "debug" && lines.push(`${level}: ${message}`));
  const { clock, accounts, fail } = await processes(1, logger);
  const [one] = accounts as [Account];
  const evicting = storeUnusable("maxmemory-policy must be noeviction");
  for (const error of [evicting, evicting, evicting, storeUnavailable("no answer"), null, null, evicting]) {
    fail(error);
    await clock.advance(minute);
    await one.refresh();
  }
  expect(lines.map((line) => line.replace(/;.*/, ""))).toEqual([
    "warn: Cannot read the account: LifecycleError: maxmemory-policy must be noeviction",
    "warn: Cannot read the account: LifecycleError: no answer",
    "info: The account can be read again",
    "warn: Cannot read the account: LifecycleError: maxmemory-policy must be noeviction",
  ]);
});

describe("a gate that is tried for the exchange to come", () => {
  it("is no probe, and no code is spent, where another gate holds the call back", async () => {
    const { clock, accounts } = await processes(1);
    const [one] = accounts as [Account];
    await one.recordOutcome("exchangeCode", silence, one.permitFor());
    await one.recordOutcome("createUser", throttled(10 * minute), one.permitFor());
    await clock.advance(minute);
    expect(await one.enter("createUser", one.permitFor())).toMatchObject({ reason: "throttled" });
    expect(one.gates().exchange).toMatchObject({ state: "throttled", attempt: 1, probeCodeAt: null });
  });

  it("is left to others where a process can send nothing: no code is spent", async () => {
    const { clock, accounts } = await processes(2);
    const [deaf, other] = accounts as [Account, Account];
    await other.recordOutcome("exchangeCode", silence, other.permitFor());
    await clock.advance(minute);
    const pass = deaf.permitFor();
    expect(await deaf.enter("createUser", pass)).toBe(null);
    await deaf.recordOutcome("createUser", nothingSent, pass);
    await deaf.abandon(pass);
    await other.refresh(0);
    expect(other.gates().exchange).toMatchObject({ attempt: 1, probeCodeAt: null });
    expect(await other.enter("exchangeCode", other.permitFor())).toBe(null);
  });
});

/** A process that has spent a further code to try the gate of the exchange. */
async function codeSpent(): Promise<{ clock: ManualClock; one: Account; pass: Permit }> {
  const { clock, accounts } = await processes(1);
  const [one] = accounts as [Account];
  await one.recordOutcome("exchangeCode", silence, one.permitFor());
  await clock.advance(minute);
  const pass = one.permitFor();
  await one.enter("exchangeCode", pass);
  expect(one.spendCode(pass)).toBe(true);
  return { clock, one, pass };
}

describe("a further code", () => {
  it("is spent once an hour, though its exchange is throttled", async () => {
    const { clock, one, pass } = await codeSpent();
    await one.enter("issueAuthCode", pass);
    await one.recordOutcome("issueAuthCode", answered, pass);
    await one.enter("exchangeCode", pass);
    await one.recordOutcome("exchangeCode", throttled(1_000), pass);
    await one.abandon(pass);
    await clock.advance(10 * minute);
    const next = one.permitFor();
    expect(await one.enter("exchangeCode", next)).toBe(null);
    expect(one.spendCode(next)).toBe(false);
  });

  it("that could not be asked for leaves every gate that was tried for it to others", async () => {
    const { clock, accounts } = await processes(2);
    const [one, other] = accounts as [Account, Account];
    await one.recordOutcome("createUser", { type: "credentialsRefused" }, one.permitFor());
    await one.recordOutcome("exchangeCode", silence, one.permitFor());
    await clock.advance(minute);
    const pass = one.permitFor();
    await one.enter("exchangeCode", pass);
    expect([...pass.probing]).toEqual(["secret", "exchange"]);
    expect(one.spendCode(pass)).toBe(true);
    await one.recordOutcome("issueAuthCode", nothingSent, pass);
    await one.abandon(pass);
    await other.refresh(0);
    expect(await other.enter("exchangeCode", other.permitFor())).toBe(null);
  });

  it("is not counted where it could not be asked for", async () => {
    const { clock, one, pass } = await codeSpent();
    await one.enter("issueAuthCode", pass);
    await one.recordOutcome("issueAuthCode", nothingSent, pass);
    await one.abandon(pass);
    await clock.advance(minute);
    const next = one.permitFor();
    await one.enter("exchangeCode", next);
    expect(one.spendCode(next)).toBe(true);
  });
});

describe("a 429", () => {
  it("holds all calls back although this process was waiting for the limit that was set", async () => {
    const { clock, accounts } = await processes(2);
    const [one, two] = accounts as [Account, Account];
    const under = one.permitFor();
    await one.enter("refreshToken", under);
    await one.limitReached(5 * minute);
    await one.recordOutcome("refreshToken", throttled(10 * minute), under);
    await clock.advance(2_000);
    expect(await two.recheck("refreshToken")).toMatchObject({ reason: "throttled" });
    const reserved = { ...one.permitFor(), exchangeSlot: {} as never }; // any slot
    expect(await one.enter("exchangeCode", reserved)).toMatchObject({ reason: "throttled" });
  });

  it("holds all calls back although this process was holding itself back", async () => {
    const { clock, accounts } = await processes(2);
    const [one, two] = accounts as [Account, Account];
    await two.recordOutcome("createUser", throttled(minute), two.permitFor());
    await clock.advance(minute);
    await one.refresh(0);
    const deaf = one.permitFor();
    await one.enter("createUser", deaf);
    await one.recordOutcome("createUser", nothingSent, deaf);
    await two.refresh(0);
    const try2 = two.permitFor();
    expect(await two.enter("createUser", try2)).toBe(null);
    await two.recordOutcome("createUser", answered, try2);
    await clock.advance(2_000);
    await one.refresh(0);
    const again = one.permitFor();
    expect(await one.enter("createUser", again)).toBe(null);
    await one.recordOutcome("createUser", throttled(10 * minute), again);
    await clock.advance(2_000);
    expect(await two.recheck("createUser")).toMatchObject({ reason: "throttled" });
  });

  it("counts though it comes while another call tries", async () => {
    const { clock, accounts } = await processes(2);
    const [one, two] = accounts as [Account, Account];
    const slow = two.permitFor();
    await two.enter("createUser", slow);
    await one.recordOutcome("createUser", throttled(1_000), one.permitFor());
    await clock.advance(1_500);
    await two.refresh(0);
    const trying = one.permitFor();
    expect(await one.enter("createUser", trying)).toBe(null);
    await two.refresh(0);
    await two.recordOutcome("createUser", throttled(10 * minute), slow);
    await one.recordOutcome("createUser", nothingSent, trying);
    await clock.advance(minute);
    await two.refresh(0);
    expect(await two.enter("createUser", two.permitFor())).toMatchObject({ reason: "throttled" });
  });

  it("holds back a probe that took too long, after another call got a 429", async () => {
    const { clock, accounts } = await processes(2);
    const [one, two] = accounts as [Account, Account];
    await one.recordOutcome("refreshToken", throttled(1_000), one.permitFor());
    await clock.advance(20_000);
    const slow = one.permitFor();
    expect(await one.enter("createUser", slow)).toBe(null);
    await clock.advance(41_000);
    const quick = two.permitFor();
    expect(await two.enter("refreshToken", quick)).toBe(null);
    await two.recordOutcome("refreshToken", throttled(10 * minute), quick);
    await clock.advance(6_000);
    await one.recordOutcome("createUser", answered, slow);
    expect(await one.enter("exchangeCode", slow)).toMatchObject({ reason: "throttled" });
  });
});
