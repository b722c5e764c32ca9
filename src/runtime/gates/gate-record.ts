/**
 * The gates as stored in the account's record, beside the store key.
 *
 * @module
 */
import { openGate, type Gate, type GateReason } from "../../../machines/index.ts";
import type { Json } from "../../store/contract.ts";
import { isCount, isObject, isTime, objectIn } from "../../store/guards.ts";

/** The gates by their keys. An unreadable gate counts as open: if it should be shut, the next refusal shuts it again. */
export function readGates(value: Json): Readonly<Record<string, Gate>> {
  return Object.fromEntries(
    Object.entries(objectIn(value, "gates")).flatMap(([key, gate]) =>
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
  const { state, reason, until, attempt, since, probe, probeCodeAt, answersLists } = kept;
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
  return [
    { state, reason: known, until, attempt, since, probe, probeCodeAt, answersLists: answersLists === true },
  ];
}

const reasons: readonly GateReason[] = ["throttled", "rateLimit", "unavailable", "credentials", "forbidden"];
