/**
 * The whole system in one process, on virtual time, from one seed: processes with workers, the store, the network,
 * 1upHealth, people, and everything that can go wrong between them. The same seed is the same story, step by step.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { setImmediate } from "node:timers";
import type { Store } from "oneup-lifecycle";
import { readOptions } from "../../src/sandbox/options/sandbox-options.ts";
import { Handler } from "../../src/sandbox/handler.ts";
import { World } from "../../src/sandbox/state/world.ts";
import { accountOf } from "../../src/store/account-of.ts";
import type { SealMemory } from "../../src/store/sealing/sealer.ts";
import { steadyClock } from "../../src/store/steady-time.ts";
import { StoreKeys } from "../../src/runtime/account/store-keys.ts";
import { HiddenNames } from "../../src/store/sealing/hidden-names.ts";
import { keyRing } from "../../src/store/sealing/key-ring.ts";
import { Attaching } from "./attaching.ts";
import { BulkExports } from "./bulk-exports.ts";
import { beginStore } from "./first-record.ts";
import { hasArrived } from "./dossier.ts";
import { checkUp, lastLook, reconcileAll } from "./last-looks.ts";
import type { Shelf } from "./shelves.ts";
import { Judge } from "./judge.ts";
import { Kinds } from "./kinds.ts";
import { LateWrites } from "./late-writes.ts";
import { Leaves } from "./leaves.ts";
import { List } from "./lists.ts";
import { Person } from "./people.ts";
import { allKeys, firstRing, Operator } from "./operator.ts";
import { Consumer } from "./consumer.ts";
import { Ensuring } from "./ensuring.ts";
import { Pausing } from "./pausing.ts";
import { playEmptying } from "./emptying.ts";
import { Moving } from "./moving.ts";
import { plainStore, type PlainStore } from "./plain-store.ts";
import { Process } from "./process.ts";
import { Purging } from "./purging.ts";
import { Restored, type Places } from "./restored.ts";
import { Hasty } from "./hasty.ts";
import { Passing } from "./passing.ts";
import { Returning } from "./returning.ts";
import { memoryOf } from "./seals.ts";
import {
  clientSecrets,
  isOn,
  noRates,
  scenarioOf,
  type Rates,
  type Scenario,
  type Spell,
} from "./scenario.ts";
import type { Fit, Stage } from "./stage.ts";
import { brokenBy, beginning, Dice, hour, minute, Time } from "./time.ts";
import { lookAtClocks } from "./wrong-days.ts";
import { Trace, type Outcome } from "./trace.ts";
import { silentLogger } from "../support/loggers.ts";

/** Plays one seed to its end. `kind`: with this kind of fault, even if the seed has none. */
export async function simulate(seed: number, { trace = false, kind = "" } = {}): Promise<Outcome> {
  const simulation = await Simulation.of(scenarioOf(seed, kind), trace);
  // An unhandled rejection would end a real process.
  const overlooked = (error: unknown): void =>
    simulation.judge.blame(`an unhandled rejection: ${String((error as Partial<Error>)?.stack ?? error)}`); // of any kind
  process.on("unhandledRejection", overlooked);
  try {
    const outcome = await simulation.play();
    await new Promise((resolve) => setImmediate(resolve)); // Node reports it once everything has settled
    return outcome;
  } finally {
    process.off("unhandledRejection", overlooked);
  }
}

type Parts = Pick<
  Simulation,
  "kinds" | "scenario" | "time" | "trace" | "handler" | "memory" | "names" | "judge"
> & {
  readonly shelf: Shelf;
};

/** One seed's world. */
export class Simulation implements Stage {
  readonly kinds: Kinds;
  readonly scenario: Scenario;
  readonly time: Time;
  readonly trace: Trace;
  readonly handler: Handler;
  readonly memory: SealMemory;
  readonly names: HiddenNames | null;
  readonly judge: Judge;
  readonly #shelf: Shelf;
  readonly #processes: readonly Process[];
  readonly #places: Places;
  readonly #operator: Operator;
  readonly #pausing: Pausing;
  readonly #moving: Moving;
  readonly #consumer: Consumer;
  readonly #people: readonly Person[];
  readonly #lists: readonly List[];
  /** What goes wrong now. */
  rates: Rates;
  /** No person or process begins anything new. */
  isOver = false;

  private constructor(parts: Parts) {
    this.kinds = parts.kinds;
    this.scenario = parts.scenario;
    this.time = parts.time;
    this.trace = parts.trace;
    this.handler = parts.handler;
    this.#shelf = parts.shelf;
    this.memory = parts.memory;
    this.names = parts.names;
    this.judge = parts.judge;
    this.rates = parts.scenario.rates;
    const { processes, users, imports, strangers } = parts.scenario;
    this.#processes = Array.from({ length: processes }, (_, index) => new Process(this, index));
    this.#operator = new Operator(this, this.#processes);
    this.#pausing = new Pausing(this);
    this.#places = {
      processes: this.#processes,
      another: () => plainStore(this.time.clock(this.kinds.storeClock())),
      use: (store) => void (this.#shelf.store = store),
    };
    this.#moving = new Moving(this, this.#places);
    this.#consumer = new Consumer(this);
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
    const kinds = new Kinds(seed, scenario.kinds);
    const settings = readOptions({
      ...sandbox,
      ...kinds.sandbox(),
      limit: { ...sandbox.limit, ...limit },
      clientSecret: clientSecrets[0],
      clock: time.clock(),
      waitOn: "clock",
      seed,
    });
    const handler = new Handler(new World(settings));
    const account = accountOf(settings.clientId);
    const serverSetMs = kinds.serverClock();
    if (serverSetMs !== null) time.serverSetMs = serverSetMs;
    const storeClock = time.clock(serverSetMs ?? kinds.storeClock());
    const shelf: Shelf = { store: plainStore(storeClock, serverSetMs !== null) };
    const memory = memoryOf(scenario);
    const clock = time.clock();
    const parts = {
      record: {
        load: () => shelf.store.account.load(),
        commit: (write: Parameters<Store["account"]["commit"]>[0]) => shelf.store.account.commit(write),
      },
      account,
      ring: (isNew: boolean) => keyRing({ ring: () => (isNew ? firstRing : allKeys) }, isNew, clock),
      hideIds: scenario.hideIds,
      clock,
      logger: silentLogger,
    };
    await beginStore(parts, scenario);
    const keys = await StoreKeys.open({
      ...parts,
      clock: steadyClock(clock),
      newest: scenario.releases.to,
      memory,
    });
    const names = scenario.hideIds ? new HiddenNames(keys.view.names, account) : null;
    const judge = new Judge(scenario, time, trace, handler.world, keys);
    return new Simulation({ kinds, scenario, time, trace, handler, shelf, memory, names, judge });
  }

  /** A user at 1upHealth that is none of ours. */
  #stranger(number: number): void {
    this.handler.world.users.add(`stranger-${number}`, true);
  }

  /** The store, which may be moved. */
  get store(): PlainStore {
    return this.#shelf.store;
  }

  get isMoving(): boolean {
    return !this.#moving.isDone;
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
    const { time, judge, scenario, trace } = this;
    for (const process of this.#processes) process.start();
    this.#operator.begin();
    this.#pausing.begin(this.#people);
    this.#consumer.begin();
    new Ensuring(this).begin(this.#people);
    new Attaching(this).begin(this.#people);
    new BulkExports(this).begin(this.#people);
    this.#moving.begin();
    this.#happenings();
    lookAtClocks(this, this.#processes);
    const broken = brokenBy(judge, time);
    const emptiedMs = this.kinds.emptied();
    if (emptiedMs !== null)
      // Every error is fair once the store is lost.
      return this.#outcome((await playEmptying(this, emptiedMs, broken)) ?? judge.blamed);
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
        (this.#operator.isDone &&
          this.#pausing.isDone &&
          this.#moving.isDone &&
          judge.all().every(hasArrived) &&
          this.#lists.every(({ isDone }) => isDone)),
    );
    if (!broken() && !this.#lists.every(({ isDone }) => isDone)) judge.blame("P2: an import is never done");
    if (!broken()) await checkUp(this, this.#people, broken);
    for (const look of [() => reconcileAll(this, broken), () => lastLook(this, this.#people.length)]) {
      // A refresh that was begun ends first.
      if (!broken()) await time.run(time.now + hour, () => broken() || judge.all().every(hasArrived));
      if (!broken()) await look();
    }
    if (!broken()) await this.#consumer.end(broken);
    if (!broken()) await new Leaves(this, this.#processes).play(broken);
    if (broken()) return this.#outcome(judge.blamed);
    const returned = await new Returning(this, this.#processes).play();
    const passed = await new Passing(this).play();
    const asked = await new Hasty(this).play();
    const restored = await new Restored(this, this.#places).play();
    const written = await new LateWrites(this, this.#processes).play();
    const purged = await new Purging(this, this.#processes).play();
    return this.#outcome([...returned, ...passed, ...asked, ...restored, ...written, ...purged]);
  }

  #outcome(blamed: readonly string[]): Outcome {
    const { time, scenario, handler, trace } = this;
    return {
      seed: scenario.seed,
      blamed,
      steps: time.steps,
      calls: handler.journal.count(),
      digest: createHash("sha256")
        .update(JSON.stringify(handler.journal.entries()))
        .digest("hex")
        .slice(0, 16),
      trace: trace.lines,
      occurred: this.kinds.occurred,
    };
  }

  /** A person who never got a token asks once more. */
  #signUpAgain(person: Person): void {
    const dice = new Dice(this.scenario.seed, `again ${person.id}`);
    this.time.after(dice.between(0, 10 * minute), () => person.signUp());
  }

  /** Events that do not depend on people or processes. */
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
      judge.limits.othersSpend(beginning + atMs, beginning + atMs + forMs + 2 * limit.windowMs);
    }
  }
}
