/** What holds of the account's gates in whatever order things happen to three processes on one store. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { memory } from "../../adapters/memory.ts";
import { gatesBefore } from "../../src/guard/gates.ts";
import type { GatedCall, GateName } from "../../src/guard/gates.ts";
import { Account } from "../../src/runtime/account.ts";
import type { Pass } from "../../src/runtime/account.ts";
import { gateNames } from "../../src/runtime/gate-board.ts";
import { shutBy } from "../../src/runtime/shutting.ts";
import { Secret } from "../../src/secret.ts";
import type { AccountRecord, Slot, Store } from "../../src/store/contract.ts";
import { manualClock } from "../../src/testing/index.ts";
import { thorough } from "../support/effort.ts";

const second = 1_000;
const hour = 3_600_000;
const lostMs = 40 * second;
const calls = ["createUser", "issueAuthCode", "listUsers", "exchangeCode", "refreshToken", "fhir"] as const;
const answers = ["fine", "throttled", "notSent", "inDoubt"] as const;
const endings = [...answers, "credentialsRefused", "forbidden"] as const;
const often = <T>(some: readonly T[], all: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...some) }, fc.constantFrom(...all));

const who = fc.nat(2);
const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("begin" as const),
      who,
      call: often<GatedCall>(["createUser", "exchangeCode"], calls),
      isReserved: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("end" as const),
      which: fc.nat(9),
      as: often(answers, endings),
      retryAfterMs: fc.option(fc.constantFrom(second, 20 * second, 600 * second), { nil: undefined }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("pass" as const),
      ms: fc.constantFrom(1, second, 6 * second, 60 * second, 310 * second),
    }),
  },
  fc.record({ type: fc.constant("look" as const), who }),
  fc.record({ type: fc.constant("full" as const), who, ms: fc.constantFrom(second, 300 * second) }),
  fc.record({ type: fc.constant("reopen" as const), who }),
  fc.record({
    type: fc.constant("store" as const),
    who,
    is: fc.constantFrom("there", "away", "deaf" as const),
  }),
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

interface UnderWay {
  readonly who: number;
  readonly pass: Pass;
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
        if (its().store === "deaf") throw new Error("nobody heard");
        return done;
      },
    };
    const account = new Account({
      record: failing,
      clock,
      source: { mayChange: false, ask: () => Promise.resolve(credentials) },
      credentials,
      fingerprint: (secret) => secret,
      windowMs: hour,
      lostMs,
      logger: { debug() {}, info() {}, warn() {} },
      changed() {},
      seen() {},
    });
    processes.push({ account, store: "there", isOdd: false, troubleAt: 0, told: new Map() });
  }

  const underWay: UnderWay[] = [];
  /** Who tries a gate, and since when. */
  const trying = new Map<GateName, { readonly one: UnderWay; readonly since: number }>();
  const openedAt = new Map<GateName, number>();
  /** What was named, by whom, and when: after six seconds everybody who can ask the store must know. */
  let named: { readonly name: GateName; readonly until: number; readonly at: number }[] = [];
  let codeAt = Number.NEGATIVE_INFINITY;
  /** A call took so long that it counted as lost: then nobody knows what code it spent. */
  let isSlow = false;

  const opened = (name: GateName): void => {
    openedAt.set(name, clock.now());
    trying.delete(name);
    if (name === "exchange") codeAt = Number.NEGATIVE_INFINITY;
  };

  /** The call leaves if it may. */
  async function begin(one: UnderWay): Promise<void> {
    const its = processes[one.who] as Process;
    const before = one.pass.tries;
    const barrier = await its.account.enter(one.call, one.pass);
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
      if (!one.pass.tries.has(name) || before.has(name)) continue;
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
    const tried = [...pass.tries];
    const wasOdd = processes.some(({ isOdd }) => isOdd); // a store that nobody heard may have taken something late
    const spent = call === "exchangeCode" && pass.codeAt !== undefined; // all must know of that
    its.isOdd ||= as === "notSent";
    if (as === "notSent" && call === "issueAuthCode") codeAt = one.codeBefore ?? codeAt; // it was not spent
    if (as === "throttled") {
      const name = shutBy(call, "throttled") as GateName;
      trying.delete(name); // whoever tries it may be told by this
      if (one.leftAt > (openedAt.get(name) ?? 0) || tried.includes(name)) {
        const until = clock.now() + (retryAfterMs ?? 0);
        its.told.set(name, Math.max(until, its.told.get(name) ?? 0));
        if (its.store === "there") named.push({ name, until, at: clock.now() });
      }
    }
    if (as === "inDoubt" && call === "exchangeCode" && trying.get("exchange")?.one !== one) {
      trying.delete("exchange"); // somebody else finds it shut meanwhile
    }
    if (as === "inDoubt" && call === "exchangeCode" && account.spendCode(pass)) {
      if (!its.isOdd && !isSlow) expect(clock.now() - codeAt, "a further code").toBeGreaterThanOrEqual(hour);
      one.codeBefore = codeAt;
      if (!its.isOdd) codeAt = clock.now(); // of a gate of its own nobody else knows
      one.call = "issueAuthCode";
      await begin(one);
      if (!underWay.includes(one)) await over(one);
      return;
    }
    const isCode = call === "createUser" || call === "issueAuthCode";
    const type = as === "fine" ? (isCode ? "code" : "answer") : as;
    await account.heard(call, { type, retryAfterMs }, pass);
    for (const name of tried) {
      if (pass.tries.has(name)) continue;
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
      await other.account.look(-1);
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
    await (processes[one.who] as Process).account.leave(one.pass);
    for (const [name, other] of trying) if (other.one === one) trying.delete(name);
  }

  async function happen(what: Event): Promise<void> {
    switch (what.type) {
      case "begin": {
        const { account } = processes[what.who] as Process;
        const pass = account.pass();
        if (what.isReserved) pass.reserved = anySlot;
        return begin({ who: what.who, pass, call: what.call, leftAt: 0 });
      }
      case "end": {
        const one = underWay[what.which % Math.max(1, underWay.length)];
        return one && end(one, what.as, what.as === "throttled" ? what.retryAfterMs : undefined);
      }
      case "pass":
        return clock.advance(what.ms);
      case "look":
        return (processes[what.who] as Process).account.look(0);
      case "full": {
        const its = processes[what.who] as Process;
        its.isOdd = true;
        return void (await its.account.full(what.ms));
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

  /** Everything works from now on: in how many ms is every gate open for everybody? */
  async function untilOpen(): Promise<number> {
    for (const each of processes) {
      if (each.store !== "there") each.troubleAt = clock.now();
      each.store = "there";
    }
    await endAll();
    const began = clock.now();
    while (clock.now() - began < 6 * hour) {
      let isOpen = true;
      for (const { account } of processes) {
        await account.look(-1);
        isOpen &&= account.isQuiet && calls.every((call) => account.standing(call) === "open");
      }
      if (isOpen) return clock.now() - began;
      await clock.advance(30 * second);
      for (const [index, { account }] of processes.entries()) {
        for (const call of calls) {
          await begin({ who: index, pass: account.pass(), call, leftAt: 0 });
          await endAll();
        }
      }
    }
    return Number.POSITIVE_INFINITY;
  }

  return { happen, untilOpen };
}

describe("the gates of three processes", () => {
  it(
    "keep to what 1upHealth says, let one try at a time, and are open soon after all is well",
    { timeout: 60_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(event, { minLength: 20, maxLength: 100, size: "max" }), async (events) => {
          const { happen, untilOpen } = await world();
          for (const each of events) await happen(each);
          expect(await untilOpen()).toBeLessThan(3 * hour);
        }),
        { numRuns: thorough ? 2_000 : 250, seed: 1 }, // the same stories each time
      );
    },
  );
});
