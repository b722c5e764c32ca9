/**
 * Pauses of the account: an operator stops management calls, of all lanes or of one, for all processes. They are in the
 * account's record, so each process learns of a change when it next reads that.
 *
 * @module
 */
import { lanes, type AccountRecord, type Json, type Lane } from "../../store/contract.ts";
import { isObject, isTime, objectIn } from "../../store/guards.ts";
import { momentOn, passedSince, type Moment, type SteadyClock } from "../../store/steady-time.ts";
import { writeAct, type NewAct } from "./account-act.ts";
import type { RecordParts } from "./change-account.ts";
import { momentInWords } from "../options/time-in-words.ts";
import type { LogFields } from "../options/logger.ts";

/** A pause of the account. */
export interface AccountPause {
  /** The paused lane; `null`: all management calls. */
  readonly lane: Lane | null;
  /** The operator's words. */
  readonly reason: string;
  readonly since: Date;
  /** When it ends by itself; `null`: with `account.unpause()`. */
  readonly until: Date | null;
  /** Who paused it, as the application named them; `null`: not named. */
  readonly by: string | null;
}

/** The dependencies of {@link Pauses}. */
export interface PausesParts extends RecordParts {
  readonly clock: SteadyClock;
  /** Called when the pauses have changed. */
  readonly changed: () => void;
}

/** A management call waits for a fresh read of the pauses once the last successful one began this long ago, ms. */
export const longestUnknownMs = 10_000;

/** The key in the account's record of a pause of all lanes. */
const everything = "all";

export class Pauses {
  readonly #parts: PausesParts;
  #known: readonly AccountPause[] = [];
  /** The value that they were read from: a store may return the same object again. */
  #seenIn: Json = null;
  /** When that read began. */
  #read: Moment = { at: Number.NEGATIVE_INFINITY, on: Number.NEGATIVE_INFINITY };

  constructor(parts: PausesParts) {
    this.#parts = parts;
  }

  /** The pauses in force. */
  all(): readonly AccountPause[] {
    return this.#known.length === 0 ? this.#known : inForce(this.#known, this.#parts.clock.now());
  }

  /** The lanes that are not served now. */
  lanes(): readonly Lane[] {
    const paused = this.all();
    if (paused.some(({ lane }) => lane === null)) return lanes;
    return lanes.filter((one) => paused.some(({ lane }) => lane === one));
  }

  /** The pause that stops calls in this lane, the longest if there are two; `null`: none does. */
  of(lane: Lane): AccountPause | null {
    const stopping = this.all().filter((one) => one.lane === null || one.lane === lane);
    return stopping.toSorted((one, other) => endOf(other) - endOf(one) || 0)[0] ?? null; // Infinity - Infinity
  }

  /** In how many ms the first of them ends by itself; `Infinity`: none does. */
  get endsInMs(): number {
    return Math.min(...this.all().map(endOf)) - this.#parts.clock.now();
  }

  /** Applies a read of the account's record. A later read counts, whenever an earlier one ends. */
  applyRecord({ value }: Pick<AccountRecord, "value">, began: Moment): void {
    if (began.at < this.#read.at) return;
    this.#read = began;
    if (value === this.#seenIn) return;
    this.#seenIn = value;
    const [before, next] = [this.#known, readPauses(value)];
    if (JSON.stringify(before) === JSON.stringify(next)) return;
    this.#known = next;
    this.#log(before);
    this.#parts.changed();
  }

  /** Whether the last read is recent. */
  get isFresh(): boolean {
    return passedSince(this.#parts.clock, this.#read) <= longestUnknownMs;
  }

  /** Reads the record, unless the last read {@link isFresh}. @throws {LifecycleError} `STORE_UNAVAILABLE` */
  async renew(): Promise<void> {
    if (this.isFresh) return;
    const { record, clock } = this.#parts;
    const began = momentOn(clock);
    const found = await record.load();
    if (found !== null) this.applyRecord(found, began);
  }

  /** Pauses a lane, or all, in place of an earlier pause of the same. @throws {LifecycleError} `STORE_UNAVAILABLE` */
  async add(pause: AccountPause): Promise<void> {
    const { lane, reason, by, since: at } = pause;
    await this.#change({ at, what: "pause", lane, reason, by }, (pauses) => [
      ...pauses.filter((one) => one.lane !== lane),
      pause,
    ]);
  }

  /** Ends the pause of this lane; `undefined`: all of them. @throws {LifecycleError} `STORE_UNAVAILABLE` */
  async remove(lane: Lane | undefined, by: string | null): Promise<void> {
    await this.#change({ what: "unpause", lane: lane ?? null, by }, (pauses) =>
      pauses.filter((one) => lane !== undefined && one.lane !== lane),
    );
  }

  async #change(
    act: NewAct,
    change: (pauses: readonly AccountPause[]) => readonly AccountPause[],
  ): Promise<void> {
    const { clock } = this.#parts;
    const value = await writeAct(this.#parts, act, (before) =>
      withPauses(before, change(inForce(readPauses(before), clock.now()))),
    );
    if (value !== null) this.applyRecord({ value }, momentOn(clock));
  }

  #log(before: readonly AccountPause[]): void {
    const { clock, logger } = this.#parts;
    const isIn = (some: readonly AccountPause[], { lane }: AccountPause): boolean =>
      some.some((one) => one.lane === lane);
    for (const pause of this.all())
      logger.info(fieldsOf(pause), `Management calls are paused: ${pauseInWords(pause, clock.now())}`);
    for (const pause of before)
      if (!isIn(this.#known, pause)) logger.info({}, `The pause of ${scopeOf(pause)} has ended`);
  }
}

function inForce(pauses: readonly AccountPause[], now: number): readonly AccountPause[] {
  return pauses.filter(
    // seam: a-pause-ends-in-time
    (pause) => endOf(pause) > now,
  );
}

/** The end of a pause, ms since 1970. */
function endOf({ until }: AccountPause): number {
  return until?.getTime() ?? Infinity;
}

function fieldsOf({ until }: AccountPause): LogFields {
  return until === null ? {} : { retryAt: until.toISOString() };
}

/** What is paused, in words. */
export function scopeOf({ lane }: Pick<AccountPause, "lane">): string {
  return lane === null ? "the account" : `the lane ${lane}`;
}

/** The call that ends it. */
export function unpausing({ lane }: Pick<AccountPause, "lane">): string {
  return lane === null ? "account.unpause()" : `account.unpause({ lane: "${lane}" })`;
}

/** A pause in words: `the lane bulk until 14:05 ("an import")`. */
export function pauseInWords(pause: AccountPause, now: number): string {
  const end = pause.until === null ? `until ${unpausing(pause)}` : `until ${momentInWords(pause.until, now)}`;
  return `${scopeOf(pause)} ${end} ("${pause.reason}")`;
}

/**
 * The pauses in the account's record. An unreadable part of a pause does not end it: a later release may have written
 * it.
 */
export function readPauses(value: Json): readonly AccountPause[] {
  const kept = objectIn(value, "pauses");
  return [null, ...lanes].flatMap((lane) => {
    const pause = kept[lane ?? everything];
    if (!isObject(pause)) return [];
    const { reason, since, until, by } = pause;
    return [
      {
        lane,
        reason: typeof reason === "string" ? reason : "no reason is recorded",
        since: new Date(isTime(since) ? since : 0),
        until: isTime(until) ? new Date(until) : null,
        by: typeof by === "string" ? by : null,
      },
    ];
  });
}

function withPauses(value: Json, pauses: readonly AccountPause[]): Json {
  const { pauses: _, ...record } = isObject(value) ? value : {};
  if (pauses.length === 0) return record;
  const entries = pauses.map(({ lane, reason, since, until, by }) => [
    lane ?? everything,
    { reason, since: since.getTime(), until: until?.getTime() ?? null, ...(by !== null && { by }) },
  ]);
  return { ...record, pauses: Object.fromEntries(entries) as Json }; // plain JSON values
}
