/**
 * The cost of a test that creates its own lifecycle.
 *
 * @module
 */
import { createTestLifecycle } from "./product.ts";
import type { Measurement } from "./report.ts";
import { median } from "./rounds.ts";

const tests = 200;

/** A test lifecycle, a user, two hours, a refreshed token: opened and closed, 200 times. */
export async function testkit(): Promise<Measurement[]> {
  const times: number[] = [];
  for (let index = 0; index < tests; index++) {
    const began = performance.now();
    const { lifecycle, clock, close } = await createTestLifecycle();
    await lifecycle.onboard("ada@example.org");
    await clock.advance("2h");
    await lifecycle.accessToken("ada@example.org");
    await close();
    times.push(performance.now() - began);
  }
  return [{ name: "testkit.ms", value: median(times), unit: "ms", bar: 10, atMost: true }];
}
