import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { survey, type Survey } from "../../src/http/survey.ts";
import { thorough } from "../support/effort.ts";

const unbounded = { depth: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY };

/** Lists and objects inside one another, and values in all. */
function measured(value: unknown): { depth: number; values: number } {
  if (typeof value !== "object" || value === null) return { depth: 0, values: 1 };
  const inside = Object.values(value).map(measured);
  return {
    depth: 1 + Math.max(0, ...inside.map(({ depth }) => depth)),
    values: inside.reduce((sum, { values }) => sum + values, 1),
  };
}

/** JSON with signs of JSON in its texts, and spaces between. */
const json = fc
  .jsonValue({
    maxDepth: 8,
    stringUnit: fc.constantFrom("a", '"', "\\", "{", "}", "[", "]", ",", ":", "1", "é"),
  })
  .chain((value) => fc.constantFrom(0, 1, 3).map((indent) => JSON.stringify(value, null, indent)));

describe("survey()", () => {
  it("measures depth as it is, and takes an empty list or object for two values at most", () => {
    fc.assert(
      fc.property(json, (text) => {
        const { depth, values } = measured(JSON.parse(text));
        expect(survey(text, { ...unbounded, depth })).not.toBe("tooDeep");
        if (depth > 0) expect(survey(text, { ...unbounded, depth: depth - 1 })).toBe("tooDeep");
        expect(survey(text, { ...unbounded, values: 2 * values })).not.toBe("tooMany");
        if (values > 1) expect(survey(text, { ...unbounded, values: values - 1 })).toBe("tooMany");
      }),
    );
  });

  it("finds every number that JavaScript would write otherwise, and no other", () => {
    const digits = fc.oneof(
      fc.constantFrom(
        "0",
        "-0",
        "1.0",
        "1.50",
        "1e3",
        "1E3",
        "0.1",
        "-7",
        "123456789012345",
        "1234567890123456",
      ),
      fc.constantFrom(
        "9007199254740993",
        "1e400",
        "0.12345678901234567890",
        "100000000000000000000",
        "1e+21",
      ),
      fc.integer().map(String),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => JSON.stringify(number)),
    );
    const where = fc.constantFrom<(number: string) => string>(
      (number) => number,
      (number) => `[${number}]`,
      (number) => `{"a 1.50":"1.50, 1e3","b":${number} , "c":[1,${number}]}`,
      (number) => ` [ "\\\\" , "\\"1.50" , ${number} ] `,
    );
    fc.assert(
      fc.property(digits, where, (number, put) => {
        const isExact = String(Number(number)) === number;
        expect(survey(put(number), unbounded)).toBe(isExact ? "exact" : "inexact");
      }),
    );
  });

  it("takes texts that are no JSON as they come", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('"', "\\", "[", "}", ",", "-", "1", "e", " ") }),
        (text) => {
          expect(["exact", "inexact"]).toContain(survey(text, unbounded));
        },
      ),
    );
  });

  /** Sixteen megabytes, everyday two, that take an engine long to build, or this pass long to look through. */
  const size = (thorough ? 16 : 2) * 1024 * 1024;
  const hostile: readonly (readonly [name: string, found: Survey, text: string])[] = [
    ["lists in lists", "tooDeep", "[".repeat(size / 2) + "]".repeat(size / 2)],
    ["objects in objects", "tooDeep", '{"a":'.repeat(size / 6)],
    ["empty objects", "tooMany", `[${"{},".repeat(size / 3)}{}]`],
    ["texts of nothing", "tooMany", `[${'"",'.repeat(size / 3)}""]`],
    ["escaped quotes", "exact", `["${'\\"'.repeat(size / 2 - 3)}"]`],
    ["backslashes", "exact", `["${"\\".repeat(size - 4)}"]`],
    ["quotes", "exact", `[${'"'.repeat(size)}`],
    ["numbers with points", "tooMany", `[${"1.5,".repeat(size / 4)}1]`],
    ["one number", "inexact", `[${"1".repeat(size)}`],
    ["spaces", "exact", `[${" ".repeat(size)}`],
  ];
  const bounds = { depth: 512, values: size / 64 };

  // A second look at all that follows, for each character, would take days.
  it.each(hostile)("looks through %s in one pass: %s", (_, found, text) => {
    expect(survey(text, bounds)).toBe(found);
  });
});
