/** The sandbox's options and their validation. Each unknown of 1upHealth is an option here. */

import { inspect } from "node:util";
import { systemClock } from "../../clock.ts";
import { LifecycleError } from "../../errors.ts";
import { type Behaviour, behaviourRules, readBehaviour, usualBehaviour } from "./behaviour.ts";
import { checkNames } from "../base/rule.ts";
import { createVirtualClock, type VirtualClock } from "../clock/virtual-clock.ts";

/** Options of {@link createSandbox}; those of {@link Behaviour} can be changed later. */
export interface SandboxOptions extends Partial<Behaviour> {
  /** @default "sandbox-client" */
  readonly clientId?: string;
  /** @default "sandbox-secret" */
  readonly clientSecret?: string;
  /** Decides expiry, the limit's window and the read lag. @default createVirtualClock() */
  readonly clock?: VirtualClock;
  /** The limit on user management calls (1upHealth user management guide, Rate Limits). Refused calls count too. */
  readonly limit?: {
    /** Calls per window; `Infinity` for no limit. @default 300 */
    readonly calls?: number;
    /** Length of the window, in milliseconds. @default 3_600_000 */
    readonly windowMs?: number;
    /** `fixed` windows start at multiples of `windowMs` since 1970. @default "rolling" */
    readonly window?: "rolling" | "fixed";
  };
  /** Milliseconds before each call is carried out, or a range to draw from. @default 0 */
  readonly latencyMs?: number | readonly [min: number, max: number];
  /**
   * What `latencyMs` and a fault's `delayMs` wait for: the machine's time, or the sandbox's `clock`. With a stopped clock,
   * the call waits until the clock is advanced, repeatable to the millisecond.
   * @default "machine"
   */
  readonly waitOn?: "machine" | "clock";
  /** How long a written resource stays invisible, in milliseconds (1upHealth documents less than 1000). @default 0 */
  readonly readLagMs?: number;
  /** Makes ids, codes, tokens and faults with a `probability` repeatable. @default a random number */
  readonly seed?: number;
}

/** The options with every default filled in. */
export interface Settings extends Behaviour {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly clock: VirtualClock;
  readonly calls: number;
  readonly windowMs: number;
  readonly window: "rolling" | "fixed";
  readonly latencyMs: readonly [min: number, max: number];
  readonly waitOn: "machine" | "clock";
  readonly readLagMs: number;
  readonly seed: number;
}

const verb = "create the sandbox";

const names: Readonly<Record<keyof SandboxOptions, unknown>> = {
  ...behaviourRules,
  clientId: true,
  clientSecret: true,
  clock: true,
  limit: true,
  latencyMs: true,
  waitOn: true,
  readLagMs: true,
  seed: true,
};

/**
 * Fills in the defaults.
 *
 * @throws {LifecycleError} `INVALID_OPTION` with the option's name, the rule and the value
 */
export function readOptions(options: SandboxOptions): Settings {
  checkNames(verb, options, names);
  const { limit = {}, latencyMs = 0, clock = createVirtualClock() } = options;
  checkNames(verb, limit, { calls: true, windowMs: true, window: true }, "limit");
  const [least, most] = rangeOf(latencyMs);
  if (!(most >= least)) throw refuse("latencyMs", "a range whose end is not below its start", latencyMs);
  return {
    ...usualBehaviour,
    ...readBehaviour(verb, options),
    clientId: text("clientId", options.clientId ?? "sandbox-client"),
    clientSecret: text("clientSecret", options.clientSecret ?? "sandbox-secret"),
    clock: able(clock),
    calls: count("limit.calls", limit.calls ?? 300),
    windowMs: atLeast(1, "limit.windowMs", limit.windowMs ?? 3_600_000),
    window: oneOf("limit.window", limit.window ?? "rolling", ["rolling", "fixed"]),
    latencyMs: [atLeast(0, "latencyMs", least), atLeast(0, "latencyMs", most)],
    waitOn: oneOf("waitOn", options.waitOn ?? "machine", ["machine", "clock"]),
    readLagMs: atLeast(0, "readLagMs", options.readLagMs ?? 0),
    seed: atLeast(0, "seed", options.seed ?? Math.floor(systemClock.random() * 2 ** 48)),
  };
}

function rangeOf(latencyMs: NonNullable<SandboxOptions["latencyMs"]>): readonly [min: number, max: number] {
  if (typeof latencyMs === "number") return [latencyMs, latencyMs];
  if (Array.isArray(latencyMs) && latencyMs.length === 2) return latencyMs;
  throw refuse("latencyMs", "a finite number from 0, or two of them in a list", latencyMs);
}

function able(clock: VirtualClock): VirtualClock {
  const methods = ["now", "monotonic", "timer", "random", "advance", "set", "onChange"] as const;
  const isObject = typeof clock === "object" && clock !== null;
  if (isObject && methods.every((method) => typeof clock[method] === "function")) return clock;
  throw refuse("clock", "one that can be moved, such as createVirtualClock()", typeof clock);
}

function text(name: string, value: string): string {
  // The value may be the secret: it is not repeated.
  if (typeof value !== "string" || value === "") throw refuse(name, "a non-empty string", "something else");
  return value;
}

function count(name: string, value: number): number {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= 1)) return value;
  throw refuse(name, "a whole number from 1, or Infinity", value);
}

function atLeast(least: number, name: string, value: number): number {
  if (Number.isFinite(value) && value >= least) return value;
  throw refuse(name, `a finite number from ${least}`, value);
}

function oneOf<const T>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value;
  throw refuse(name, `one of ${allowed.join(", ")}`, value);
}

function refuse(name: string, rule: string, value: unknown): LifecycleError {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot ${verb}: ${name} must be ${rule}, got ${inspect(value, { depth: 1, breakLength: Infinity })}`,
  );
}
