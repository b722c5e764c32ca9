/**
 * An event of the outbox as text.
 *
 * @module
 */
import { recordDamaged } from "../errors.ts";

/** An event as it is kept, under its number. */
export interface KeptEvent {
  readonly key: string;
  /** Store time, ms. */
  readonly at: number;
  /** The value as JSON. */
  readonly text: string;
  /** The commit that it belongs to, for tables that are not written in one unit. */
  readonly of?: CommittedRow;
}

/** The row that a commit has written. */
export interface CommittedRow {
  readonly id: string;
  readonly revision: number;
}

const beforeValue = ',"value":';

/** An event as one text, its value last. */
export function encodeEvent({ key, at, text, of }: KeptEvent): string {
  const commit = of === undefined ? "" : `,"of":${JSON.stringify(of)}`;
  return `{"key":${JSON.stringify(key)},"at":${at}${commit}${beforeValue}${text}}`;
}

/** Decodes the result of {@link encodeEvent}. @throws {LifecycleError} `RECORD_DAMAGED` if the text is anything else */
export function decodeEvent(stored: string): KeptEvent {
  try {
    const { value: _, ...head } = JSON.parse(stored) as { value: unknown } & Omit<KeptEvent, "text">; // checked next
    // Quotation marks in strings are escaped, so this is the first key "value".
    const start = stored.indexOf(beforeValue);
    if (start > 0 && typeof head.key === "string" && typeof head.at === "number")
      return { ...head, text: stored.slice(start + beforeValue.length, -1) };
  } catch {
    // throws below
  }
  throw recordDamaged("Cannot read an event: its stored value is damaged or was not written by this library");
}
