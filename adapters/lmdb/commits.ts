/**
 * Group commit: makes units of work atomic and durable in LMDB.
 *
 * @module
 */
import { endsWithin, systemClock } from "../../src/clock.ts";
import { isLifecycleError } from "../../src/errors.ts";
import type { SteadyTime, Time } from "../../src/store/steady-time.ts";
import type { TableEngine, Tables } from "../../src/store/table-store/tables.ts";
import type { Share } from "./environments.ts";
import {
  astray,
  closedStore,
  full,
  inVain,
  reading,
  refuseBroken,
  unavailable,
  unlocked,
} from "./failures.ts";
import { hasRoom } from "./folder.ts";
import type { LmdbTables } from "./tables.ts";
import { writing } from "./writing.ts";

/**
 * How often the places of readers are given up whose process died in a read, ms. Until then no page is used again that was
 * freed since, and each write makes the file larger.
 */
const readersCheckedMs = 60_000;

/**
 * Runs all pending units in one transaction, so they share its sync, which is the main cost of a commit. A unit that is
 * not done within `timeoutMs` rejects; if it has not started by then, it never will.
 */
export function groupCommits(
  share: Share,
  { tables, within }: LmdbTables,
  time: SteadyTime,
  { folder, timeoutMs }: { readonly folder: string; readonly timeoutMs: number },
): TableEngine {
  const { root, isThere, isReplaced, isLocked, close } = share;
  interface Unit {
    readonly until: number;
    readonly run: () => void;
    readonly settle: () => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Unit[] = [];
  let begun: Unit[] = [];
  let running: Promise<void> | null = null;
  let cancel = (): void => {};
  let closed = false;
  let checkedAt = systemClock.monotonic(); // opening the folder has done so

  function checkReaders(): void {
    const now = systemClock.monotonic();
    if (now - checkedAt < readersCheckedMs) return;
    checkedAt = now;
    root.readerCheck();
  }

  function refuseAstray(): void {
    if (!isThere()) throw astray("write to", isReplaced());
  }

  /** Asynchronous, so that {@link commitAll} never ends before its caller knows of it. */
  async function refuseLost(): Promise<void> {
    refuseAstray();
    if (!isLocked()) throw unlocked();
    refuseBroken(root);
  }

  function whyLate(): unknown {
    try {
      refuseBroken(root);
      return inVain("write to", timeoutMs);
    } catch (error) {
      return error;
    }
  }

  async function commitAll(): Promise<void> {
    watch(timeoutMs);
    while (waiting.length > 0) {
      try {
        await refuseLost();
        checkReaders();
        await writing(
          share,
          () => waiting.length > 0,
          () => {
            begun = waiting; // includes units that arrived while the transaction waited for its turn
            waiting = [];
            within(() => begun.forEach((unit) => unit.run()));
          },
        );
        refuseAstray(); // it may have been removed meanwhile
        for (const unit of begun) unit.settle();
      } catch (cause) {
        const failed = begun.length > 0 ? begun : waiting.splice(0);
        const error = isLifecycleError(cause) ? cause : unavailable("write to", cause);
        for (const unit of failed) unit.reject(error);
      }
      begun = [];
    }
    running = null;
    cancel();
  }

  /** One timer for all units, running only while there are any. */
  function watch(ms: number): void {
    cancel = systemClock.timer(ms, () => {
      const at = systemClock.monotonic();
      const isLate = ({ until }: Unit): boolean => until <= at;
      const late = [...begun, ...waiting].filter(isLate);
      waiting = waiting.filter((unit) => !isLate(unit)); // it will not be started
      for (const unit of late) unit.reject(whyLate());
      const next = [...begun, ...waiting].find((unit) => !isLate(unit));
      watch(next === undefined ? timeoutMs : Math.max(1, next.until - at));
    });
  }

  const engine: TableEngine = {
    write<T>(unit: (tables: Tables, time: Time) => T): Promise<T> {
      if (closed) return Promise.reject(closedStore());
      return new Promise<T>((resolve, reject) => {
        let end: () => void;
        const run = (): void => {
          // A unit that throws has changed nothing (see change() in tables.ts) and does not affect other units. Its
          // error must not leave the transaction: LMDB would commit the other units' writes and never settle its
          // promise.
          try {
            const value = unit(tables, { now: time.now(), past: time.past() });
            end = () => resolve(value);
          } catch (error) {
            end = () => reject(isLifecycleError(error) ? error : unavailable("write to", error));
          }
        };
        const until = systemClock.monotonic() + timeoutMs;
        waiting.push({ until, run, settle: () => end(), reject });
        running ??= commitAll();
      });
    },
    read(unit) {
      if (closed) throw closedStore();
      return reading(root, () => unit(tables, { now: time.now(), past: time.past() }));
    },
    async probe() {
      await refuseLost();
      if (!hasRoom(folder)) throw full();
      await engine.write(() => undefined); // acquires the write lock without anything to sync
    },
    async close() {
      closed = true;
      if (running !== null) await endsWithin(systemClock, timeoutMs, running);
      await close();
    },
  };
  return engine;
}
