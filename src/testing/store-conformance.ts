/**
 * The store contract as a test suite, for every adapter. It also documents what a store must do: each chapter covers a few
 * methods, each title states one requirement.
 *
 * It works with any test runner: pass the `test` of vitest, `node:test`, `Deno.test` or any function of a title and a
 * function.
 *
 * @module
 */
import { openings } from "./conformance/openings.ts";
import { clocks } from "./conformance/clocks.ts";
import { createFixture, type Chapter } from "./conformance/fixture.ts";
import { due } from "./conformance/due.ts";
import { moving } from "./conformance/moving.ts";
import { moves } from "./conformance/moves.ts";
import { lanes } from "./conformance/lanes.ts";
import { events } from "./conformance/events.ts";
import { leases } from "./conformance/leases.ts";
import { records } from "./conformance/records.ts";
import { slots } from "./conformance/slots.ts";
import type { TestFunction, StoreConformanceOptions } from "./conformance/store-conformance-options.ts";
const chapters: readonly Chapter[] = [
  records,
  leases,
  due,
  lanes,
  slots,
  clocks,
  moves,
  events,
  moving,
  openings,
];

/**
 * Registers the suite: about a hundred tests, each over its own store.
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
        const bench = await createFixture(options);
        try {
          await run(bench);
        } finally {
          await bench.close();
        }
      });
    }, options);
  }
}
