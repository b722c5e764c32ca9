/**
 * Lists the events that are kept, and then those that are written meanwhile, in the order of the outbox.
 *
 * @module
 */
import type { UserState } from "../../../machines/index.ts";
import { leavable, linkSignals } from "../../abort.ts";
import { sleep } from "../../clock.ts";
import { invalidOption, type LifecycleError } from "../../errors.ts";
import type { StoredEvent } from "../../store/contract.ts";
import type { Engine } from "../engine/engine.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { placeOf, readUserEvent, withdrawnMark, type UserEventValue } from "../user/user-event-value.ts";
import { cursorOf, expired, markOf, type Place } from "./cursor.ts";
import type { LifecycleEvent, LifecycleEventType } from "./lifecycle-event.ts";

/** What to list. */
export interface Following {
  /** The place of the last event that was handled; `null`: from the oldest event on. */
  readonly after: Place | null;
  /** `null`: all types. */
  readonly types: ReadonlySet<string> | null;
  /** Whether it waits for others. */
  readonly follow: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Events read at once. */
const pageSize = 100;

/** Events read longer ago than this are read again, but for the first: their user may have been forgotten meanwhile, ms. */
const currentMs = 1_000;

/**
 * The events, one by one. The sequence ends when the reader leaves, `signal` aborts or the lifecycle closes, and waits
 * while the store is unavailable. One that is not read holds no resources.
 *
 * @throws {LifecycleError} `CURSOR_EXPIRED`; `STORE_MOVED` behind the last event of a store that was left; `INVALID_OPTION` once events are turned off; `STORE_UNUSABLE`
 */
export function followEvents(
  engine: Engine,
  how: Following,
): AsyncGenerator<LifecycleEvent, void, undefined> {
  return leavable((left) => eventsOf(engine, how, left));
}

async function* eventsOf(
  engine: Engine,
  { after, types, follow, signal }: Following,
  left: AbortSignal,
): AsyncGenerator<LifecycleEvent, void, undefined> {
  const { changes, clock, pollMs } = engine;
  const { logger } = engine.settings;
  const over = linkSignals(signal, engine.closing, left);
  let news = linkSignals(over.signal); // aborts once this process has made a step durable
  const leave = changes.subscribe(() => news.abort());
  let place: Place = after ?? { epoch: 1, number: 0, mark: null };
  let isFirst = true;
  try {
    while (!over.signal.aborted) {
      news.release();
      news = linkSignals(over.signal);
      const page = await retryWrite(engine, over.signal, "read events", () => read(engine, place));
      // A sequence that begins without a cursor begins with what is there.
      if (isFirst && after === null)
        place = { ...place, epoch: engine.outbox.setting?.epoch ?? 1, number: page.trimmed };
      isFirst = false;
      refuseGap(engine, place, page);
      let isDelivered = false; // one of each page is, however long the store takes
      for (const stored of page.events) {
        if (over.signal.aborted) return;
        const value = readUserEvent(stored.value);
        if (isDelivered && clock.monotonic() - page.askedAt > currentMs) break;
        if (value !== null && value.epoch > place.epoch) throw turnedOff();
        // seam: the-cursor-follows-what-is-delivered
        const reached = stored.number;
        const mark = markOf(engine.sealer, stored);
        place = { ...place, number: reached, mark };
        if (value === null) {
          if (withdrawnMark(stored.value) === null)
            logger.warn({}, `Cannot read event ${reached}: it was altered, and is passed over`);
        } else if (value.epoch === place.epoch && (types?.has(value.type) ?? true)) {
          yield await opened(engine, stored, value, cursorOf(engine.sealer, { ...place, mark }));
          isDelivered = true;
        }
      }
      const isRead = page.events.length === 0;
      await engine.outbox.trimIfDue({ isShort: isRead && !follow });
      if (!isRead) continue;
      if (!follow) return;
      await engine.refuseMoved(); // nothing comes any more
      await sleep(clock, pollMs * (1 + clock.random() / 2), news.signal).catch(() => {});
      await engine.gather(); // steps of one moment are read together
    }
  } catch (error) {
    if (!over.signal.aborted) throw error;
  } finally {
    leave();
    over.abort();
  }
}

type Page = Awaited<ReturnType<Engine["outbox"]["events"]["read"]>> & {
  /** When the store was asked, on `clock.monotonic()`. */
  readonly askedAt: number;
};

/**
 * The events behind a place.
 * @throws {LifecycleError} `CURSOR_EXPIRED` if the event at the place is another one by now
 */
async function read({ clock, keys, outbox, sealer }: Engine, { epoch, number, mark }: Place): Promise<Page> {
  // Another process may have replaced a key, or turned events off or on again.
  const isBehind = epoch > (outbox.setting?.epoch ?? 0);
  if (!keys.isFresh || !outbox.isOn || isBehind) await keys.renew();
  if (!outbox.isOn)
    throw invalidOption(
      'Cannot read events: they are off, and the option `events: { keep: "7d" }` turns them on',
    );
  const askedAt = clock.monotonic();
  if (mark === null) return { ...(await outbox.events.read({ after: number, limit: pageSize })), askedAt };
  // The event at the place comes along, unless its user was forgotten.
  const { events, ...page } = await outbox.events.read({ after: number - 1, limit: pageSize + 1 });
  const here = events.find((event) => event.number === number);
  // seam: an-event-that-took-a-number-is-noticed
  if (here !== undefined && markOf(sealer, here) !== mark) throw restored();
  return { ...page, askedAt, events: events.filter((event) => event !== here) };
}

/** @throws {LifecycleError} `CURSOR_EXPIRED` if events behind this place are missing */
function refuseGap({ outbox }: Engine, { epoch, number }: Place, { trimmed, last }: Page): void {
  const recorded = outbox.setting?.epoch ?? 0;
  // seam: a-gap-is-never-silent
  if (number < trimmed) throw expired("they are no longer kept", "trimmed");
  // seam: a-place-behind-all-events-is-noticed
  if (number > last || epoch > recorded) throw restored();
  if (epoch < recorded) throw turnedOff();
}

function restored(): LifecycleError {
  return expired("the store is older than it, as after a restore", "restored");
}

function turnedOff(): LifecycleError {
  return expired("events were turned off for a time", "turnedOff");
}

async function opened(
  engine: Engine,
  { key }: StoredEvent,
  { id, alias, type, from, to, cause, by, at, version, was, process }: UserEventValue,
  cursor: string,
): Promise<LifecycleEvent> {
  const { keys, sealer } = engine;
  if (id !== null && !sealer.holds(id)) await keys.renew().catch(() => {}); // without the key, the id is not known
  return {
    cursor,
    type: type as LifecycleEventType, // whatever its process wrote, and its states: see LifecycleEvent
    alias,
    appUserId: id === null ? null : sealer.openId(placeOf(key, version), id),
    from: from as UserState | null,
    to: to as UserState,
    cause: cause ?? null,
    by: by ?? null,
    at: new Date(at),
    version,
    formerAlias: was ?? null,
    process: process ?? null,
  };
}
