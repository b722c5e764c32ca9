/**
 * The store as this process uses it, whatever an adapter does: each call ends in time and fails with a
 * `LifecycleError`, and once the store was emptied or replaced, every call is refused. Stores are opened here only.
 *
 * @module
 */
import { inTime, systemClock, type Clock } from "../../clock.ts";
import {
  inWords,
  isLifecycleError,
  legible,
  storeUnavailable,
  underneath,
  withoutWords,
  type LifecycleError,
  storeUnusable,
} from "../../errors.ts";
import type {
  AccountRecord,
  Batch,
  Committed,
  Loaded,
  OfAccount,
  Store,
  StoreAdapter,
} from "../../store/contract.ts";
import { isObject } from "../../store/guards.ts";
import { isLostStore, lostStore } from "../../store/lost-store.ts";
import { movedAway } from "../../store/moved-store.ts";
import type { Recorder } from "../../telemetry.ts";
import type { Logger } from "../options/logger.ts";
import { Writability } from "./writability.ts";

/** Time limit of a call to a store whose adapter has none of its own, ms. */
export const storeAnswerMs = 5_000;

/** Time limit of opening such a store, ms: it may read all its data. */
const opensMs = 60_000;

/** An unknown user may be unknown because the store was emptied: the account's record is read again if the last read is older, ms. */
const doubtfulMs = 1_000;

/** Attempts of a call that is refused as if the store were another one, and it is not: a move was begun and called off. */
const mostAttempts = 3;

/** An opened store, and whether it is lost. */
export interface CheckedStore {
  readonly store: Store;
  /** @throws {LifecycleError} `STORE_UNUSABLE` once the store is known to be emptied or replaced */
  readonly refuseLost: () => void;
  /**
   * The account's record is read again if its last read is older than `olderThanMs`.
   * @throws {LifecycleError} `STORE_MOVED` once it is known that the users were moved to another store, and still are
   */
  readonly refuseMoved: (olderThanMs?: number) => Promise<void>;
  /** Whether the store accepts writes, as each write shows. */
  readonly writability: Writability;
  /** When this process noticed last that the store has lost writes which it had acknowledged; `null`: it did not. */
  readonly lostWritesAt: () => Date | null;
}

/** Whether the answer to a write shows that something was changed. */
type HasWritten<T> = (answer: T) => boolean;

const always: HasWritten<unknown> = () => true;
const isCommitted: HasWritten<Committed> = ({ type }) => type === "committed";
const isLeased: HasWritten<Batch> = ({ claimed }) => claimed.length > 0;

/**
 * Opens the store and checks each call to it.
 * @throws {LifecycleError} what the adapter throws; `STORE_UNAVAILABLE` for any other error, or if it is not open in
 *   time; `STORE_UNUSABLE` if the adapter returns no store
 */
export async function openChecked(
  adapter: StoreAdapter,
  account: string,
  clock: Clock,
  { recorder, logger }: { readonly recorder: Recorder | null; readonly logger: Logger },
): Promise<CheckedStore> {
  const unseen: Unseen = recorder === null ? (ask) => ask() : (ask) => recorder.unseen(ask);
  const calls = boundedCalls(adapter, unseen);
  const opened = await openIn(calls, () => adapter.open({ account, clock }));
  if (typeof opened !== "object" || opened === null) {
    throw storeUnusable(
      `Cannot use the ${adapter.name} store: open() must resolve with a store, not ${String(opened)}`,
    );
  }
  return checked(opened, clock, calls, logger);
}

async function openIn({ within, explained }: BoundedCalls, open: () => Promise<Store>): Promise<Store> {
  try {
    return await within("open", opensMs, open);
  } catch (error) {
    throw explained("open", error);
  }
}

/** Runs a call of the adapter so that other instrumentations do not report it. */
type Unseen = <T>(ask: () => Promise<T>) => Promise<T>;

type BoundedCalls = ReturnType<typeof boundedCalls>;

/** Calls of an adapter. */
function boundedCalls({ name, timeoutMs }: StoreAdapter, unseen: Unseen) {
  const failed = (verb: string, why: string, cause?: unknown): LifecycleError =>
    storeUnavailable(`Cannot use the ${name} store: ${verb}() ${why}`, { cause });
  return {
    unseen,
    /**
     * Runs one call within its time, which is real, as the store is: a test may let hours pass on the lifecycle's clock
     * while the store works.
     */
    within<T>(verb: string, ms: number, ask: () => Promise<T>): Promise<T> {
      if (timeoutMs !== undefined) return unseen(ask);
      const late = (): LifecycleError => failed(verb, `did not answer within ${ms} ms`);
      return inTime(systemClock, ms, () => unseen(ask), late);
    },
    /** The error of a call: this library's own, or `STORE_UNAVAILABLE` for any other. */
    explained(verb: string, thrown: unknown): LifecycleError {
      const error = legible(thrown);
      if (isLifecycleError(error)) return error;
      const words = inWords(error);
      if (verb !== "open") return failed(verb, `failed with ${words}`, withoutWords(error));
      // While it opens, no user's data are at hand that the message could quote.
      const cause = underneath(error);
      return failed(verb, `failed with ${words}: ${cause.message}`, cause);
    },
  };
}

/**
 * Refuses everything once the account's record is gone, or is another one than this process has opened. A store that
 * knows the record's identity checks it in the same unit as each write. For any other store the record is read before
 * each write; what happens in between goes unnoticed until the next one. A store that was moved has another identity,
 * too: it is still read, so that valid tokens are served.
 */
function checked(
  opened: Store,
  clock: Clock,
  { within, explained, unseen }: BoundedCalls,
  logger: Logger,
): CheckedStore {
  const { slots, events, join, account: record } = opened;
  let lost: LifecycleError | null = null;
  let moved: LifecycleError | null = null;
  let hasRecord = false;
  /** The identity of the account's record as the store returns it, and as it is written in the record. */
  let identity: string | undefined;
  let written: string | undefined;
  let seenAt = Number.NEGATIVE_INFINITY;
  /** The highest revision of the account's record that this process has read or written. */
  let newest = 0;
  let lostWritesAt: Date | null = null;
  let looking: Promise<unknown> | null = null;

  const refuseLost = (): void => {
    if (lost !== null) throw lost;
  };

  function lose(error: LifecycleError): LifecycleError {
    if (lost === null) logger.error({ error: error.code }, `Cannot start new work: ${error.message}`);
    return (lost ??= error);
  }

  /** `answered`: what becomes of the answer. Not `async`, which would make two promises more for each of many calls. */
  function call<T>(
    verb: string,
    question: () => Promise<T>,
    answered?: (answer: T) => T | Promise<T>,
    isWrite = false,
    attempt = 1,
  ): Promise<T> {
    if (lost !== null) return Promise.reject(lost);
    const failed = async (thrown: unknown): Promise<T> => {
      await refused(verb, thrown, isWrite, attempt);
      return call(verb, question, answered, isWrite, attempt + 1);
    };
    try {
      return within(verb, storeAnswerMs, question).then(answered, failed);
    } catch (thrown) {
      return failed(thrown); // of an adapter that is no asynchronous function
    }
  }

  /** A call that changes something, unless its answer shows that it did not. */
  function change<T>(
    verb: string,
    question: () => Promise<T>,
    hasWritten: HasWritten<T> = always,
  ): Promise<T> {
    const answered = (answer: T): T => {
      if (hasWritten(answer)) writability.succeeded();
      return answer;
    };
    return call(verb, question, answered, true);
  }

  /** A call failed. Resolves if it is to be made once more. @throws {LifecycleError} otherwise */
  async function refused(verb: string, thrown: unknown, isWrite: boolean, attempt: number): Promise<void> {
    const error = explained(verb, thrown);
    writability.heard(error);
    if (isWrite) writability.failed(error);
    if (!isLostStore(error)) throw lost ?? error;
    const found = verb === "account.load" ? null : await load(); // throws if it is lost
    if (moved !== null) throw moved;
    const isSameAccount = identity !== undefined && found?.identity === identity;
    if (!isSameAccount || attempt === mostAttempts) throw lose(error);
  }

  function see(found: AccountRecord | null): void {
    // seam: a-moved-store-is-not-a-lost-one
    moved = found === null ? null : movedAway(found.value);
    if (found !== null && moved !== null && !hasRecord) throw movedAway(found.value, "open") ?? moved;
    // seam: another-account-is-a-lost-store
    const isOther =
      found === null ? hasRecord : isAnother(identity, found.identity) || isAnother(written, markIn(found));
    if (isOther && moved === null) lose(lostStore());
    refuseLost();
    if (found === null || moved !== null) return;
    hasRecord = true;
    identity ??= found.identity;
    written ??= markIn(found);
  }

  async function load(): Promise<AccountRecord | null> {
    const [at, before] = [clock.monotonic(), newest];
    const found = await call("account.load", () => record.load());
    see(found);
    seenAt = Math.max(seenAt, at);
    if (found === null) return found;
    // A read that began before the other one was answered may have overtaken it, or be one of several.
    if (found.revision < Math.min(before, newest)) loseWrites(found.revision);
    else newest = Math.max(newest, found.revision);
    return found;
  }

  function loseWrites(revision: number): void {
    const [from, to] = [newest, revision];
    newest = revision;
    lostWritesAt = new Date(clock.now());
    logger.warn(
      {},
      `The store has lost writes that it had acknowledged: its account's record went back from revision ${from} to ${to}, as after a restore, or a fail-over to a replica that lagged; users may be as they were before; what to do: stop all processes, and go on with step 3 of "Backups and restores" (docs/deployment.md)`,
    );
  }

  /** Reads the account's record; calls of one moment share one read. */
  async function look(): Promise<void> {
    looking ??= load().finally(() => (looking = null));
    await looking;
  }

  /** The move may have been called off since. */
  async function refuseMoved(olderThanMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (moved !== null || clock.monotonic() - seenAt > olderThanMs) await look();
    if (moved !== null) throw moved;
  }

  /** Asks the store to change something, with the identity of the account's record. */
  function write<A extends OfAccount, T>(
    verb: string,
    asked: A,
    question: (asked: A) => Promise<T>,
    hasWritten?: HasWritten<T>,
  ): Promise<T> {
    if (moved !== null) return refuseMoved().then(() => write(verb, asked, question, hasWritten));
    // seam: a-write-carries-the-identity-of-the-account
    if (identity !== undefined) return change(verb, () => question({ ...asked, identity }), hasWritten);
    const ask = (): Promise<T> => change(verb, () => question(asked), hasWritten);
    return hasRecord ? look().then(ask) : ask();
  }

  /** The store returned nothing: whether it may have been emptied since the account's record was read. */
  const isDoubtful = (): boolean => hasRecord && clock.monotonic() - seenAt > doubtfulMs;

  /** No user is in any state, or so it seems. */
  async function counted<T>(verb: string, question: () => Promise<Readonly<Record<string, T>>>) {
    const counts = await call(verb, question);
    if (Object.keys(counts).length === 0 && isDoubtful()) await look();
    return counts;
  }

  const store: Store = {
    load(id) {
      const known = (loaded: Loaded): Loaded | Promise<Loaded> =>
        loaded.type === "absent" && isDoubtful() ? look().then(() => loaded) : loaded;
      return call("load", () => opened.load(id), known);
    },
    commit: (commit) => write("commit", commit, (asked) => opened.commit(asked), isCommitted),
    claim: (claim) => write("claim", claim, (asked) => opened.claim(asked), isLeased),
    grant: (grant) => write("grant", grant, (asked) => opened.grant(asked), isLeased),
    slots: {
      take: (request) =>
        write(
          "slots.take",
          request,
          (asked) => slots.take(asked),
          ({ type }) => type === "taken",
        ),
      settle: (slot) => change("slots.settle", () => slots.settle(slot)),
      giveBack: (slot) => change("slots.giveBack", () => slots.giveBack(slot)),
      forecast: (question) => call("slots.forecast", () => slots.forecast(question)),
    },
    move: ({ from, commit }) =>
      write("move", commit, (asked) => opened.move({ from, commit: asked }), isCommitted),
    ...(join && { join: (client, commit) => write("join", commit, (asked) => join(client, asked)) }),
    erase: (erase) => write("erase", erase, (asked) => opened.erase(asked)),
    page: (question) => call("page", () => opened.page(question)),
    counts: () => counted("counts", () => opened.counts()),
    tally: () => counted("tally", () => opened.tally()),
    account: {
      load,
      async commit(change) {
        const isWritten = await write("account.commit", change, (asked) => record.commit(asked), Boolean);
        hasRecord ||= isWritten;
        if (isWritten) newest = Math.max(newest, change.expectedRevision + 1);
        return isWritten;
      },
    },
    ...(events && {
      events: {
        read: (question) => call("events.read", () => events.read(question)),
        under: (question) => call("events.under", () => events.under(question)),
        trim: (trim) => write("events.trim", trim, (asked) => events.trim(asked), Boolean),
        forget: (forget) => write("events.forget", forget, (asked) => events.forget(asked)),
        replace: (replace) => write("events.replace", replace, (asked) => events.replace(asked)),
      },
    }),
    async probe(hasFailed) {
      await refuseMoved();
      await call("probe", async () => opened.probe?.(hasFailed));
    },
    close: () => unseen(() => opened.close()),
  };
  const writability = new Writability(store, clock, logger);
  return { store, refuseLost, refuseMoved, writability, lostWritesAt: () => lostWritesAt };
}

function isAnother(known: string | undefined, found: string | undefined): boolean {
  return known !== undefined && found !== undefined && known !== found;
}

/** The mark that the process which created the record has left in it, for stores that return no identity. */
function markIn({ value }: AccountRecord): string | undefined {
  const mark = isObject(value) ? value["mark"] : undefined;
  return typeof mark === "string" ? mark : undefined;
}
