/**
 * The account's outbox of events: whether its processes write events, and how long they are kept. The first process that
 * is configured with the option records it in the account's record, and all others follow the record. Old events are
 * removed here.
 *
 * @module
 */
import { inWords, isLifecycleError, type LifecycleError, storeUnusable } from "../../errors.ts";
import type { AccountRecord, EventOutbox, Json, StoreAdapter } from "../../store/contract.ts";
import { isCount, isObject, objectIn } from "../../store/guards.ts";
import { momentOn, type Moment } from "../../store/steady-time.ts";
import { changeAccount, type RecordParts } from "./change-account.ts";
import { errorField } from "../options/logger.ts";
import { spanInWords } from "../options/time-in-words.ts";

/** The setting, as the account's record holds it. */
export interface OutboxSetting {
  /** Whether events are written now. */
  readonly isOn: boolean;
  /** How long they are kept, ms. */
  readonly keepMs: number;
  /**
   * Incremented whenever events are written again after a time without: events of different epochs have a gap between
   * them.
   */
  readonly epoch: number;
}

/** The dependencies of {@link Outbox}. */
export interface OutboxParts extends RecordParts {
  /** The store's outbox; `undefined`: the store has none. */
  readonly events: EventOutbox | undefined;
  /** How long events are to be kept, ms; `null`: none are to be written; `undefined`: as recorded. */
  readonly configured: number | null | undefined;
  /** The store's name, for errors, and whether `migrate()` of its adapter may give it what it lacks. */
  readonly adapter: Pick<StoreAdapter, "name" | "migrate">;
}

/** How often old events are looked for, ms, and how soon again while there are more. */
const trimEveryMs = 3_600_000;
const trimAgainMs = 10_000;
/** Processes that start together take turns in this time: long for the store, and short for a worker of some minutes. */
const firstTrimMs = 60_000;
/** Events removed at once, and how often in a row. */
const trimLimit = 1_000;
const trimsInARow = 10;

export class Outbox {
  readonly #parts: OutboxParts;
  #setting: OutboxSetting | null = null;
  #hasSeen = false;
  #seenIn: Json = null;
  #seenAt = Number.NEGATIVE_INFINITY;
  /** When old events are looked for next, on `clock.monotonic()`; `null`: nothing has asked yet. */
  #trimAt: number | null = null;
  #hasTrimmed = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /**
   * Changes the setting in the record, if this process is configured with another.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`; `STORE_UNUSABLE` if events are to be written and the store keeps none
   */
  async configure(): Promise<void> {
    const { configured, events } = this.#parts;
    if (events === undefined && typeof configured === "number") throw this.#keepsNone();
    if (configured !== undefined) {
      try {
        await this.#change(configured);
      } catch (error) {
        // A read-only process changes nothing.
        if (!this.#hasSeen || !isLifecycleError(error, "STORE_UNUSABLE")) throw error;
      }
    }
    if (events === undefined && this.isOn) throw this.#keepsNone();
  }

  /** The setting in force; `null`: no events were ever written. */
  get setting(): OutboxSetting | null {
    return this.#setting;
  }

  /** Whether events are written. */
  get isOn(): boolean {
    return this.#setting?.isOn ?? false;
  }

  /** The store's events. @throws {LifecycleError} `STORE_UNUSABLE` if it keeps none */
  get events(): EventOutbox {
    const { events } = this.#parts;
    if (events === undefined) throw this.#keepsNone();
    return events;
  }

  /**
   * Removes events that are older than `keep`, about once an hour; `null`: not now. A process whose call is short may end
   * with it, and its successors, too: it removes them at once, the first time. Never rejects.
   */
  trimIfDue({ isShort }: { readonly isShort: boolean }): Promise<void> | null {
    const { clock, events } = this.#parts;
    if (events === undefined || this.#setting === null) return null;
    this.#trimAt ??= clock.monotonic() + clock.random() * firstTrimMs;
    const isDue = clock.monotonic() >= this.#trimAt || (isShort && !this.#hasTrimmed);
    return isDue ? this.#trim(events, this.#setting.keepMs) : null;
  }

  async #trim(events: EventOutbox, keepMs: number): Promise<void> {
    const { clock, logger } = this.#parts;
    this.#hasTrimmed = true;
    this.#trimAt = clock.monotonic() + trimEveryMs * (0.75 + clock.random() / 2);
    try {
      for (let times = 1; ; times++) {
        const removed = await events.trim({ olderThanMs: keepMs, limit: trimLimit });
        if (removed < trimLimit) return;
        if (times === trimsInARow) break;
      }
      this.#trimAt = clock.monotonic() + trimAgainMs;
    } catch (error) {
      if (isLifecycleError(error, "STORE_UNUSABLE")) return; // a read-only process removes nothing
      logger.warn({ error: errorField(error) }, `Cannot remove old events yet: ${inWords(error)}`);
    }
  }

  /** Applies a read of the account's record. A later read counts, whenever an earlier one ends. */
  applyRecord({ value }: Pick<AccountRecord, "value">, { at }: Moment): void {
    this.#hasSeen = true;
    if (at < this.#seenAt) return;
    this.#seenAt = at;
    if (value === this.#seenIn) return; // a store may return the same object again
    this.#seenIn = value;
    this.#setting = settingIn(value);
  }

  async #change(keepMs: number | null): Promise<void> {
    const { clock, logger } = this.#parts;
    const done = await changeAccount(this.#parts, (found, began) => {
      this.applyRecord(found, began);
      const before = settingIn(found.value);
      const next = changed(before, keepMs);
      const fields = isObject(found.value) ? found.value : {};
      return next && { value: { ...fields, events: { ...next } }, before, next };
    });
    if (done === null) return;
    const { before, next } = done;
    if (before !== null)
      logger.warn({}, `The account's events are ${inForce(next)} from now on, and were ${inForce(before)}`);
    this.applyRecord(done, momentOn(clock));
  }

  #keepsNone(): LifecycleError {
    const { name, migrate } = this.#parts.adapter;
    const rule =
      migrate === undefined
        ? "it must be one that does"
        : "its schema is of an earlier release: call migrate() of the adapter once, or run oneup-lifecycle migrate";
    return storeUnusable(
      `Cannot keep events in the ${name} store: ${rule}; \`events: false\` turns them off`,
    );
  }
}

/** The setting after this configuration; `null`: it is the same. */
function changed(before: OutboxSetting | null, keepMs: number | null): OutboxSetting | null {
  const wasOn = before?.isOn === true;
  if (keepMs === null) return wasOn ? { ...before, isOn: false } : null;
  if (wasOn && before.keepMs === keepMs) return null;
  return { isOn: true, keepMs, epoch: (before?.epoch ?? 0) + (wasOn ? 0 : 1) };
}

function settingIn(value: Json): OutboxSetting | null {
  const { isOn, keepMs, epoch } = objectIn(value, "events");
  return typeof isOn === "boolean" && isCount(keepMs) && isCount(epoch) ? { isOn, keepMs, epoch } : null;
}

function inForce({ isOn, keepMs }: OutboxSetting): string {
  return isOn ? `kept for ${spanInWords(keepMs)}` : "off";
}
