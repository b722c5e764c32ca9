/**
 * The gates in the account's record, beside the store key.
 *
 * @module
 */
import { openGate } from "../../machines/index.ts";
import type { Gate } from "../../machines/index.ts";
import type { Json } from "../store/contract.ts";

/** The gates by their keys. What cannot be read counts as open: 1upHealth says so again if it is not. */
export function readGates(value: Json): Readonly<Record<string, Gate>> {
  const kept = isObject(value) ? value["gates"] : undefined;
  if (!isObject(kept)) return {};
  return Object.fromEntries(
    Object.entries(kept).flatMap(([key, gate]) =>
      isGate(gate) ? [[key, { ...openGate, ...(gate as unknown as Gate) }]] : [],
    ),
  );
}

/** A gate that nobody tried for so long belongs to a secret that nobody uses any more, ms. */
const forgottenMs = 30 * 24 * 3_600_000;

/** The record with one gate changed; one that is open is forgotten. */
export function withGate(value: Json, key: string, gate: Gate): Json {
  const record = isObject(value) ? value : {};
  const gates = { ...readGates(value), [key]: gate };
  const shut = Object.entries(gates).filter(
    ([, { state, until }]) => state !== "open" && until > gate.since - forgottenMs,
  );
  return { ...record, gates: Object.fromEntries(shut) as unknown as Json }; // gates are plain JSON values
}

function isObject(value: unknown): value is Readonly<Record<string, Json>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isGate(gate: Json | undefined): boolean {
  if (!isObject(gate)) return false;
  const { state, until, attempt } = gate;
  const known = state === "open" || state === "throttled" || state === "probing" || state === "suspended";
  return known && typeof until === "number" && typeof attempt === "number";
}
