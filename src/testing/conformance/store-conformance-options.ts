/**
 * Options of the conformance suite.
 *
 * @module
 */
import type { StoreAdapter } from "../../store/contract.ts";
import type { MovableClock } from "../manual-clock.ts";

/** The test runner's function: `it` of vitest, `test` of `node:test`, `Deno.test`. */
export type TestFunction = (title: string, run: () => Promise<void>) => unknown;

/** How to open the store under test, and the limits of its backend. */
export interface StoreConformanceOptions {
  /** An adapter over an empty store. Called once for every test. */
  open(): StoreAdapter | Promise<StoreAdapter>;
  /**
   * Another adapter over the data of `adapter`, as another process would create it.
   * @default the same adapter, opened once more
   */
  reopen?(adapter: StoreAdapter): StoreAdapter | Promise<StoreAdapter>;
  /** Called after every test with its adapter, once all its stores are closed, to remove the data. */
  remove?(adapter: StoreAdapter): void | Promise<void>;
  /**
   * Removes all data of the adapter's store while it is open, as `FLUSHALL` or `TRUNCATE` does. With it, the suite tests
   * that processes which had the store open write nothing more. For a store whose account record has an `identity`.
   */
  empty?(adapter: StoreAdapter): void | Promise<void>;
  /**
   * The clock that the store uses, new for each test. A store that uses its server's clock needs one that really
   * waits: `() => ({ ...systemClock, advance: (ms) => sleep(systemClock, ms) })`.
   * @default a `manualClock()`, so that nothing waits
   */
  clock?: (() => MovableClock) | undefined;
  /**
   * The suite's unit of time in milliseconds: leases last 10 units, the window 20. Choose about 50 for a clock that
   * really waits.
   * @default 1000
   */
  unitMs?: number | undefined;
  /**
   * How much time may pass unaccounted between two calls of the suite, in milliseconds, less than half a unit.
   * @default 0
   */
  slackMs?: number | undefined;
  /**
   * Whether the store's time jumps when the wall clock of {@link clock} does; if so, its `jumpTo()` is called. A store that
   * uses its server's clock cannot, unless the test sets that clock.
   * @default true with the suite's clock, false with a given one
   */
  jumps?: boolean | undefined;
  /** Longest id in bytes of UTF-8, for a backend that supports less than the library. @default 512 */
  longestId?: number | undefined;
  /** False if the store has no outbox. @default true */
  events?: boolean | undefined;
  /** False if the data is lost when the last store is closed. @default true */
  survivesClose?: boolean | undefined;
}
