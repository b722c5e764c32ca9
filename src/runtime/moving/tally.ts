/**
 * Counts and digests what a store holds, and reports how far that is.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import type { StoredEvent } from "../../store/contract.ts";
import type { KeptRows, MovableStore } from "../../store/movable.ts";
import type { Row, Tombstone } from "../../store/row-rules.ts";
import { sumOf } from "../user/index-key.ts";
import { eventWithoutSeal, rowWithoutSeal, type Contents } from "./contents.ts";
import type { MoveOptions, MoveProgress } from "./move-options.ts";
import { eventsText, textOf } from "./row-text.ts";

/** The options that are needed to report. */
export type Watching = Pick<MoveOptions, "onProgress" | "signal">;

/** Counts rows, each once, and events. */
interface Tally {
  readonly counts: { readonly users: number; readonly formerIds: number; readonly events: number };
  /** Counts a page, and returns the rows of it that were not counted before. @throws the signal's reason */
  rows(rows: KeptRows): KeptRows;
  /** Counts a page. @throws the signal's reason */
  events(events: readonly StoredEvent[]): void;
}

/** Begins to count what is in `store`. */
export async function tally(
  phase: MoveProgress["phase"],
  store: MovableStore,
  watching: Watching,
): Promise<Tally> {
  const of = sumOf(await store.counts());
  const seen = new Set<string>();
  const counts = { users: 0, formerIds: 0, events: 0 };

  function report(): void {
    const { users, events } = counts;
    watching.onProgress?.({ phase, users, of, events });
    watching.signal?.throwIfAborted();
  }

  return {
    counts,

    rows(rows) {
      const fresh = rows.filter(([id]) => !seen.has(id));
      for (const [id, row] of fresh) {
        seen.add(id);
        counts["renamedTo" in row ? "formerIds" : "users"]++;
      }
      report();
      return fresh;
    },

    events({ length }) {
      counts.events += length;
      report();
    },
  };
}

/** A digest of rows and events in any order. */
function digest(hashOf: (text: string) => Uint8Array) {
  const sum = new Uint8Array(32);
  return {
    add(text: string): void {
      for (const [n, byte] of hashOf(text).entries()) sum[n] = (sum[n] ?? 0) ^ byte;
    },
    text: (): string => Buffer.from(sum).toString("hex"),
  };
}

/** What a store holds: users and events by their content, without times, the same in every store that they move to. */
export function contentDigest(contents: Contents) {
  const held = digest((text) => createHmac("sha256", contents.digestKey).update(text).digest());
  return {
    addRows(rows: KeptRows): void {
      for (const [id, kept] of rows) {
        const row: Partial<Row & Tombstone> = contents.opened(id, kept);
        const { renamedTo = null, revision = 0, state = "", lane = null, value = null } = row;
        held.add(JSON.stringify([id, renamedTo, revision, state, lane, value]));
      }
    },
    addEvents(events: readonly StoredEvent[]): void {
      for (const event of events) {
        const { number, key, value } = contents.openedEvent(event);
        held.add(JSON.stringify([number, key, value]));
      }
    },
    text: (): string => held.text(),
  };
}

/**
 * What a store holds, as it holds it: with times and leases. A call of the move that stood still may write the same once
 * more, with other seals; every other write of a row changes more than those.
 */
export function heldDigest() {
  const held = digest((text) => createHash("sha256").update(text).digest());
  return {
    addRows(rows: KeptRows): void {
      for (const [id, row] of rows) held.add(`${JSON.stringify(id)} ${textOf(rowWithoutSeal(row))}`);
    },
    addEvents(events: readonly StoredEvent[]): void {
      for (const event of events)
        held.add(eventsText({ events: [eventWithoutSeal(event)], trimmed: 0, last: 0 }));
    },
    text: (): string => held.text(),
  };
}
