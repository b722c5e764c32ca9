import { describe, expect, it } from "vitest";
import { loadOfOthers, warning } from "../../bench/load.ts";
import { asJson, asTable, type Measurement } from "../../bench/report.ts";
import { taken } from "../../bench/take.ts";

/** A series that measures these values in turn, with a bar of at least 10, on a machine with these loads. */
function series(values: readonly number[], { loads = [0], again = true } = {}) {
  const [value, load] = [values, loads].map((all) => {
    let next = 0;
    return () => all[Math.min(next++, all.length - 1)] ?? 0;
  }) as [() => number, () => number]; // one for each of the two lists
  const measure = (): Measurement[] => [
    { name: "speed", value: value(), unit: "/s", bar: 10 },
    { name: "size", value: 1, unit: "MB", bar: null },
  ];
  return taken({ take: () => Promise.resolve(measure()), load: () => Promise.resolve(load()), again });
}

describe("npm run bench", () => {
  it("measures once where the bars are met", async () => {
    const all = await series([10, 99]);
    expect(all.map(({ value, isRepeated }) => [value, isRepeated])).toEqual([
      [10, false],
      [1, false],
    ]);
  });

  it.each([
    ["takes the second value where the first missed its bar", [9, 12], 12, "yes (repeated)"],
    ["misses a bar that both values miss, and measures no third time", [9, 8, 12], 8, "NO (repeated)"],
  ])("with --strict %s", async (_title, values, value, verdict) => {
    const all = await series(values);
    expect(all.map((one) => [one.value, one.isRepeated])).toEqual([
      [value, true],
      [1, false],
    ]);
    expect(asTable(all)).toContain(verdict);
  });

  it("without --strict shows a missed bar as it is", async () => {
    const [first] = await series([9, 12], { again: false });
    expect(first).toMatchObject({ value: 9, isRepeated: false });
  });

  it("prints the load of the machine beside each number, the higher one of before and after", async () => {
    const all = await series([10], { loads: [0.05, 0.62] });
    expect(asTable(all)).toMatch(/^speed .* yes +62 %\nsize .* 62 %$/m);
    expect(JSON.parse(asJson(all[0] as Measurement))).toMatchObject({ load: 0.62, repeated: false });
  });

  it("warns where the machine was not quiet, and names the numbers", () => {
    expect(warning({ "token.warm": 0.02 })).toBeNull();
    expect(warning({ "token.warm": 0.02, "token.store": 0.51 })).toBe(
      "The machine was not quiet: other programs used up to 51 % of its processors beside token.store. Measure these again when it is; ratios suffer least.",
    );
  });

  it("measures the load as a share of all processors", async () => {
    const load = await loadOfOthers(50);
    expect(load).toBeGreaterThanOrEqual(0);
    expect(load).toBeLessThanOrEqual(1);
  });
});
