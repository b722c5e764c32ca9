/** What holds of the account's gates in whatever order things happen to three processes on one store. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { gatesBefore, type GatedCall, type GateName } from "../../src/guard/gates.ts";
import { Account, type Permit } from "../../src/runtime/gates/account.ts";
import { gateNames } from "../../src/runtime/gates/shared-gates.ts";
import { shutBy } from "../../src/runtime/gates/gate-rules.ts";
import { Secret } from "../../src/secret.ts";
import type { AccountRecord, Slot, Store } from "../../src/store/contract.ts";
import { manualClock } from "../../src/testing/index.ts";
import { thorough } from "../support/effort.ts";
import {
  calls,
  event,
  hour,
  lostMs,
  second,
  ownProbeMeanwhile,
  type endings,
  type Event,
} from "./gate-events.ts";
import { silentLogger } from "../support/loggers.ts";

type Gates = ReturnType<Account["gates"]>;

interface UnderWay {
  readonly who: number;
  readonly pass: Permit;
  call: GatedCall;
  leftAt: number;
  /** When the account had spent a further code, before this call spent one. */
  codeBefore?: number;
}

/** A process: its account, and what the test knows of it. */
interface Process {
  readonly account: Account;
  store: "there" | "away" | "deaf";
  /** It has, or may have, gates of its own: it sent nothing, was full, or could not write. */
  isOdd: boolean;
  /** What its neutral calls meet, what the last one did, and when it left, of each endpoint. */
  neutral: "users" | "blocked" | "lost" | "throttled" | "notAsked";
  met: string | null;
  readonly neutralAt: Map<string, number>;
  /** When it last could not ask the store. */
  troubleAt: number;
  /** The latest time that 1upHealth named to it, for each gate. */
  readonly told: Map<GateName, number>;
}

const anySlot: Slot = { limit: { name: "token", calls: 1, windowMs: hour }, at: 0 } as unknown as Slot; // only its presence counts

async function world() {
  const clock = manualClock();
  const { account: record } = await memory().open({ account: "account", clock });
  await record.commit({ value: {}, expectedRevision: 0, writeId: "first" });
  const credentials = { clientId: "id", clientSecret: new Secret("secret") };
  const processes: Process[] = [];
  for (let index = 0; index < 3; index++) {
    const its = (): Process => processes[index] as Process;
    const failing: Store["account"] = {
      async load(): Promise<AccountRecord | null> {
        if (its().store === "away") throw new Error("away");
        return record.load();
      },
      async commit(write): Promise<boolean> {
        const done = await record.commit(write);
        if (its().store === "deaf") throw new Error("the answer is lost");
        return done;
      },
    };
    const account = new Account({
      record: failing,
      refuseLost() {},
      clock,
      source: { mayChange: false, ask: () => Promise.resolve(credentials) },
      credentials,
      fingerprint: (secret) => secret,
      windowMs: hour,
      lostMs,
      neutral: (endpoint) => {
        const { neutral, neutralAt } = its();
        if (neutral === "notAsked") return Promise.resolve({ type: neutral, retryInMs: second });
        expect(clock.now() - (neutralAt.get(endpoint) ?? 0), "two neutral calls").toBeGreaterThanOrEqual(
          300 * second,
        );
        neutralAt.set(endpoint, clock.now());
        its().met = neutral;
        return Promise.resolve({ type: neutral });
      },
      logger: silentLogger,
      trouble: () => null,
      changed() {},
      seen() {},
    });
    processes.push({
      account,
      store: "there",
      isOdd: false,
      neutral: "users",
      met: null,
      neutralAt: new Map(),
      troubleAt: 0,
      told: new Map(),
    });
  }

  const underWay: UnderWay[] = [];
  /** Who tries a gate, and since when. */
  const trying = new Map<GateName, { readonly one: UnderWay; readonly since: number }>();
  const openedAt = new Map<GateName, number>();
  /** What was named, which process named it, and when: after six seconds every process that reaches the store must know. */
  let named: { readonly name: GateName; readonly until: number; readonly at: number }[] = [];
  let codeAt = Number.NEGATIVE_INFINITY;
  /** A call took so long that it counted as lost: then it is unknown which code it spent. */
  let isSlow = false;

  const opened = (name: GateName): void => {
    openedAt.set(name, clock.now());
    trying.delete(name);
    if (name === "exchange") codeAt = Number.NEGATIVE_INFINITY;
  };

  const seenOpen = (before: Gates, after: Gates): void => {
    for (const name of gateNames)
      if (before[name].state !== "open" && after[name].state === "open") opened(name);
  };

  /** Does `work`; a neutral call that comes through meanwhile opens a gate that some process saw shut. */
  async function watchingNeutral<T>(its: Process, work: () => Promise<T>): Promise<T> {
    const askedAt = new Map(its.neutralAt);
    const shut = new Set(
      gateNames.filter((name) => processes.some(({ account }) => account.gates()[name].state !== "open")),
    );
    const done = await work();
    for (const [endpoint, at] of its.neutralAt) {
      const name = endpoint as GateName;
      if (askedAt.get(endpoint) !== at && its.met === "users" && shut.has(name)) opened(name);
    }
    return done;
  }

  /** The call leaves if it may. */
  async function begin(one: UnderWay): Promise<void> {
    const its = processes[one.who] as Process;
    const before = one.pass.probing;
    const closed = its.account.gates();
    const barrier = await watchingNeutral(its, () => its.account.enter(one.call, one.pass));
    seenOpen(closed, its.account.gates());
    for (const [name, other] of trying) if (other.one === one && barrier !== null) trying.delete(name);
    if (barrier !== null) return;
    one.leftAt = clock.now();
    for (const { name, until, at } of named) {
      if (its.store !== "there" || its.troubleAt >= at || clock.now() - at < 6 * second) continue;
      its.told.set(name, Math.max(until, its.told.get(name) ?? 0));
    }
    for (const name of gatesBefore[one.call]) {
      expect(clock.now(), `${one.call} left before the time named for ${name}`).toBeGreaterThanOrEqual(
        its.told.get(name) ?? 0,
      );
      if (!one.pass.probing.has(name) || before.has(name)) continue;
      const other = trying.get(name);
      const isOdd = its.isOdd || (other !== undefined && (processes[other.one.who] as Process).isOdd);
      if (other !== undefined && !isOdd && name !== "region") {
        expect(clock.now() - other.since, `two try ${name}`).toBeGreaterThanOrEqual(lostMs);
      }
      trying.set(name, { one, since: clock.now() });
    }
    underWay.push(one);
  }

  async function end(one: UnderWay, as: (typeof endings)[number], retryAfterMs?: number): Promise<void> {
    const its = processes[one.who] as Process;
    const { account } = its;
    const { call, pass } = one;
    underWay.splice(underWay.indexOf(one), 1);
    isSlow ||= [one, ...underWay].some(({ leftAt }) => clock.now() - leftAt >= lostMs);
    const tried = [...pass.probing];
    const wasOdd = processes.some(({ isOdd }) => isOdd); // a store whose answers were lost may have written something late
    const spent = call === "exchangeCode" && pass.probeCodeAt !== undefined; // all must know of that
    its.isOdd ||= as === "notSent";
    if (as === "notSent" && call === "issueAuthCode") codeAt = one.codeBefore ?? codeAt; // it was not spent
    const hears = (): void => {
      const name = shutBy(call, "throttled") as GateName;
      trying.delete(name); // the probe may learn of this
      if (one.leftAt > (openedAt.get(name) ?? 0) || tried.includes(name)) {
        const until = clock.now() + (retryAfterMs ?? 0);
        its.told.set(name, Math.max(until, its.told.get(name) ?? 0));
        if (its.store === "there") named.push({ name, until, at: clock.now() });
      }
    };
    if (as === "inDoubt" && call === "exchangeCode" && trying.get("exchange")?.one !== one) {
      trying.delete("exchange"); // another process finds it shut meanwhile
    }
    if (as === "inDoubt" && call === "exchangeCode" && account.spendCode(pass)) {
      if (!its.isOdd && !isSlow) expect(clock.now() - codeAt, "a further code").toBeGreaterThanOrEqual(hour);
      one.codeBefore = codeAt;
      if (!its.isOdd) codeAt = clock.now(); // no other process knows of a gate of its own
      one.call = "issueAuthCode";
      await begin(one);
      if (!underWay.includes(one)) await over(one);
      return;
    }
    const isCode = call === "createUser" || call === "issueAuthCode";
    const type = as === "fine" ? (isCode ? "code" : "answer") : as;
    const before = account.gates();
    const trouble = await watchingNeutral(its, () =>
      account.recordOutcome(call, { type, retryAfterMs }, pass),
    );
    if (as === "throttled" && trouble === "own") {
      expect(pass.wasPostponed && tried.length === 0, "only what comes again is one user's own").toBe(true);
    } else if (as === "throttled") hears();
    const { region, secret } = account.gates();
    seenOpen(before, account.gates());
    if (region.reason === "forbidden" && before.region.reason !== "forbidden")
      expect(its.met, "this process was held back").toBe("blocked");
    if (as === "credentialsRefused" && call !== "fhir" && !tried.includes("secret")) {
      expect(trouble, "whose trouble is one refusal?").toBe("own");
      expect(secret.state === "open" || before.secret.state !== "open").toBe(true);
    }
    for (const name of tried) {
      if (pass.probing.has(name)) continue;
      const isLost = trying.get(name)?.one !== one;
      if (as === "fine") opened(name);
      if (!isLost) trying.delete(name);
      if (as === "notSent" && name !== "region" && !wasOdd && !spent && !isLost) await isFree(one, name);
    }
    if (as === "fine" && isCode) {
      one.call = "exchangeCode";
      await begin(one);
      if (underWay.includes(one)) return;
    }
    await over(one);
  }

  /** A process that could send nothing left the try to others. */
  async function isFree(one: UnderWay, name: GateName): Promise<void> {
    for (const other of processes) {
      if (other.isOdd || other.store !== "there") continue;
      await other.account.refresh(-1);
      const gate = other.account.gates()[name];
      if (gate.state === "throttled" || gate.state === "suspended") {
        const told = Math.max(...processes.map(({ told }) => told.get(name) ?? 0));
        expect(gate.until, `${name} after ${one.call} was not sent`).toBeLessThanOrEqual(
          Math.max(clock.now(), told),
        );
      }
    }
  }

  async function over(one: UnderWay): Promise<void> {
    await (processes[one.who] as Process).account.abandon(one.pass);
    for (const [name, other] of trying) if (other.one === one) trying.delete(name);
  }

  async function happen(what: Event): Promise<void> {
    switch (what.type) {
      case "begin": {
        const { account } = processes[what.who] as Process;
        const pass = account.permitFor();
        if (what.isReserved) pass.exchangeSlot = anySlot;
        pass.wasPostponed = what.wasPostponed;
        return begin({ who: what.who, pass, call: what.call, leftAt: 0 });
      }
      case "end": {
        const one = underWay[what.which % Math.max(1, underWay.length)];
        return one && end(one, what.as, what.as === "throttled" ? what.retryAfterMs : undefined);
      }
      case "pass":
        return clock.advance(what.ms);
      case "neutral":
        return void ((processes[what.who] as Process).neutral = what.as);
      case "look":
        return (processes[what.who] as Process).account.refresh(0);
      case "full": {
        const its = processes[what.who] as Process;
        its.isOdd = true;
        return void (await its.account.limitReached(what.ms));
      }
      case "reopen": {
        const its = processes[what.who] as Process;
        if (its.store !== "there") return;
        await its.account.reopen();
        for (const name of gateNames) {
          opened(name);
          named = [];
          for (const { told } of processes) told.delete(name);
        }
        return;
      }
      case "store": {
        const its = processes[what.who] as Process;
        if (its.store !== "there" || what.is !== "there") its.troubleAt = clock.now();
        its.store = what.is;
        its.isOdd ||= what.is !== "there";
      }
    }
  }

  async function endAll(): Promise<void> {
    for (let one = underWay[0]; one !== undefined; one = underWay[0]) await end(one, "fine");
  }

  /** Everything works from now on: in how many ms is every gate open for all? */
  async function untilOpen(): Promise<number> {
    for (const each of processes) {
      if (each.store !== "there") each.troubleAt = clock.now();
      each.store = "there";
      each.neutral = "users";
    }
    await endAll();
    const began = clock.now();
    while (clock.now() - began < 6 * hour) {
      let isOpen = true;
      for (const { account } of processes) {
        await account.refresh(-1);
        isOpen &&= account.isQuiet && calls.every((call) => account.admission(call) === "open");
      }
      if (isOpen) return clock.now() - began;
      await clock.advance(30 * second);
      for (const [index, { account }] of processes.entries()) {
        for (const call of calls) {
          await begin({ who: index, pass: account.permitFor(), call, leftAt: 0 });
          await endAll();
        }
      }
    }
    return Number.POSITIVE_INFINITY;
  }

  return { happen, untilOpen };
}

describe("the gates of three processes", () => {
  it("keep to Retry-After, let one call probe at a time, and are open soon after all is well", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 100, size: "max" }), async (events) => {
        const { happen, untilOpen } = await world();
        for (const each of events) await happen(each);
        expect(await untilOpen()).toBeLessThan(3 * hour);
      }),
      { numRuns: thorough ? 1_000 : 120, seed: 1, examples: [[[...ownProbeMeanwhile]]] }, // the same stories each time
    );
  });
});
