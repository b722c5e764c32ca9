/**
 * Tells an import which of its users exist at 1upHealth already, from 1upHealth's own list. Such a user costs one call
 * if that is known and two if it is not, and a page of the list costs one call, so the list is read page by page, for
 * as long as that saves calls. Nothing is stored but the user's first record, which says what is expected of it: after
 * a crash the list is read again, for the users that are still to be added.
 *
 * @module
 */
import { linkSignals } from "../../abort.ts";
import { sleep } from "../../clock.ts";
import { inWords, isLifecycleError } from "../../errors.ts";
import type { Engine } from "../engine/engine.ts";
import { askForPage } from "../operations/remote.ts";
import type { Page } from "../operations/user-walk.ts";
import type { Lane } from "../../store/contract.ts";
import { hashOf } from "../user/hash-of.ts";
import { retryField } from "../options/logger.ts";

/** Users per page, and after a page that 1upHealth did not return. */
const pageSize = 1_000;
const smallerPageSize = 100;
/** Rows wait for pages that 1upHealth does not return for at most this time in total, ms. */
const longestWaitMs = 10 * 60_000;
/** The shortest and longest pause after such a page, ms. */
const shortestPauseMs = 1_000;
const longestPauseMs = 60_000;

/** 1upHealth's list, as far as one import has read it. */
export class ListedUsers {
  readonly #engine: Engine;
  readonly #lane: Lane;
  readonly #signal: AbortSignal;
  /** Hashes of the ids read so far; if two ids had the same one, a user would cost a call more. */
  readonly #ids = new Set<number>();
  #reading: Promise<void> | null = null;
  #calls = 0;
  #limit = pageSize;
  #skip = 0;
  #longest = 0;
  #first: number | undefined;
  #isAtEnd = false;
  #waitLeftMs = longestWaitMs;
  #sought = 0;
  #known = 0;

  /** `lane`: that of the import's users. */
  constructor(engine: Engine, lane: Lane, signal: AbortSignal) {
    this.#engine = engine;
    // In the lane of bulk it would wait behind all users of earlier lists.
    this.#lane = lane === "interactive" ? lane : "recovery";
    this.#signal = signal;
  }

  /** Users that were found. */
  get known(): number {
    return this.#known;
  }

  /** What to expect of a user that is to be added. @throws the signal's reason */
  async expects(id: string): Promise<"new" | "existing"> {
    const hash = hashOf(id);
    this.#sought++;
    while (!this.#ids.has(hash) && this.#isWorthACall()) {
      await (this.#reading ??= this.#read().finally(() => (this.#reading = null)));
    }
    // seam: only-a-listed-user-is-expected-to-exist
    if (!this.#ids.has(hash)) return "new";
    this.#known++;
    return "existing";
  }

  /** Frees the memory of the list once no more rows come. */
  end(): void {
    this.#ids.clear();
  }

  /**
   * Whether the next page may be worth its call. The pages so far must not have cost more calls than they saved, with an
   * allowance of one call or a fiftieth of the users, because it is unknown where in the list these are.
   */
  #isWorthACall(): boolean {
    if (this.#isAtEnd || this.#waitLeftMs <= 0) return false;
    // seam: a-page-must-pay
    return this.#sought > 1 && this.#calls - this.#known < Math.max(1, this.#sought / 50);
  }

  /**
   * Reads a page; pauses if 1upHealth does not return it. The wait for a slot does not count, because the users of the
   * import wait for the same slots. If it lasts for more than a window of the limit, others are in front, and the import
   * does without the list.
   */
  async #read(): Promise<void> {
    const { clock, guard, settings } = this.#engine;
    const { signal, abort, release } = linkSignals(this.#signal);
    const cancel = clock.timer(guard.limits.management.windowMs + longestWaitMs, abort);
    let sentAt: number | undefined;
    const onSending = (): void => {
      sentAt = clock.monotonic();
      cancel();
    };
    try {
      const page = { skip: this.#skip, limit: this.#limit };
      this.#add(await askForPage(this.#engine, page, { lane: this.#lane, signal, onSending }));
    } catch (error) {
      this.#signal.throwIfAborted();
      if (signal.aborted) return void (this.#waitLeftMs = 0);
      // seam: an-import-does-without-the-list
      if (!isLifecycleError(error)) throw error;
      sentAt ??= clock.monotonic();
      [this.#limit, this.#longest] = [smallerPageSize, 0];
      const askedMs = error.code === "CREDENTIALS_REFUSED" ? longestPauseMs : (error.retryAfterMs ?? 0);
      const ms = Math.min(longestPauseMs, Math.max(shortestPauseMs, askedMs));
      const fields = { call: "listUsers", error: error.code, retryAt: retryField(clock.now(), ms) };
      settings.logger.warn(fields, `Cannot read 1upHealth's list of users: ${inWords(error)}`);
      await sleep(clock, ms, this.#signal);
      this.#waitLeftMs -= clock.monotonic() - sentAt;
    } finally {
      cancel();
      release();
      this.#calls++; // until then, all rows wait for this page
    }
  }

  #add({ users, entries }: Page): void {
    const first = users[0]?.oneupUserId;
    // A short page ends the list, unless the server returns no more at once. The same page again: it does not page.
    this.#isAtEnd = entries === 0 || entries < this.#longest || first === this.#first;
    this.#longest = entries;
    this.#first = first;
    this.#skip += entries;
    for (const { appUserId } of users) if (appUserId !== undefined) this.#ids.add(hashOf(appUserId));
  }
}
