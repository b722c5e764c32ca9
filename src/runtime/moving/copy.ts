/**
 * Copies what a store holds to another one, page by page, and compares the two.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { type LifecycleError, storeUnusable } from "../../errors.ts";
import type { EventOutbox, StoredEvent } from "../../store/contract.ts";
import type { KeptRows, MovableStore } from "../../store/movable.ts";
import type { KeptLog } from "../../store/slot-log.ts";
import type { Contents } from "./contents.ts";
import type { MoveSummary } from "./move-options.ts";
import { eventsText, logText, redated, textOf } from "./row-text.ts";
import { contentDigest, heldDigest, tally, type Watching } from "./tally.ts";
import { leaseNames } from "../account/create-lease.ts";

/** The limits whose logs move: those of calls, and the leases of `ensure()`, whose creates may still be under way. */
export const limitNames: readonly string[] = ["management", "token", "fhir", ...leaseNames];

/** Rows and events per page. */
const pageSize = 500;

/** Both stores of a move. */
export interface Sides {
  readonly from: MovableStore;
  readonly to: MovableStore;
  /** Times of the first plus this are times of the second, ms. */
  readonly byMs: number;
  /** The identity of the account's record in the second. */
  readonly identity: string;
  readonly contents: Contents;
}

/** What a comparison has found. */
export interface Found extends Pick<MoveSummary, "users" | "formerIds" | "events" | "digest"> {
  /** {@link heldBy} the second store. */
  readonly held: string;
}

/**
 * Writes the rows and events of the first store to the second, if they are not there.
 * @throws {LifecycleError} `RECORD_DAMAGED`, `STORE_UNUSABLE`
 */
export async function copy(sides: Sides, watching: Watching): Promise<void> {
  const { from, to, byMs, identity, contents } = sides;
  const counted = await tally("copy", from, watching);
  const isEmpty = (await to.transfer.rows(null, pageSize)).rows.length === 0; // then nothing there need be read
  for await (const rows of rowPages(from)) {
    const missing = isEmpty ? rows : differing(sides, rows, await to.transfer.rowsOf(idsOf(rows)));
    const moved = missing.map(([id, row]) => [id, redated(contents.moved(id, row), byMs)] as const);
    if (moved.length > 0) await to.transfer.writeRows({ rows: moved, identity });
    counted.rows(rows);
  }
  for await (const page of eventPages(from)) {
    const there = await eventsBehind(to, page.after);
    // seam: events-move-too
    if (eventsIn(page, contents) !== eventsIn(there, contents)) {
      if (to.events === undefined)
        throw storeUnusable(
          "Cannot move the store: it holds events, and the other one keeps none; run its migration first",
        );
      await to.transfer.writeEvents({
        ...page,
        events: page.events.map((event) => contents.movedEvent(event)),
        identity,
      });
    }
    counted.events(page.events);
  }
}

/** Compares all rows and events, and the numbers of users. @throws {LifecycleError} `RECORD_DAMAGED`, `STORE_UNUSABLE` if they differ */
export async function compare(sides: Sides, watching: Watching): Promise<Found> {
  const { from, to, contents } = sides;
  const counted = await tally("compare", from, watching);
  const [digest, held] = [contentDigest(contents), heldDigest()];
  for await (const rows of rowPages(from)) {
    const there = await to.transfer.rowsOf(idsOf(rows));
    const others = differing(sides, rows, there);
    if (others.length > 0) throw differs(`${others.length} of its users`);
    for (const [, row] of there) if (!("renamedTo" in row)) contents.noteHeld(row.value);
    const fresh = counted.rows(rows);
    digest.addRows(fresh);
    const isFresh = new Set(idsOf(fresh));
    held.addRows(there.filter(([id]) => isFresh.has(id)));
  }
  for await (const page of eventPages(from)) {
    const there = await eventsBehind(to, page.after);
    // Their times stay as they are: cursors depend on them.
    // seam: events-are-compared-too
    if (eventsIn(page, contents) !== eventsIn(there, contents)) throw differs("its events");
    for (const { value } of there.events) contents.noteHeld(value);
    digest.addEvents(page.events);
    held.addEvents(there.events);
    counted.events(page.events);
  }
  // seam: the-numbers-of-users-are-compared
  if (countsText(await from.counts()) !== countsText(await to.counts()))
    throw differs("the numbers of users by state");
  return { ...counted.counts, digest: digest.text(), held: held.text() };
}

/** A digest of all rows and events of a store, as it holds them. */
export async function heldBy(store: MovableStore, watching: Watching): Promise<string> {
  const counted = await tally("compare", store, watching);
  const held = heldDigest();
  for await (const rows of rowPages(store)) held.addRows(counted.rows(rows));
  for await (const { events } of eventPages(store)) {
    held.addEvents(events);
    counted.events(events);
  }
  return held.text();
}

/** All rows in pages, each read while the one before is in use. */
async function* rowPages({ transfer }: MovableStore): AsyncGenerator<KeptRows> {
  let coming = transfer.rows(null, pageSize);
  for (;;) {
    const { rows, next } = await coming;
    // seam: a-walk-ends-behind-the-last-page
    const isLast = next === null;
    if (!isLast) coming = ahead(transfer.rows(next, pageSize));
    yield rows;
    if (isLast) return;
  }
}

/** What a read of events has returned, and the number behind which it began. */
type EventPage = Awaited<ReturnType<EventOutbox["read"]>> & { readonly after: number };

/** All events in pages, likewise; the last page is empty. */
async function* eventPages(store: MovableStore): AsyncGenerator<EventPage> {
  if (store.events === undefined) return;
  let coming = eventsBehind(store, 0);
  for (;;) {
    const page = await coming;
    const last = page.events.at(-1);
    if (last !== undefined) coming = ahead(eventsBehind(store, last.number));
    yield page;
    if (last === undefined) return;
  }
}

async function eventsBehind({ events }: MovableStore, after: number): Promise<EventPage> {
  const page = (await events?.read({ after, limit: pageSize })) ?? { events: [], trimmed: 0, last: 0 };
  return { ...page, after };
}

/** A read that may fail while nothing waits for it. */
function ahead<T>(read: Promise<T>): Promise<T> {
  read.catch(() => {});
  return read;
}

function idsOf(rows: KeptRows): readonly string[] {
  return rows.map(([id]) => id);
}

/** The rows of the first store that are missing in the second, or different there. */
function differing({ byMs, contents }: Sides, rows: KeptRows, there: KeptRows): KeptRows {
  const others = new Map(there.map(([id, row]) => [id, textOf(contents.compared(id, row))]));
  return rows.filter(([id, row]) => others.get(id) !== textOf(redated(contents.compared(id, row), byMs)));
}

function eventsIn(page: EventPage, contents: Contents): string {
  return eventsText({
    ...page,
    events: page.events.map((event: StoredEvent) => contents.comparedEvent(event)),
  });
}

/** Copies the logs of calls, and returns them as one text. A call that ends meanwhile only counts for longer. */
export async function copyLogs({ from, to, byMs, identity }: Sides): Promise<string> {
  for (const [limit, log] of await from.transfer.logs(limitNames)) {
    if (logText(log) === "[]") continue; // nothing in it counts
    const moments = log.moments.map(([at, ...calls]) => [at + byMs, ...calls] as const);
    const moved: KeptLog = {
      windowMs: log.windowMs,
      askedAt: log.askedAt + byMs,
      takenAt: log.takenAt + byMs,
      moments,
      movedMs: 0,
      moves: [],
      seen: {}, // that was another clock
      former: null,
    };
    await to.transfer.writeLog({ limit, log: moved, identity });
    const there = await to.transfer.logs([limit]);
    if (logText(there.get(limit)) !== logText(moved)) throw differs(`the log of the limit "${limit}"`);
  }
  return logsOf(to);
}

/** The logs of a store as one text. */
export async function logsOf(store: MovableStore): Promise<string> {
  const logs = await store.transfer.logs(limitNames);
  return createHash("sha256")
    .update(limitNames.map((limit) => logText(logs.get(limit))).join("\n"))
    .digest("hex");
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return JSON.stringify(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function differs(what: string): LifecycleError {
  return storeUnusable(
    `Cannot finish the move: ${what} are not the same in both stores; run it again, or with --abort`,
  );
}
