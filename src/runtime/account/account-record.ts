/**
 * The gates in the account's record, beside the store key, and their times where a process with a wrong clock wrote them.
 *
 * @module
 */
import { openGate, type Gate, type GateReason } from "../../../machines/index.ts";
import type { Json } from "../../store/contract.ts";
import { isCount, isObject, isTime } from "../../store/guards.ts";

/** The gates by their keys. An unreadable gate counts as open: if it should be shut, the next refusal shuts it again. */
export function readGates(value: Json): Readonly<Record<string, Gate>> {
  const kept = isObject(value) ? value["gates"] : undefined;
  if (!isObject(kept)) return {};
  return Object.fromEntries(
    Object.entries(kept).flatMap(([key, gate]) =>
      isObject(gate) ? gateOf({ ...openGate, ...gate }).map((read) => [key, read]) : [],
    ),
  );
}

/** A gate without a probe for this long belongs to a secret that is no longer in use, ms. */
const forgottenMs = 30 * 24 * 3_600_000;

/** The record with one gate changed; open gates are removed. */
export function withGate(value: Json, key: string, gate: Gate): Json {
  const record = isObject(value) ? value : {};
  const gates = { ...readGates(value), [key]: gate };
  const shut = Object.entries(gates).filter(
    ([, { state, until }]) => state !== "open" && until > gate.since - forgottenMs,
  );
  return { ...record, gates: Object.fromEntries(shut) as unknown as Json }; // gates are plain JSON values
}

function gateOf(kept: Readonly<Record<keyof Gate, unknown>>): readonly Gate[] {
  const { state, reason, until, attempt, since, probe, probeCodeAt } = kept;
  const reads =
    (state === "open" || state === "throttled" || state === "probing" || state === "suspended") &&
    (reason === null || typeof reason === "string") &&
    isTime(until) &&
    isCount(attempt) &&
    isTime(since) &&
    (probe === null || typeof probe === "string") &&
    (probeCodeAt === null || isTime(probeCodeAt));
  if (!reads) return [];
  // A reason of a later release still keeps the gate shut.
  const known = reason === null ? null : (reasons.find((one) => one === reason) ?? "unavailable");
  return [{ state, reason: known, until, attempt, since, probe, probeCodeAt }];
}

const reasons: readonly GateReason[] = ["throttled", "rateLimit", "unavailable", "credentials", "forbidden"];

/** Clocks of processes may differ by two minutes; a gate further ahead than this was written with a wrong clock, ms. */
const furthestAheadMs = 5 * 60_000;

/** Gates by their keys, as the account's record holds them. */
type Gates = Readonly<Record<string, Gate>>;

/**
 * Corrects the times of gates. A process with a wrong clock may write a time that others would wait a day for; what counts
 * is the duration that it meant. Remembers gates from the future, so that each is corrected once and not on every read.
 */
export class GateTimes {
  /** How far ahead a gate was when it was first seen, ms, and when it was shut by the other clock. */
  readonly #ahead = new Map<string, { readonly since: number; readonly ms: number }>();

  /** Returns the gates; those from the future as if they had been shut when this process first saw them. */
  corrected(gates: Gates, now: number): Gates {
    const entries = Object.entries(gates);
    for (const key of this.#ahead.keys()) if (gates[key] === undefined) this.#ahead.delete(key);
    const isPlain = ({ since }: Gate): boolean => since <= now + furthestAheadMs;
    if (this.#ahead.size === 0 && entries.every(([, gate]) => isPlain(gate))) return gates;
    return Object.fromEntries(entries.map(([key, gate]) => [key, this.#corrected(key, gate, now)]));
  }

  #corrected(key: string, gate: Gate, now: number): Gate {
    let ahead = this.#ahead.get(key);
    if (ahead?.since !== gate.since) {
      this.#ahead.delete(key);
      if (gate.since <= now + furthestAheadMs) return gate;
      ahead = { since: gate.since, ms: gate.since - now };
      this.#ahead.set(key, ahead);
    }
    const { since, until, probeCodeAt } = gate;
    const { ms } = ahead;
    return {
      ...gate,
      since: since - ms,
      until: until - ms,
      probeCodeAt: probeCodeAt === null ? null : probeCodeAt - ms,
    };
  }
}
