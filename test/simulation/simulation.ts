/**
 * The whole system in one process, on virtual time, from one seed: processes with workers, the store, the network,
 * 1upHealth, people, and everything that can go wrong between them. The same seed is the same story, step by step.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { setImmediate } from "node:timers";
import type { Reconciliation, Store } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { readOptions } from "../../src/sandbox/options.ts";
import { Handler } from "../../src/sandbox/handler.ts";
import { World } from "../../src/sandbox/world.ts";
import { accountOf } from "../../src/store/account.ts";
import { noDifferences } from "../../src/runtime/differences.ts";
import { StoreKeys } from "../../src/runtime/store-keys.ts";
import type { StoreKeysParts } from "../../src/runtime/store-keys.ts";
import {
  firstNames,
  storeKeyContext,
  storeKeyOf,
  withKeyRecord,
  wrapNames,
} from "../../src/store/key-record.ts";
import { hidingIds } from "../../src/store/hidden-ids.ts";
import { HiddenNames } from "../../src/store/hidden-names.ts";
import { keyRing } from "../../src/store/key-ring.ts";
import { hasArrived, shelfOf } from "./dossier.ts";
import { Judge } from "./judge.ts";
import { List } from "./lists.ts";
import { Person } from "./people.ts";
import { allKeys, firstRing, Operator } from "./operator.ts";
import { Process } from "./process.ts";
import { clientSecrets, isOn, noRates, scenarioOf } from "./scenario.ts";
import type { Rates, Scenario, Spell } from "./scenario.ts";
import type { Fit, Stage } from "./stage.ts";
import { beginning, Dice, hour, minute, Time } from "./time.ts";
import { Trace } from "./trace.ts";

/** How a seed ended. */
export interface Outcome {
  readonly seed: number;
  /** Broken promises; none if all is well. */
  readonly blamed: readonly string[];
  /** Things that happened. */
  readonly steps: number;
  readonly calls: number;
  /** Of everything that reached 1upHealth: two runs of one seed have the same. */
  readonly digest: string;
  readonly trace: readonly string[];
}

/** Plays one seed to its end. */
export async function simulate(seed: number, { trace = false } = {}): Promise<Outcome> {
  const simulation = await Simulation.of(scenarioOf(seed), trace);
  // A promise that rejects while nobody listens would end a real process.
  const overlooked = (error: unknown): void =>
    simulation.judge.blame(
      `an error that nobody hears: ${error instanceof Error ? error.stack : String(error)}`,
    );
  process.on("unhandledRejection", overlooked);
  try {
    const outcome = await simulation.play();
    await new Promise((resolve) => setImmediate(resolve)); // Node tells of it once everything has settled
    return outcome;
  } finally {
    process.off("unhandledRejection", overlooked);
  }
}

/** Writes the account's record as the first process of the release would, but with keys that the seed decides. */
async function beginStore(
  { record, account, ring }: Pick<StoreKeysParts, "record" | "account" | "ring">,
  { seed, releases, hideIds }: Scenario,
): Promise<void> {
  const format = Math.max(hideIds ? 2 : 1, releases.from - 1);
  const key = storeKeyOf(createHash("sha256").update(`store key ${seed}`).digest());
  const wrapped = await ring(true).wrap(key.bytes, storeKeyContext(account));
  const value = withKeyRecord(hideIds ? { hideIds } : {}, {
    format,
    storeKeys: [{ id: format === 1 ? null : key.id, madeUnder: wrapped.by, ...wrapped }],
    names: format === 1 ? null : wrapNames(firstNames(key.bytes), key, account),
    retired: [],
    former: [],
  });
  await record.commit({ value, expectedRevision: 0, writeId: "the first" });
}

type Parts = Pick<Simulation, "scenario" | "time" | "trace" | "handler" | "store" | "names" | "judge"> & {
  readonly seen: Store;
};

/** One seed's world. */
export class Simulation implements Stage {
  readonly scenario: Scenario;
  readonly time: Time;
  readonly trace: Trace;
  readonly handler: Handler;
  readonly store: Store;
  readonly names: HiddenNames | null;
  readonly judge: Judge;
  /** The store as a lifecycle sees it. */
  readonly #seen: Store;
  readonly #processes: readonly Process[];
  readonly #operator: Operator;
  readonly #people: readonly Person[];
  readonly #lists: readonly List[];
  /** What goes wrong now. */
  rates: Rates;
  /** Nobody begins anything new. */
  isOver = false;

  private constructor(parts: Parts) {
    this.scenario = parts.scenario;
    this.time = parts.time;
    this.trace = parts.trace;
    this.handler = parts.handler;
    this.store = parts.store;
    this.names = parts.names;
    this.#seen = parts.seen;
    this.judge = parts.judge;
    this.rates = parts.scenario.rates;
    const { processes, users } = parts.scenario;
    this.#processes = Array.from({ length: processes }, (_, index) => new Process(this, index));
    this.#operator = new Operator(this, this.#processes);
    const { imports, strangers } = parts.scenario;
    for (let number = 1; number <= strangers.first; number++) this.#stranger(number);
    this.#people = Array.from({ length: users }, (_, index) => new Person(this, index + 1));
    for (let number = strangers.first + 1; number <= strangers.count; number++) this.#stranger(number);
    this.#lists = imports.map(
      (plan) =>
        new List(
          this,
          plan,
          this.#people.filter(({ list }) => list === plan).map(({ id }) => id),
        ),
    );
  }

  static async of(scenario: Scenario, wanted: boolean): Promise<Simulation> {
    const time = new Time();
    const trace = new Trace(time, wanted);
    const { sandbox, limit, seed } = scenario;
    const settings = readOptions({
      ...sandbox,
      limit: { ...sandbox.limit, ...limit },
      clientSecret: clientSecrets[0],
      clock: time.clock(),
      seed,
    });
    const handler = new Handler(new World(settings));
    const account = accountOf(settings.clientId);
    const store = await memory().open({ account, clock: time.clock() });
    const clock = time.clock();
    const nothing = (): void => {};
    const parts = {
      record: store.account,
      account,
      ring: (isNew: boolean) => keyRing({ ring: () => (isNew ? firstRing : allKeys) }, isNew, clock),
      hideIds: scenario.hideIds,
      clock,
      logger: { debug: nothing, info: nothing, warn: nothing },
    };
    await beginStore(parts, scenario);
    const keys = await StoreKeys.open({ ...parts, newest: scenario.releases.to });
    const names = scenario.hideIds ? new HiddenNames(keys.view.names, account) : null;
    const judge = new Judge(scenario, time, trace, handler.world, keys);
    const seen = names === null ? store : hidingIds(store, names, nothing);
    return new Simulation({ scenario, time, trace, handler, store, names, seen, judge });
  }

  /** Somebody at 1upHealth who is none of ours. */
  #stranger(number: number): void {
    this.handler.world.users.add(`stranger-${number}`, true);
  }

  get ring(): Stage["ring"] {
    return this.#operator.ring;
  }

  get fit(): readonly Fit[] {
    return this.#processes.flatMap((process) => process.fit ?? []);
  }

  /** Is a spell of this type on? */
  isOn(type: Spell["type"]): boolean {
    const { scenario, time } = this;
    return scenario.spells.length > 0 && isOn(scenario, type, time.now - beginning);
  }

  async play(): Promise<Outcome> {
    const { time, judge, scenario, handler, trace } = this;
    for (const process of this.#processes) process.start();
    this.#operator.begin();
    this.#happenings();
    const broken = (): boolean => judge.blamed.length > 0;
    await time.run(beginning + scenario.troubleMs, broken);
    trace.note("", "everything is in order from now on");
    this.rates = noRates;
    this.isOver = true;
    for (const person of this.#people) if (!person.hasArrived) this.#signUpAgain(person);
    await time.run(beginning + scenario.troubleMs + hour, broken);
    // Pauses grow up to six hours, and a tight limit lets few users pass an hour.
    await time.run(
      time.now + 48 * hour,
      () =>
        broken() ||
        (this.#operator.isDone && judge.all().every(hasArrived) && this.#lists.every(({ isDone }) => isDone)),
    );
    if (!broken() && !this.#lists.every(({ isDone }) => isDone)) judge.blame("P2: an import is never done");
    if (!broken()) await this.#checkUp(broken);
    for (const look of [() => this.#reconcile(broken), () => this.#lastLook()]) {
      // A refresh that was begun ends first.
      if (!broken()) await time.run(time.now + hour, () => broken() || judge.all().every(hasArrived));
      if (!broken()) await look();
    }
    return {
      seed: scenario.seed,
      blamed: judge.blamed,
      steps: time.steps,
      calls: handler.journal.count(),
      digest: createHash("sha256")
        .update(JSON.stringify(handler.journal.entries()))
        .digest("hex")
        .slice(0, 16),
      trace: trace.lines,
    };
  }

  /** Whoever was never told of its token asks once more. */
  #signUpAgain(person: Person): void {
    const dice = new Dice(this.scenario.seed, `again ${person.id}`);
    this.time.after(dice.between(0, 10 * minute), () => person.signUp());
  }

  /** What happens whatever anybody does. */
  #happenings(): void {
    const { scenario, time, handler, judge, trace } = this;
    const { rotation, spells, limit } = scenario;
    if (rotation !== null) {
      time.after(rotation.atMs, () => {
        trace.note("1up", "the client secret is changed");
        handler.world.credentials = {
          ...handler.world.credentials,
          clientSecret: "the-second-client-secret",
        };
      });
    }
    for (const { type, atMs, forMs } of spells) {
      time.after(atMs, () => trace.note("", `a spell of ${type} begins`));
      time.after(atMs + forMs, () => trace.note("", `the spell of ${type} is over`));
      if (type !== "spender") continue;
      const dice = new Dice(scenario.seed, `spender ${atMs}`);
      const spend = (): void => {
        for (let calls = dice.between(1, Math.ceil(limit.calls / 3)); calls > 0; calls--) {
          handler.world.quota.take(time.now);
        }
        if (this.isOn("spender")) time.after(dice.between(1_000, limit.windowMs / 4), spend);
      };
      time.after(atMs, spend);
      judge.othersSpend(beginning + atMs, beginning + atMs + forMs + 2 * limit.windowMs);
    }
  }

  /** Every user's FHIR works. */
  async #checkUp(broken: () => boolean): Promise<void> {
    let left = this.#people.length;
    for (const person of this.#people) person.checkUp(() => left--);
    await this.time.run(this.time.now + 24 * hour, () => broken() || left === 0);
    if (!broken() && left > 0) this.judge.blame(`P2: ${left} users have no working token in the end`);
  }

  /** Everybody is here under the id that 1upHealth has for it, or is moved there. */
  async #reconcile(broken: () => boolean): Promise<void> {
    const { judge, scenario, time, handler } = this;
    for (const { id, wasRenamedThere } of judge.all()) {
      // Whom the application has renamed need not be reconciled.
      if (!wasRenamedThere && handler.world.users.find(id) === undefined)
        judge.blame(`P2: ${id} has another name at 1upHealth`);
    }
    for (const round of ["first", "second"]) {
      const there = this.fit[0];
      if (there === undefined) return judge.blame("P2: nobody is left to reconcile");
      judge.reconciles(there.life);
      let report: Reconciliation | null = null;
      const wrong = (error: unknown): void => judge.blame(`P7: reconcile() rejected with ${String(error)}`);
      there.lifecycle.reconcile({ repair: ["move"], pageSize: 50 }).then((all) => (report = all), wrong);
      await time.run(time.now + 48 * hour, () => broken() || report !== null);
      if (broken()) return;
      const { complete, counts, repaired } = (report ?? {}) as Partial<Reconciliation>; // set while this waited
      const { thereOnly, hereOnly, renamed, anotherNumber } = counts ?? noDifferences;
      const all = complete === true && thereOnly === scenario.strangers.count;
      const moved = round === "first" ? repaired?.moved === renamed : renamed === 0;
      if (!all || !moved || hereOnly + anotherNumber > 0)
        judge.blame(`P1: the ${round} reconcile() finds ${JSON.stringify({ complete, counts, repaired })}`);
    }
  }

  /** What the store counts, and whom it lists, is what the records say. */
  async #lookAtShelves(): Promise<void> {
    const { judge } = this;
    const counted: Record<string, number> = {};
    for (const dossier of judge.all()) counted[shelfOf(dossier)] = (counted[shelfOf(dossier)] ?? 0) + 1;
    const counts = await this.store.counts();
    const words = (all: Readonly<Record<string, number>>): string =>
      JSON.stringify(Object.entries(all).toSorted(([one], [other]) => (one < other ? -1 : 1)));
    if (words(counts) !== words(counted))
      judge.blame(`P1: the store counts ${words(counts)} of ${words(counted)}`);
    for (const [name, count] of Object.entries(counts)) {
      const listed = await this.store.page({ state: name, limit: 1_000 });
      if (listed.length !== count)
        judge.blame(`P1: ${listed.length} users are listed as "${name}", not ${count}`);
    }
  }

  /** Nobody is lost, stuck, duplicated or leaked. */
  async #lastLook(): Promise<void> {
    const { judge, handler } = this;
    for (const dossier of judge.all()) {
      if (!hasArrived(dossier))
        judge.blame(`P2: ${dossier.id} is stuck in ${dossier.envelope?.state ?? "nowhere"}`);
      const loaded = await this.#seen.load(dossier.id);
      const remote = handler.world.users.find(dossier.id);
      if (loaded.type !== "record") judge.blame(`P1: ${dossier.id} is lost`);
      else if (dossier.envelope?.context["oneupUserId"] !== remote?.oneupUserId) {
        judge.blame(`P2: ${dossier.id} is somebody else at 1upHealth`);
      }
      judge.read(`the record of ${dossier.id}`, JSON.stringify(loaded));
    }
    for (const id of handler.journal.createdTwice()) judge.blame(`P2: ${id} was created twice`);
    judge.read("the account's record", JSON.stringify(await this.store.account.load()));
    await this.#lookAtShelves();
    const users = handler.world.users.all.length - this.scenario.strangers.count;
    if (users !== this.#people.length) judge.blame(`P2: ${this.#people.length} people are ${users} users`);
  }
}
