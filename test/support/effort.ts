/**
 * How much the tests take upon themselves: enough for everyday in two to three minutes, or, with `ONEUP_TEST_THOROUGH=1`, all of
 * it, as `.ci/run` asks for and `npm test -- -t NAME` does.
 */
import { randomInt } from "node:crypto";
import process from "node:process";

// A test that is asked for by name is played, drawn or not. The workers inherit it.
if (process.argv.some((word) => word === "-t" || word.startsWith("--testNamePattern"))) {
  process.env["ONEUP_TEST_THOROUGH"] = "1";
}

/** All of it. */
export const thorough: boolean = process.env["ONEUP_TEST_THOROUGH"] === "1";

/** An everyday run draws one of so many numbers. */
export const draws = 1_000;

/** The number that an everyday run draws, as its first lines tell; the next number draws others. Its workers inherit it. */
export const draw = Number((process.env["ONEUP_TEST_DRAW"] ??= String(randomInt(draws))));

/**
 * Everyday every `n`-th of the items, from one that the run draws, so that `n` numbers in a row draw all of them. In a
 * thorough run all.
 */
export function oneIn<T>(n: number, items: readonly T[], drawn: number = draw): readonly T[] {
  return thorough ? items : items.filter((_, index) => (index + drawn) % n === 0);
}
