import { expect } from "vitest";

/** What a failing assertion says: the same, thrown or matched. */
export function failures(asserts: () => void, matches: () => void): string {
  const said = [asserts, matches].map((fails) => {
    try {
      fails();
    } catch (error) {
      return (error as Error).message; // anything else would fail below
    }
    return "nothing failed";
  });
  expect(said[0]).toBe(said[1]);
  return said[0] ?? "";
}
