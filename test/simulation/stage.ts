/** What every part of a simulation may see of the others. */
import type { Lifecycle } from "oneup-lifecycle";
import type { Handler } from "../../src/sandbox/handler.ts";
import type { HiddenNames } from "../../src/store/sealing/hidden-names.ts";
import type { SealMemory } from "../../src/store/sealing/sealer.ts";
import type { RingKey } from "../../src/store/sealing/keys.ts";
import type { Kinds } from "./kinds.ts";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import type { PlainStore } from "./plain-store.ts";
import type { Rates, Scenario, Spell } from "./scenario.ts";
import type { Time } from "./time.ts";
import type { Trace } from "./trace.ts";

/** A process that can be asked. */
export interface Fit {
  readonly life: Life;
  readonly lifecycle: Lifecycle;
}

/** A process, which may end whenever it does something. */
export interface Mortal {
  /** From 0. */
  readonly index: number;
  /** True: it is dead now. */
  meetsItsFate(life: Life): boolean;
  /** Stands still. */
  stall(life: Life): void;
}

/** One seed's world. */
export interface Stage {
  readonly scenario: Scenario;
  readonly time: Time;
  readonly trace: Trace;
  /** 1upHealth. */
  readonly handler: Handler;
  /** The one store, as it is, without faults on the way. */
  readonly store: PlainStore;
  /** What any process has opened or computed before: crypto costs more than the rest of a look at a user. */
  readonly memory: SealMemory;
  /** How the store hides its users' ids, if it does. */
  readonly names: HiddenNames | null;
  readonly judge: Judge;
  /** The kinds of fault of this seed. */
  readonly kinds: Kinds;
  /** What goes wrong now, and how often. */
  readonly rates: Rates;
  /** No person or process begins anything new. */
  readonly isOver: boolean;
  /** The keys that the application holds now, newest first. */
  readonly ring: readonly RingKey[];
  /** Processes that are up, with the right secret and a release that is not too old for the store. */
  readonly fit: readonly Fit[];
  /** Everything is being moved to another store. */
  readonly isMoving: boolean;
  /** Is a spell of this type on? */
  isOn(type: Spell["type"]): boolean;
}
