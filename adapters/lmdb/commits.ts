/**
 * Group commit: how units of work become atomic and durable in LMDB.
 *
 * @module
 */
import { isLifecycleError } from "../../src/errors.ts";
import type { Engine, Tables } from "../../src/store/tables.ts";
import type { Share } from "./environments.ts";
import { astray, closedStore, reading, unavailable } from "./failures.ts";
import type { LmdbTables } from "./tables.ts";
import { writing } from "./writing.ts";

/** Runs the units that arrived meanwhile in one transaction: they share its sync, which is what a commit costs. */
export function groupCommits(
  { root, isThere, close }: Share,
  { tables, within }: LmdbTables,
  now: () => number,
): Engine {
  interface Unit {
    readonly run: () => void;
    readonly settle: () => void;
    readonly reject: (error: unknown) => void;
  }
  let waiting: Unit[] = [];
  let running: Promise<void> | null = null;
  let closed = false;

  async function commitAll(): Promise<void> {
    while (waiting.length > 0) {
      let units: Unit[] = [];
      try {
        await writing(root, () => {
          units = waiting; // with those that came while the transaction waited for its turn
          waiting = [];
          within(() => units.forEach((unit) => unit.run()));
        });
        if (!isThere()) throw astray("write to");
        for (const unit of units) unit.settle();
      } catch (cause) {
        const failed = units.length > 0 ? units : waiting.splice(0);
        const error = isLifecycleError(cause) ? cause : unavailable("write to", cause);
        for (const unit of failed) unit.reject(error);
      }
    }
    running = null;
  }

  return {
    write<T>(unit: (tables: Tables, now: number) => T): Promise<T> {
      if (closed) return Promise.reject(closedStore());
      return new Promise<T>((resolve, reject) => {
        let end: () => void;
        const run = (): void => {
          // A unit that throws has changed nothing (see change() in tables.ts) and spoils no other. It must not throw
          // out of the transaction: LMDB would keep what others wrote and never answer again.
          try {
            const value = unit(tables, now());
            end = () => resolve(value);
          } catch (error) {
            end = () => reject(isLifecycleError(error) ? error : unavailable("write to", error));
          }
        };
        waiting.push({ run, settle: () => end(), reject });
        running ??= commitAll();
      });
    },
    read(unit) {
      if (closed) throw closedStore();
      return reading(root, () => unit(tables, now()));
    },
    async close() {
      closed = true;
      await running;
      await close();
    },
  };
}
