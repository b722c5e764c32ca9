/** The sandbox's options and their validation. Each unknown of 1upHealth is an option here. */

import {
  among,
  anything,
  between,
  check,
  only,
  orInfinity,
  type Filled,
  type Rule,
  type Rules,
  type Some,
  whole,
  withMethods,
} from "../../checks.ts";
import { systemClock } from "../../clock.ts";
import { aName, type Behaviour, behaviourRules, usualBehaviour } from "./behaviour.ts";
import { createVirtualClock, type VirtualClock } from "../clock/virtual-clock.ts";

/** Options of {@link createSandbox}; those of {@link Behaviour} can be changed later. */
export interface SandboxOptions extends Some<Behaviour> {
  /** @default "sandbox-client" */
  readonly clientId?: string | undefined;
  /** @default "sandbox-secret" */
  readonly clientSecret?: string | undefined;
  /** Decides expiry, the limit's window and the read lag. @default createVirtualClock() */
  readonly clock?: VirtualClock | undefined;
  /** The limit on user management calls (1upHealth user management guide, Rate Limits). Refused calls count too. */
  readonly limit?:
    | {
        /** Calls per window; `Infinity` for no limit. @default 300 */
        readonly calls?: number | undefined;
        /** Length of the window, in milliseconds. @default 3_600_000 */
        readonly windowMs?: number | undefined;
        /** `fixed` windows start at multiples of `windowMs` since 1970. @default "rolling" */
        readonly window?: "rolling" | "fixed" | undefined;
      }
    | undefined;
  /** Milliseconds before each call is carried out, or a range to draw from. @default 0 */
  readonly latencyMs?: number | readonly [min: number, max: number] | undefined;
  /**
   * What `latencyMs` and a fault's `delayMs` wait for: the machine's time, or the sandbox's `clock`. With a stopped clock,
   * the call waits until the clock is advanced, repeatable to the millisecond.
   * @default "machine"
   */
  readonly waitOn?: "machine" | "clock" | undefined;
  /**
   * How long a written resource stays invisible, in milliseconds (1upHealth documents less than 1000); or a range: each
   * read and each search draws from it, as if one of several replicas answered, so a search may show what the next does not.
   * @default 0
   */
  readonly readLagMs?: number | readonly [min: number, max: number] | undefined;
  /** Makes ids, codes, tokens and faults with a `probability` repeatable. @default a random number */
  readonly seed?: number | undefined;
}

/** The options with every default filled in. */
export interface Settings
  extends
    Filled<Omit<SandboxOptions, "limit" | "latencyMs" | "readLagMs">>,
    Filled<NonNullable<SandboxOptions["limit"]>> {
  readonly latencyMs: readonly [min: number, max: number];
  readonly readLagMs: readonly [min: number, max: number];
}

const verb = "create the sandbox";

const aTime = between(0);
const isRange = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(aTime.holds) && value[0] <= value[1];
const aTimeOrRange: Rule = {
  must: `${aTime.must}, or a list of two of them, the smaller first`,
  holds: (value) => aTime.holds(value) || isRange(value),
};
const rules: Rules<SandboxOptions> = {
  ...behaviourRules,
  clientId: aName,
  clientSecret: aName,
  clock: {
    must: "one that can be moved, such as createVirtualClock()",
    holds: withMethods("now", "monotonic", "timer", "random", "advance", "set", "onChange").holds,
  },
  limit: anything,
  latencyMs: aTimeOrRange,
  waitOn: among("machine", "clock"),
  readLagMs: aTimeOrRange,
  seed: aTime,
};
const ofLimit: Rules<NonNullable<SandboxOptions["limit"]>> = {
  calls: orInfinity(whole(1)),
  windowMs: between(1),
  window: among("rolling", "fixed"),
};

/** The options as a plain object, checked by name alone. @throws {LifecycleError} `INVALID_OPTION` */
export function plainOptions(options: SandboxOptions | undefined): Partial<SandboxOptions> {
  return only(verb, "options", options, rules);
}

/**
 * Fills in the defaults.
 *
 * @throws {LifecycleError} `INVALID_OPTION` with the option's name, the rule and the value
 */
export function readOptions(options: SandboxOptions): Settings {
  const {
    limit,
    latencyMs = 0,
    readLagMs = 0,
    clock = createVirtualClock(),
    ...given
  } = check(verb, options, rules);
  const { calls = 300, windowMs = 3_600_000, window = "rolling" } = check(verb, limit, ofLimit, "limit");
  return {
    ...usualBehaviour,
    clientId: "sandbox-client",
    clientSecret: "sandbox-secret",
    waitOn: "machine",
    seed: Math.floor(systemClock.random() * 2 ** 48),
    ...given,
    clock,
    calls,
    windowMs,
    window,
    latencyMs: rangeOf(latencyMs),
    readLagMs: rangeOf(readLagMs),
  };
}

function rangeOf(time: number | readonly [min: number, max: number]): readonly [min: number, max: number] {
  return typeof time === "number" ? [time, time] : time;
}
