/**
 * Kinds of fault, each an entry: in which share of the seeds it is on, and where it reaches in. An entry draws from dice
 * of its own, so a new one leaves the stories of all seeds that do not have it as they are.
 */
import type { LifecycleOptions } from "oneup-lifecycle";
import type { Fault, SandboxOptions } from "oneup-lifecycle/sandbox";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import { answerKinds } from "./answer-kinds.ts";
import { elsewhere } from "./attaching.ts";
import { doubtKinds } from "./doubt-kinds.ts";
import { exportBehaviour, insteadOfExports } from "./bulk-exports.ts";
import { blocks, refusedOnes, type Passing } from "./blocks.ts";
import { askedBy, isManagement } from "./faults.ts";
import { gateways } from "./gateways.ts";
import { sandboxKinds } from "./sandbox-kinds.ts";
import type { Stage } from "./stage.ts";
import { silences } from "./silences.ts";
import { serverKinds, storeKinds } from "./store-kinds.ts";
import { throttlings } from "./throttling.ts";
import { Dice, hour, minute, timeoutMs } from "./time.ts";
import { clockKinds } from "./wrong-days.ts";

/** The limits that the account's record holds. */
export type AccountLimits = NonNullable<LifecycleOptions["limits"]> & {
  readonly management: { readonly calls: number; readonly windowMs: number };
};

/** A kind of fault. It has one reach or several; a missing one changes nothing. */
export interface Kind {
  /** Of the seeds, from 0 to 1. */
  readonly share: number;
  /** In this share of its seeds it is the only fault, so that the judge can be strict. */
  readonly alone?: number;
  /** What 1upHealth answers in place of its own answer, while things go wrong. */
  readonly answer?: (incoming: Incoming, dice: Dice, stage: Stage) => Fault | undefined;
  /** How long after it was begun a call arrives, ms: later than any other, even if its process dies. */
  readonly late?: (incoming: Incoming, dice: Dice) => number | undefined;
  /** How long after it was begun a call is carried out that a gateway gives up with a 504, ms. */
  readonly givenUp?: (incoming: Incoming, dice: Dice) => number | undefined;
  /** What something on the way answers in place of 1upHealth, while things go wrong. */
  readonly between?: (dice: Dice) => (passing: Passing) => Fault | undefined;
  /** Can this process send nothing, so long after the beginning? `process`: from 0. */
  readonly cutOff?: (dice: Dice, seed: number) => (process: number, ms: number) => boolean;
  /** `answer` and `between` go on after all other trouble has ended. */
  readonly lasts?: true;
  /** How 1upHealth is, from beginning to end. */
  readonly sandbox?: (dice: Dice) => SandboxOptions;
  /** How one process is set up that the others are not. `index`: from 0. */
  readonly process?: (index: number, dice: Dice, limits: AccountLimits) => Partial<LifecycleOptions>;
  /** Does the store take writes, so long after the beginning? */
  readonly writes?: (dice: Dice) => (ms: number) => boolean;
  /** Does its user have the right to write, so long after the beginning? */
  readonly rights?: (dice: Dice) => (ms: number) => boolean;
  /** When a process ends in order and starts over, ms after the beginning. */
  readonly restarts?: (dice: Dice) => readonly number[];
  /** When the store is emptied, ms after the beginning: the story ends a while later. */
  readonly emptied?: (dice: Dice) => number;
  /** When everything is moved to another store, ms after the beginning. */
  readonly moves?: (dice: Dice) => readonly number[];
  /** How wrong the clock of a process is, ms, so long after the beginning. `process`: from 0. */
  readonly processClock?: (seed: number) => (process: number, ms: number) => number;
  /** How wrong the store's clock is, ms, so long after the beginning. */
  readonly storeClock?: (dice: Dice) => (ms: number) => number;
  /** How far the clock of the store's server has been set, ms, so long after the beginning. */
  readonly serverClock?: (dice: Dice) => (ms: number) => number;
}

/** All kinds, by the name that `--with` takes. */
export const kinds: Readonly<Record<string, Kind>> = {
  ...answerKinds,
  ...doubtKinds,
  ...sandboxKinds,
  /** 429 with a time that is over at once, over and over. */
  zeroRetryAfter: {
    share: 0.1,
    answer: (incoming, dice) =>
      isManagement(askedBy(incoming)) && dice.hits(0.05)
        ? { status: 429, headers: { "retry-after": "0" }, body: { message: "Too Many Requests" } }
        : undefined,
  },
  ...blocks,
  ...throttlings,
  ...storeKinds,
  /** People who leave are forgotten, and come back: see `forgetting.ts`. */
  forgetting: { share: 0.25 },
  /** The application adopts people with the number of another user: see `connected.ts`. */
  wrongNumbers: { share: 0.12 },
  // Last, because the first that is alone is the only one: they leave the stories of the others as they were.
  ...refusedOnes,
  /** An operator pauses the account or a lane, and holds users, again and again: see `pausing.ts`. */
  pausing: { share: 0.15, alone: 0.3 },
  /** A consumer follows the events, through processes that die: see `consumer.ts`. Some processes keep them for another time. */
  events: {
    share: 0.15,
    process: (index, dice) =>
      index === 1 && dice.hits(0.3) ? { events: { keep: dice.pick(["1h", "36h"]) } } : {},
  },
  /** Everything is moved to another store, by a process that dies, once or twice: see `moving.ts`. */
  moves: {
    share: 0.12,
    moves: (dice) => Array.from({ length: dice.between(1, 2) }, () => dice.between(minute, 4 * hour)),
  },
  /**
   * The same resources are ensured again and again, and 1upHealth shows late what was created, some replicas later than
   * others: see `ensuring.ts`. A gateway gives up some of the creates, which are carried out while they can still arrive.
   */
  ensuring: {
    share: 0.15,
    sandbox: (dice) => ({ readLagMs: [0, dice.pick([0, 900, 3_000, 9_000])] }),
    givenUp: ({ method, body }, dice) =>
      method === "POST" && body.includes('"urn:ensured"') && dice.hits(0.2)
        ? timeoutMs + dice.between(0, 9_900)
        : undefined,
  },
  /** In the end people come back while they are being forgotten: see `returning.ts`. */
  returning: { share: 0.1, process: () => ({ events: { keep: "7d" } }) },
  /** In the end all users are exported and purged, with receipts, by processes that die: see `leaves.ts`. */
  leaves: { share: 0.1 },
  /** Then another process begins the same leave, stands still for hours, and goes on when a newcomer has signed up since. */
  rivalLeaves: { share: 0.4 },
  /** In the end the store of yesterday is restored: see `restored.ts`. */
  restored: { share: 0.1, process: () => ({ events: { keep: "7d" } }) },
  /** Attachments and redirects name addresses elsewhere: see `attaching.ts`. */
  attachments: { share: 0.1, sandbox: (dice) => ({ binary: { redirect: dice.pick(elsewhere) } }) },
  /** In the end ids pass from one person to another: see `passing.ts`. */
  passing: { share: 0.1 },
  /** In the end the application asks without time to wait: see `hasty.ts`. */
  hasty: { share: 0.1 },
  ...silences,
  ...gateways,
  /** An operator takes the right to write from the store's user, again and again, and gives it back. */
  withoutRight: {
    share: 0.05,
    rights: (dice) => {
      const everyMs = dice.between(5 * minute, hour);
      const forMs = dice.between(minute / 6, 5 * minute);
      const atMs = dice.between(0, everyMs);
      return (ms) => (ms + atMs) % everyMs >= forMs;
    },
  },
  /** A proxy answers token requests twice, so that others get their answers: see `answers-twice.ts`. */
  answersTwice: { share: 0.1 },
  /** In the end ids pass on while a write about the person before is on its way to the store: see `late-writes.ts`. */
  lateWrites: { share: 0.1 },
  ...clockKinds,
  /** In the end purges are extended after a death, or withdrawn while their call is on its way: see `purging.ts`. */
  purging: { share: 0.1 },
  ...serverKinds,
  /** What makes a process stand still is the suspension of its machine: its monotonic clock stands still, too. */
  suspendedMachines: { share: 0.1 },
  /** Data are exported in bulk by processes that die, from servers whose answers are torn or not theirs: see `bulk-exports.ts`. */
  bulkExports: { share: 0.1, sandbox: exportBehaviour, answer: insteadOfExports },
};

/** The kinds of a seed. `wanted`: this one in any case. */
export function kindsOf(seed: number, wanted: string): readonly string[] {
  return Object.entries(kinds).flatMap(([name, { share }]) =>
    name === wanted || new Dice(seed, `kind ${name}`).hits(share) ? [name] : [],
  );
}

/** The kind that is the only fault of a seed which has these kinds, if one is. */
export function aloneOf(seed: number, names: readonly string[]): string | undefined {
  return names.find((name) => new Dice(seed, `alone ${name}`).hits(kinds[name]?.alone ?? 0));
}

/** What these kinds do, each with its own dice. */
export class Kinds {
  readonly #on: readonly (readonly [Kind, Dice])[];
  readonly #writes: readonly ((ms: number) => boolean)[];
  readonly #rights: readonly ((ms: number) => boolean)[];
  readonly #between: readonly ((passing: Passing) => Fault | undefined)[];
  readonly #cutOff: readonly ((process: number, ms: number) => boolean)[];
  readonly #clocks: readonly ((process: number, ms: number) => number)[];
  /** The faults that have occurred, by kind: a fault that never does tests nothing. */
  readonly occurred = new Set<string>();

  constructor(seed: number, names: readonly string[]) {
    this.#on = names.flatMap((name) => {
      const kind = kinds[name];
      const dice = new Dice(seed, `reach of ${name}`);
      return kind === undefined ? [] : [[watched(name, kind, this.occurred), dice] as const];
    });
    this.#writes = this.#on.flatMap(([{ writes }, dice]) => writes?.(dice) ?? []);
    this.#rights = this.#on.flatMap(([{ rights }, dice]) => rights?.(dice) ?? []);
    this.#cutOff = this.#on.flatMap(([{ cutOff }, dice]) => cutOff?.(dice, seed) ?? []);
    this.#clocks = this.#on.flatMap(([{ processClock }]) => processClock?.(seed) ?? []);
    this.#between = this.#on.flatMap(([{ between, lasts = false }, dice]) => {
      const answer = between?.(dice);
      if (answer === undefined) return [];
      return (passing: Passing) => (passing.isOver && !lasts ? undefined : answer(passing));
    });
  }

  /** What 1upHealth answers in place of its own answer. */
  answer(incoming: Incoming, stage: Stage): Fault | undefined {
    for (const [{ answer, lasts = false }, dice] of this.#on) {
      const fault = stage.isOver && !lasts ? undefined : answer?.(incoming, dice, stage);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** Does the store take writes, so long after the beginning? */
  takesWrites(ms: number): boolean {
    return this.#writes.every((takes) => takes(ms));
  }

  /** May the store's user write, so long after the beginning? */
  mayWrite(ms: number): boolean {
    return this.#rights.every((has) => has(ms));
  }

  /** What something on the way answers in place of 1upHealth. */
  between(passing: Passing): Fault | undefined {
    for (const answer of this.#between) {
      const fault = answer(passing);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /** Can this process send nothing? */
  isCutOff(process: number, ms: number): boolean {
    return this.#cutOff.some((isCutOff) => isCutOff(process, ms));
  }

  /** How long after it was begun a call arrives that is late, ms. */
  late(incoming: Incoming): number | undefined {
    for (const [{ late }, dice] of this.#on) {
      const ms = late?.(incoming, dice);
      if (ms !== undefined) return ms;
    }
    return undefined;
  }

  /** How long after it was begun a call is carried out that a gateway gives up, ms. */
  givenUp(incoming: Incoming): number | undefined {
    for (const [{ givenUp }, dice] of this.#on) {
      const ms = givenUp?.(incoming, dice);
      if (ms !== undefined) return ms;
    }
    return undefined;
  }

  sandbox(): SandboxOptions {
    return Object.assign({}, ...this.#on.map(([{ sandbox }, dice]) => sandbox?.(dice))) as SandboxOptions; // merged
  }

  process(index: number, limits: AccountLimits): Partial<LifecycleOptions> {
    return Object.assign(
      {},
      ...this.#on.map(([{ process }, dice]) => process?.(index, dice, limits)),
    ) as Partial<LifecycleOptions>; // merged
  }

  /** When a process ends in order and starts over, ms after the beginning. */
  restarts(): readonly number[] {
    return this.#on.flatMap(([{ restarts }, dice]) => restarts?.(dice) ?? []);
  }

  /** When the store is emptied, ms after the beginning; `null`: never. */
  emptied(): number | null {
    return this.#on.flatMap(([{ emptied }, dice]) => emptied?.(dice) ?? [])[0] ?? null;
  }

  /** When everything is moved to another store, ms after the beginning. */
  moves(): readonly number[] {
    return this.#on.flatMap(([{ moves }, dice]) => moves?.(dice) ?? []);
  }

  /** How far the clock of the store's server has been set, ms, so long after the beginning; `null`: it has no server. */
  serverClock(): ((ms: number) => number) | null {
    return this.#on.flatMap(([{ serverClock }, dice]) => serverClock?.(dice) ?? [])[0] ?? null;
  }

  /** How wrong the clock of this process is, ms, so long after the beginning. */
  processClock(process: number, ms: number): number {
    return this.#clocks.reduce((sum, wrong) => sum + wrong(process, ms), 0);
  }

  /** How wrong the store's clock is, ms, so long after the beginning. */
  storeClock(): (ms: number) => number {
    const wrongs = this.#on.flatMap(([{ storeClock }, dice]) => storeClock?.(dice) ?? []);
    return (ms) => wrongs.reduce((sum, wrong) => sum + wrong(ms), 0);
  }
}

/** The kind, which notes that its faults occur. */
function watched(name: string, kind: Kind, occurred: Set<string>): Kind {
  const { answer, late, givenUp, between, cutOff, writes, rights } = kind;
  const note =
    <A extends unknown[], T>(what: string, fault: (...its: A) => T, isFault: (found: T) => boolean) =>
    (...its: A): T => {
      const found = fault(...its);
      if (isFault(found)) occurred.add(`${name}: ${what}`);
      return found;
    };
  const isGiven = (found: unknown): boolean => found !== undefined;
  const not = (allowed: boolean): boolean => !allowed;
  return {
    ...kind,
    ...(answer && { answer: note("answer", answer, isGiven) }),
    ...(late && { late: note("late", late, isGiven) }),
    ...(givenUp && { givenUp: note("givenUp", givenUp, isGiven) }),
    ...(between && { between: (dice: Dice) => note("between", between(dice), isGiven) }),
    ...(cutOff && { cutOff: (dice: Dice, seed: number) => note("cutOff", cutOff(dice, seed), Boolean) }),
    ...(writes && { writes: (dice: Dice) => note("writes", writes(dice), not) }),
    ...(rights && { rights: (dice: Dice) => note("rights", rights(dice), not) }),
  };
}

/** The faults of a kind, by the names under which {@link Kinds.occurred} notes them. */
export function faultsOf(name: string): readonly string[] {
  const kind = kinds[name] ?? { share: 0 };
  const noted = ["answer", "late", "givenUp", "between", "cutOff", "writes", "rights"];
  return noted.filter((what) => what in kind).map((what) => `${name}: ${what}`);
}
