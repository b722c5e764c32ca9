/**
 * The account's limits. They belong to the account, not to a process: the first process that is configured with limits
 * records them when it opens the store. A process with a different configuration applies the stricter of both.
 *
 * @module
 */
import { inWords, isLifecycleError } from "../../errors.ts";
import type { GrowingLimits, Limits } from "../../guard/guard.ts";
import type { AccountRecord, Json, Lane, LaterLimit, Limit } from "../../store/contract.ts";
import type { Moment } from "../../store/steady-time.ts";
import { isCount, isObject, objectIn } from "../../store/guards.ts";
import { changeAccount, type RecordParts } from "./change-account.ts";
import { formerOf, growthOf, limitWhileExtending, readFormer, type FormerLimits } from "./former-limits.ts";
import { errorField } from "../options/logger.ts";
import {
  usualCeiling,
  longestWindowMs,
  perLimit,
  type Ceiling,
  type LimitName,
  type ConfiguredLimits,
  type LaneShares,
  type LimitConflict,
  type AccountLimits,
} from "../options/account-limits.ts";
import { spanInFull } from "../options/time-in-words.ts";

const limitNames: readonly LimitName[] = ["management", "token", "fhir"];

/** The limits in the account's record. What cannot be read counts as not recorded. */
export function readLimits(value: Json): ConfiguredLimits {
  const kept = objectIn(value, "limits");
  return perLimit((name) => ceilingIn(kept[name]));
}

function ceilingIn(kept: Json | undefined): Ceiling | null {
  if (!isObject(kept)) return null;
  const { calls, windowMs } = kept;
  const reads = isCount(calls) && calls >= 1 && typeof windowMs === "number";
  return reads && windowMs >= 1 && windowMs <= longestWindowMs ? { calls, windowMs } : null;
}

function withLimits(value: Json, limits: ConfiguredLimits): { readonly [key: string]: Json } {
  const set = limitNames.flatMap((name) => {
    const { calls, windowMs } = limits[name] ?? { calls: 0, windowMs: 0 };
    return calls === 0 ? [] : [[name, { calls, windowMs }] as const];
  });
  return { ...(isObject(value) ? value : {}), limits: Object.fromEntries(set) };
}

/** The fewer calls in the longer window, which satisfies both limits. */
export function stricter(one: Ceiling, other: Ceiling): Ceiling {
  return {
    calls: Math.min(one.calls, other.calls),
    windowMs: Math.max(one.windowMs, other.windowMs),
  };
}

/** With fewer slots than this there are no minima: they would leave none for interactive users. */
const fewest = 3;

/** The limit that the lanes share. */
export function sharedLimit({ calls, windowMs }: Ceiling, { reserved, recovery, bulk }: LaneShares): Limit {
  const left = Math.min(Math.floor(calls * reserved), calls - 1); // the other lanes must keep at least one slot
  const rest = calls - left;
  const least = (of: number): number => (of === 0 || rest < fewest ? 0 : Math.max(1, Math.floor(rest * of)));
  return {
    name: "management",
    calls,
    windowMs,
    reserved: left,
    least: { recovery: least(recovery), bulk: least(bulk) },
  };
}

/** The dependencies of {@link LimitsInForce}. */
export interface LimitsParts extends RecordParts {
  readonly configured: ConfiguredLimits;
  readonly lanes: LaneShares;
  /** The lanes that are not served now. */
  readonly paused: () => readonly Lane[];
  /** Called with each read of the account's record, and when that began. */
  readonly seen?: (found: AccountRecord, began: Moment) => void;
}

/** The limits that this process applies. They follow the account's record, which other processes may change. */
export class LimitsInForce implements GrowingLimits {
  readonly #parts: LimitsParts;
  #configured: ConfiguredLimits;
  #recorded: ConfiguredLimits = { management: null, token: null, fhir: null };
  #limits: { readonly management: Limit; readonly token: Limit | null; readonly fhir: Limit | null };
  /** The former limits, where a window was extended. */
  #former: FormerLimits = {};
  #warned = "[]";
  /** The value that was last read: a store may return the same object again. */
  #seenIn: Json = null;
  #hasSeen = false;

  /**
   * Reads the record and adds the limits that are configured here and not recorded yet.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`, because a process that does not know the account's limits cannot
   * respect them
   */
  static async open(parts: LimitsParts): Promise<LimitsInForce> {
    const limits = new LimitsInForce(parts);
    try {
      await limits.#change((recorded) => {
        const missing = limitNames.some((name) => recorded[name] === null && parts.configured[name] !== null);
        return missing ? perLimit((name) => recorded[name] ?? parts.configured[name]) : null;
      });
    } catch (error) {
      if (!limits.#hasSeen) throw error;
      // A read-only process writes nothing; otherwise the next process records the limits if this one could not.
      if (!isLifecycleError(error, "STORE_UNUSABLE"))
        parts.logger.warn(
          { error: errorField(error) },
          `Cannot write the limits into the account's record: ${inWords(error)}`,
        );
    }
    return limits;
  }

  private constructor(parts: LimitsParts) {
    this.#parts = parts;
    this.#configured = parts.configured;
    this.#limits = this.#compute();
  }

  get management(): Limit {
    return this.#paused(this.#now().management);
  }

  get token(): Limit | null {
    return this.#now().token;
  }

  get fhir(): Limit | null {
    return this.#now().fhir;
  }

  /** How the management limit grows if its window was extended. */
  get growth(): readonly LaterLimit[] {
    const former = this.#former["management"];
    const limit = former && this.#ceiling("management");
    if (!limit) return [];
    return growthOf(limit, former, this.#parts.clock.now()).map(
      ([inMs, ceiling]) => [inMs, this.#paused(sharedLimit(ceiling, this.#parts.lanes))] as const,
    );
  }

  /** Where the configuration of this process and the account's record differ. */
  get conflicts(): readonly LimitConflict[] {
    return limitNames.flatMap((limit) => {
      const [configured, recorded] = [this.#configured[limit], this.#recorded[limit]];
      if (configured === null || recorded === null) return [];
      if (configured.calls === recorded.calls && configured.windowMs === recorded.windowMs) return [];
      return [{ limit, configured, recorded, inForce: stricter(configured, recorded) }];
    });
  }

  /** Applies a read of the account's record. */
  applyRecord({ value }: Pick<AccountRecord, "value">): void {
    this.#hasSeen = true;
    if (value === this.#seenIn) return;
    this.#seenIn = value;
    const [recorded, former] = [readLimits(value), readFormer(value)];
    if (JSON.stringify([recorded, former]) === JSON.stringify([this.#recorded, this.#former])) return;
    [this.#recorded, this.#former] = [recorded, former];
    this.#limits = this.#compute();
    this.#warn();
  }

  /**
   * Replaces limits in the record; from now on this process applies them instead of its configured ones.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   */
  async set(given: Partial<AccountLimits>): Promise<void> {
    await this.#change((recorded) => ({ ...recorded, ...given }), true);
    const own = this.#configured;
    this.#configured = perLimit((name) => (given[name] === undefined ? own[name] : null));
    this.#limits = this.#compute();
    this.#warn();
  }

  /** The limits that apply now: one whose window was extended comes into force gradually. */
  #now(): Limits {
    if (Object.keys(this.#former).length > 0) this.#limits = this.#compute();
    return this.#limits;
  }

  async #change(
    change: (recorded: ConfiguredLimits) => ConfiguredLimits | null,
    replaces = false,
  ): Promise<void> {
    const done = await changeAccount(this.#parts, (found, began) => {
      this.#parts.seen?.(found, began);
      const next = change(readLimits(found.value));
      this.applyRecord(found);
      if (next === null) return null;
      const limits = withLimits(found.value, next);
      return { value: replaces ? { ...limits, formerLimits: this.#formerWith(next) } : limits };
    });
    if (done !== null) this.applyRecord(done);
  }

  /** The former limits to record once `next` applies. */
  #formerWith(next: ConfiguredLimits): { readonly [name: string]: { readonly [key: string]: Json } } {
    const at = this.#parts.clock.now();
    const all = limitNames.flatMap((name) => {
      const known = this.#former[name];
      const old = this.#recorded[name] ?? (name === "management" ? usualCeiling : null);
      const ceiling = next[name];
      const former = old === null || ceiling === null ? known : formerOf(old, ceiling, at, known);
      return former === undefined ? [] : [[name, { ...former }] as const];
    });
    return Object.fromEntries(all);
  }

  #paused(limit: Limit): Limit {
    const paused = this.#parts.paused();
    return paused.length === 0 ? limit : { ...limit, paused };
  }

  /** The limit once it is in force in full. */
  #ceiling(name: LimitName): Ceiling | null {
    const [configured, recorded] = [this.#configured[name], this.#recorded[name]];
    return configured === null || recorded === null
      ? (configured ?? recorded)
      : // seam: the-stricter-limit-is-kept-to
        stricter(configured, recorded);
  }

  #compute(): Limits {
    const { lanes, clock } = this.#parts;
    const of = (name: LimitName): Ceiling | null => {
      const limit = this.#ceiling(name);
      return limit && limitWhileExtending(limit, this.#former[name], clock.now());
    };
    const [token, fhir] = [of("token"), of("fhir")];
    return {
      management: sharedLimit(of("management") ?? usualCeiling, lanes),
      token: token && { name: "token", ...token },
      fhir: fhir && { name: "fhir", ...fhir },
    };
  }

  #warn(): void {
    const { conflicts } = this;
    const text = JSON.stringify(conflicts);
    if (text === this.#warned) return;
    this.#warned = text;
    for (const { limit, configured, recorded, inForce } of conflicts) {
      this.#parts.logger.warn(
        { limit },
        `The ${limit} limit of this process is ${words(configured)}, and the account's record holds ${words(recorded)}: ` +
          `it applies ${words(inForce)}; account.setLimits() replaces the record`,
      );
    }
  }
}

function words({ calls, windowMs }: Ceiling): string {
  return `${calls} ${calls === 1 ? "call" : "calls"} in ${spanInFull(windowMs)}`;
}
