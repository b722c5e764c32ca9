import { expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { thorough } from "../support/effort.ts";
import type { Calls, Held } from "./many-calls.child.ts";

/** 100,000 a round; everyday 20,000, for they grow alike. */
const few: Calls = { accessToken: 12_000, inspect: 5_000, read: 1_600, walk: 600, watch: 800 };
const many: Calls = { accessToken: 60_000, inspect: 25_000, read: 8_000, walk: 3_000, watch: 4_000 };
const calls = thorough ? many : few;
const total = thorough ? 200_000 : 40_000;

/** What a heap may differ by when nothing has grown, in bytes: 20 a call, and for few calls 50. */
const ceiling = thorough ? 2_000_000 : 1_000_000;

it(`${total.toLocaleString("en")} calls with one signal leave nothing in memory, whatever they were`, async () => {
  const child = startChild(new URL("./many-calls.child.ts", import.meta.url), calls);
  const { code, out, err } = await child.ended;
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const { made, held } = JSON.parse(out) as Held; // our own child's
  expect(made).toBe(total);
  const [first = 0, second = Number.POSITIVE_INFINITY] = held;
  expect(second - first).toBeLessThan(ceiling);
});
