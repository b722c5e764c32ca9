/**
 * The marks of a move in the account's records of both stores, and the error of a process that still uses one of them.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { Json } from "./contract.ts";
import { isObject } from "./guards.ts";
import type { WrappedStoreKey } from "./sealing/key-record.ts";

/** The mark in the account's record of the old store, which is no longer written. Its other fields stay for readers. */
export interface MovedMark {
  /** The move. */
  readonly id: string;
  /** The kind of the other store, for messages. */
  readonly to: string;
  /** The identity that the record had, which it gets back if the move is called off. */
  readonly identity: string;
  /** When writing ended, ms. */
  readonly at: number;
  /** Whether the other store is in use. */
  readonly isDone: boolean;
}

/** The mark in the record of the new store while it is filled; it holds nothing else, unless the move is being called off. */
export interface MovingMark {
  readonly id: string;
  /** The identity of the record in the other store, before the move. */
  readonly of: string;
  /** Times there plus this are times here, ms. */
  readonly byMs: number;
  readonly isAborting: boolean;
  /** The store key that seals what is here, if it is not sealed with those of the other store. */
  readonly storeKey?: WrappedStoreKey;
}

/** The mark in the record of the new store once it is filled. */
export interface ArrivedMark {
  readonly id: string;
  /** The revision of the record then, and digests of what the logs and all else held: whether something was written since. */
  readonly revision: number;
  readonly logs: string;
  readonly held: string;
  readonly byMs: number;
  /** When it could be used, ms. */
  readonly at: number;
  /** What had moved. */
  readonly users: number;
  readonly formerIds: number;
  readonly events: number;
  readonly digest: string;
}

/** The marks of an account's record. */
export interface Marks {
  readonly moved?: MovedMark;
  readonly moving?: MovingMark;
  readonly arrived?: ArrivedMark;
}

const names = ["moved", "moving", "arrived"] as const;

/** The marks of a move in a record. */
export function marksOf(value: Json | undefined): Marks {
  if (!isObject(value)) return {};
  const marks = names.map((name) => [name, value[name]] as const);
  return Object.fromEntries(
    marks.filter(([, mark]) => isObject(mark) && typeof mark["id"] === "string"),
  ) as Marks; // written by withMarks()
}

/** The record with these marks in place of those that it has. */
export function withMarks(value: Json, marks: Marks): Json {
  const others = Object.entries(isObject(value) ? value : {}).filter(
    ([name]) => !names.some((one) => one === name),
  );
  return {
    ...Object.fromEntries(others),
    ...(marks as Readonly<Record<string, unknown>> as Readonly<Record<string, Json>>),
  }; // their fields are JSON
}

/** The error of a process that uses a store which was left, or is not filled yet; `null`: it may be used. */
export function movedAway(value: Json, doing: "open" | "write to" = "write to"): LifecycleError | null {
  const { moved, moving } = marksOf(value);
  if (moving !== undefined) {
    const how = moving.isAborting ? "a move to it is being called off" : "a move to it is not finished";
    return movedError(`Cannot use this store: ${how}; run oneup-lifecycle move again`, { isDone: false });
  }
  if (moved === undefined) return null;
  const { to, isDone, at } = moved;
  const [how, when, once] = isDone
    ? ["were moved", "at", ""]
    : ["are being moved", "which began at", " once the move is done"];
  const what = `its users ${how} to ${to === "lmdb" ? "an" : "a"} ${to} store, ${when} ${new Date(at).toISOString()}`;
  const todo = `stop this process, and start it with that store${once}`;
  return movedError(`Cannot ${doing} this store: ${what}; ${todo}`, { to, isDone });
}

function movedError(message: string, facts: Readonly<Record<string, unknown>>): LifecycleError {
  return new LifecycleError("STORE_MOVED", message, { facts });
}
