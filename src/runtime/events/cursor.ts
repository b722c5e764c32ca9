/**
 * Cursors: the place of an event in the outbox of one store, as a text that applications keep.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { LifecycleError } from "../../errors.ts";
import type { StoredEvent } from "../../store/contract.ts";
import type { Sealer } from "../../store/sealing/sealer.ts";
import { readUserEvent, withdrawnMark } from "../user/user-event-value.ts";

/** The place of an event. */
export interface Place {
  readonly epoch: number;
  readonly number: number;
  /** {@link markOf} the event at this place; `null`: it is not known. */
  readonly mark: string | null;
}

const shape = /^([\da-f]{12})\.(\d{1,15})\.(\d{1,15})\.([\da-f]{12})$/;

/** The place as a text. It names the store, so that it is not taken for a place in another one. */
export function cursorOf(sealer: Sealer, { epoch, number, mark }: Place & { readonly mark: string }): string {
  return Buffer.from(`${storeName(sealer)}.${epoch}.${number}.${mark}`).toString("base64url");
}

/**
 * Distinguishes an event from another one with the same number: a store that is older than its readers, as after a
 * restore, gives numbers a second time. It is the same in a store that the event was moved to, whose clock may differ.
 */
export function markOf(sealer: Sealer, { number, value }: StoredEvent): string {
  const withdrawn = withdrawnMark(value);
  if (withdrawn !== null) return withdrawn;
  const event = readUserEvent(value);
  const words = event === null ? ["damaged"] : [event.alias, event.type, event.version, event.at];
  return sealer.textPrint(`event ${[number, ...words].join(" ")}`);
}

/** Whether a value has the form of a cursor. */
export function isCursor(value: unknown): value is string {
  return typeof value === "string" && value.length <= 80 && shape.test(decoded(value));
}

/** @throws {LifecycleError} `CURSOR_EXPIRED` if it is a cursor of another store */
export function placeAt(sealer: Sealer, cursor: string): Place {
  const [, store, epoch, number, mark = null] = shape.exec(decoded(cursor)) ?? [];
  if (store !== storeName(sealer))
    throw expired("it is of another account, or of a store that was emptied", "anotherStore");
  return { epoch: Number(epoch), number: Number(number), mark };
}

/** Why events behind a cursor are missing. */
type Reason = "trimmed" | "turnedOff" | "restored" | "anotherStore";

/** The error for a cursor behind which events are missing. */
export function expired(why: string, reason: Reason): LifecycleError {
  return new LifecycleError(
    "CURSOR_EXPIRED",
    `Cannot read all events behind this cursor: ${why}; read the users, and continue without a cursor`,
    { facts: { reason } },
  );
}

function decoded(cursor: string): string {
  return Buffer.from(cursor, "base64url").toString("latin1");
}

/** A name of the store that its key yields: one that was emptied has another key. */
function storeName(sealer: Sealer): string {
  return sealer.textPrint("the outbox of this store");
}
