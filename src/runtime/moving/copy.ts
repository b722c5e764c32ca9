/**
 * Copies what a store holds to another one, page by page, and compares the two.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { LifecycleError } from "../../errors.ts";
import type { EventOutbox, Slot, StoredEvent } from "../../store/contract.ts";
import type { KeptRows, MovableStore } from "../../store/movable.ts";
import type { Row, Tombstone } from "../../store/row-rules.ts";
import type { KeptLog } from "../../store/slot-log.ts";
import type { MoveProgress, MoveSummary } from "./move-options.ts";

/** The limits whose logs move. */
export const limitNames: readonly string[] = ["management", "token", "fhir"];

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
}

/** How a walk treats what differs: writes it, or rejects. */
export interface Walk {
  readonly phase: MoveProgress["phase"];
  readonly onProgress: (progress: MoveProgress) => void;
  readonly signal: AbortSignal | undefined;
}

/** What a walk has found. */
export type Found = Pick<MoveSummary, "users" | "formerIds" | "events" | "digest">;

/**
 * Walks through all rows and events of the first store. `copy`: writes to the second what differs there. `compare`:
 * rejects if something differs.
 * @throws {LifecycleError} `RECORD_DAMAGED`, `STORE_UNUSABLE` if they differ
 */
export async function walk(sides: Sides, { phase, onProgress, signal }: Walk): Promise<Found> {
  const { from, to } = sides;
  const counts = await from.counts();
  const of = Object.values(counts).reduce((sum, each) => sum + each, 0);
  const sum = new Digest();
  let events = 0;
  const report = (): void => {
    const { users } = sum;
    onProgress({ phase, users, of, events });
    signal?.throwIfAborted();
  };
  for (let cursor: string | null = null, isOver = false; !isOver;) {
    const page = await from.transfer.rows(cursor, pageSize);
    for (const [id, row] of page.rows) sum.addRow(id, row);
    await carryRows(sides, phase, page.rows);
    report();
    cursor = page.next;
    isOver = cursor === null;
  }
  for (let after = 0, isOver = false; !isOver;) {
    const page = await carryEvents(sides, phase, after);
    for (const event of page) sum.addEvent(event);
    events += page.length;
    report();
    after = page.at(-1)?.number ?? after;
    isOver = page.length === 0;
  }
  if (phase === "compare" && countsText(counts) !== countsText(await to.counts()))
    throw differs("the numbers of users by state");
  return { users: sum.users, formerIds: sum.formerIds, events, digest: sum.text() };
}

async function carryRows({ to, byMs, identity }: Sides, phase: Walk["phase"], rows: KeptRows): Promise<void> {
  if (rows.length === 0) return;
  const there = new Map(
    (await to.transfer.rowsOf(rows.map(([id]) => id))).map(([id, row]) => [id, textOf(row)]),
  );
  const here = rows.map(([id, row]) => [id, redated(row, byMs)] as const);
  const missing = here.filter(([id, row]) => there.get(id) !== textOf(row));
  if (missing.length === 0) return;
  if (phase === "compare") throw differs(`${missing.length} of its users`);
  await to.transfer.writeRows({ rows: missing, identity });
}

async function carryEvents(
  { from, to, identity }: Sides,
  phase: Walk["phase"],
  after: number,
): Promise<readonly StoredEvent[]> {
  if (from.events === undefined) return [];
  const ask = { after, limit: pageSize };
  // Their times stay as they are: cursors depend on them.
  const here = await from.events.read(ask);
  const there = await to.events?.read(ask);
  if (eventsText(here) === eventsText(there ?? { events: [], trimmed: 0, last: 0 })) return here.events;
  if (phase === "compare") throw differs("its events");
  if (to.events === undefined)
    throw new LifecycleError(
      "STORE_UNUSABLE",
      "Cannot move the store: it holds events, and the other one keeps none; run its migration first",
    );
  await to.transfer.writeEvents({ ...here, identity });
  return here.events;
}

/** Copies the logs of calls, and returns them as one text. A call that ends meanwhile only counts for longer. */
export async function copyLogs({ from, to, byMs, identity }: Sides): Promise<string> {
  for (const limit of limitNames) {
    const log = await from.transfer.log(limit);
    if (log === null) continue;
    const moments = log.moments.map(([at, ...calls]) => [at + byMs, ...calls] as const);
    const moved: KeptLog = {
      windowMs: log.windowMs,
      askedAt: log.askedAt + byMs,
      takenAt: log.takenAt + byMs,
      moments,
      former: null,
    };
    await to.transfer.writeLog({ limit, log: moved, identity });
    const there = await to.transfer.log(limit);
    if (logText(there) !== logText(moved)) throw differs(`the log of the limit "${limit}"`);
  }
  return logsOf(to);
}

/** The logs of a store as one text. */
export async function logsOf(store: MovableStore): Promise<string> {
  const logs = await Promise.all(limitNames.map((limit) => store.transfer.log(limit)));
  return createHash("sha256").update(logs.map(logText).join("\n")).digest("hex");
}

function logText(log: KeptLog | null): string {
  const moments = (log?.moments ?? []).filter(([, ...calls]) => calls.some((each) => each > 0));
  return JSON.stringify(moments);
}

/** The row with its times by the other store's clock. */
function redated(row: Row | Tombstone, ms: number): Row | Tombstone {
  if ("renamedTo" in row) return row;
  const { dueAt, waitsSince, lease, staleAt, took } = row;
  const slot: Slot | undefined = took && { ...took, at: took.at + ms };
  return {
    ...row,
    dueAt: dueAt === null ? null : dueAt + ms,
    waitsSince: waitsSince === null ? null : waitsSince + ms,
    lease: lease && { ...lease, until: lease.until + ms },
    ...(staleAt !== undefined && { staleAt: staleAt + ms }),
    ...(slot && { took: slot }),
  };
}

/** A row as text, the same for all stores. */
function textOf(row: Row | Tombstone): string {
  if ("renamedTo" in row) return JSON.stringify([row.renamedTo]);
  const { revision, writeId, state, dueAt, lane, waitsSince, lease, staleAt = null, took, value } = row;
  const leased = lease && [lease.id, lease.owner, lease.until];
  const slot = took === undefined ? null : [took.limit, took.windowMs, took.lane, took.at];
  return JSON.stringify([revision, writeId, state, dueAt, lane, waitsSince, leased, staleAt, slot, value]);
}

function eventsText({ events, trimmed, last }: Awaited<ReturnType<EventOutbox["read"]>>): string {
  return JSON.stringify([
    events.map(({ number, key, at, value }) => [number, key, at, value]),
    trimmed,
    last,
  ]);
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return JSON.stringify(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function differs(what: string): LifecycleError {
  return new LifecycleError(
    "STORE_UNUSABLE",
    `Cannot finish the move: ${what} are not the same in both stores; run it again, or with --abort`,
  );
}

/** A digest of rows and events in any order, each counted once. */
class Digest {
  readonly #sum = new Uint8Array(32);
  readonly #seen = new Set<string>();
  users = 0;
  formerIds = 0;

  addRow(id: string, row: Row | Tombstone): void {
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    if ("renamedTo" in row) this.formerIds++;
    else this.users++;
    this.#add("renamedTo" in row ? [id, row.renamedTo] : [id, row.revision, row.state, row.lane, row.value]);
  }

  addEvent({ number, key, value }: StoredEvent): void {
    this.#add([number, key, value]);
  }

  text(): string {
    return Buffer.from(this.#sum).toString("hex");
  }

  #add(content: unknown): void {
    const hash = createHash("sha256").update(JSON.stringify(content)).digest();
    for (const [n, byte] of hash.entries()) this.#sum[n] = (this.#sum[n] ?? 0) ^ byte;
  }
}
