/**
 * The store contract as a test suite, for every adapter, ours and yours. Read it from top to bottom to learn what
 * a store must do: each chapter holds the promises of a few verbs, each title is one promise.
 *
 * It needs no test runner of its own: pass the `test` of vitest, `node:test`, `Deno.test` or whatever takes a title
 * and a function.
 *
 * @module
 */
import type { StoreAdapter } from "../store/contract.ts";
import { account } from "./conformance/account.ts";
import { createBench } from "./conformance/bench.ts";
import type { Chapter } from "./conformance/bench.ts";
import { due } from "./conformance/due.ts";
import { lanes } from "./conformance/lanes.ts";
import { leases } from "./conformance/leases.ts";
import { listing } from "./conformance/listing.ts";
import { moves } from "./conformance/moves.ts";
import { openings } from "./conformance/openings.ts";
import { records } from "./conformance/records.ts";
import { slots } from "./conformance/slots.ts";
import { slotsInCommits } from "./conformance/slots-in-commits.ts";
import type { MovableClock } from "./manual-clock.ts";

/** What a test runner must offer: `it` of vitest, `test` of `node:test`, `Deno.test`. */
export type TestFunction = (title: string, run: () => Promise<void>) => unknown;

/** How to reach the store under test, and what its backend cannot do. */
export interface StoreConformanceOptions {
  /** An adapter over an empty store. Called once for every test. */
  open(): StoreAdapter | Promise<StoreAdapter>;
  /**
   * Another adapter over the data of `adapter`, as another process would make it.
   * @default the same adapter, opened once more
   */
  reopen?(adapter: StoreAdapter): StoreAdapter | Promise<StoreAdapter>;
  /** Called after every test with its adapter, once every store of it is closed: removes the data. */
  remove?(adapter: StoreAdapter): void | Promise<void>;
  /**
   * The clock that the store runs on, new for each test. A store that reads its server's clock needs one that really
   * waits: `() => ({ ...systemClock, advance: (ms) => sleep(systemClock, ms) })`.
   * @default a {@link manualClock}, so that nothing waits
   */
  clock?(): MovableClock;
  /**
   * The suite's unit of time in milliseconds: leases last 10 units, the window 20. Choose some 50 for a clock that
   * really waits.
   * @default 1000
   */
  unitMs?: number;
  /**
   * How much time may go by unnoticed between two calls of the suite, in milliseconds, less than half a unit.
   * @default 0
   */
  slackMs?: number;
  /** Longest id in bytes of UTF-8, for a backend that cannot hold all that the library allows. @default 512 */
  longestId?: number;
  /** False if the data is gone when the last opening closes. @default true */
  survivesClose?: boolean;
}

const chapters: readonly Chapter[] = [
  records,
  leases,
  due,
  lanes,
  slots,
  slotsInCommits,
  moves,
  listing,
  account,
  openings,
];

/**
 * Registers the suite: about a hundred tests, each over a store of its own.
 *
 * @example
 * ```ts ignore
 * import { describe, it } from "vitest";
 * import { storeConformance } from "oneup-lifecycle/testing";
 *
 * describe("adapters/mine", () => storeConformance(it, { open: () => mine(newFolder()) }));
 * ```
 */
export function storeConformance(test: TestFunction, options: StoreConformanceOptions): void {
  for (const chapter of chapters) {
    chapter((title, run) => {
      test(title, async () => {
        const bench = await createBench(options);
        try {
          await run(bench);
        } finally {
          await bench.close();
        }
      });
    }, options);
  }
}
