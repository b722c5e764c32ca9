import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { survey, surveyParsed } from "../../src/http/survey.ts";

const unbounded = { depth: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY };

function parsed(text: string, deepest = 512) {
  return surveyParsed(text, JSON.parse(text), deepest);
}

const number = fc.oneof(
  fc.constantFrom("0", "-0", "-0.0", "1.0", "1.50", "10.230", "-1e3", "1E3", "1e+3", "12e-1", "1.5e2", "0.1"),
  fc.constantFrom(
    "123456789012345",
    "1234567890123456",
    "9007199254740993",
    "1e400",
    "100000000000000000000",
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((one) => JSON.stringify(one)),
);
const piece = fc.constantFrom(
  "1",
  ".",
  "5",
  "e3",
  "E",
  "-",
  "+",
  ",",
  ":",
  '"',
  "[",
  "{",
  "\\",
  " ",
  "é",
  "4e5b",
);
const text = fc.array(piece, { maxLength: 8 }).map((pieces) => JSON.stringify(pieces.join("")));
const gap = fc.constantFrom("", "", " ", "\n\t", "\r");

/** JSON with numbers of all kinds anywhere, and with the same in its texts. */
const { json } = fc.letrec<{ json: string }>((tie) => ({
  json: fc.oneof(
    { maxDepth: 5 },
    fc.oneof(number, text, fc.constantFrom("null", "true", "[]", "{}")),
    fc
      .tuple(fc.array(tie("json"), { maxLength: 4 }), gap)
      .map(([all, gap]) => `[${gap}${all.join(`${gap},`)}${gap}]`),
    fc
      .tuple(fc.uniqueArray(fc.tuple(text, tie("json")), { maxLength: 4, selector: ([name]) => name }), gap)
      .map(([all, gap]) => `{${all.map(([name, one]) => `${name}${gap}:${gap}${one}`).join(",")}${gap}}`),
  ),
}));

describe("surveyParsed()", () => {
  it("misses no number that JavaScript would write otherwise", () => {
    fc.assert(
      fc.property(json, (json) => {
        const whole = `[${json}]`;
        if (survey(whole, unbounded) === "inexact") expect(parsed(whole)).toBe("inexact");
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["plain numbers", '{"a":[1,-2,0,0.1,37.25 ,-1.5],"b":72}'],
    [
      "dates, versions, addresses and ids",
      '["2026-11-25T12:00:10.230Z","11:00:01.50+01:00","4.0.1","127.0.0.1","-4e5b-","0a0ce5"]',
    ],
  ])("takes %s for exact", (_, json) => {
    expect(parsed(json)).toBe("exact");
  });

  it("takes a text with a number in it for inexact, which costs time and nothing else", () => {
    expect(parsed('["1.50, 2.50"]')).toBe("exact");
    expect(parsed('["was 1.50, is 2"]')).toBe("inexact");
  });

  it("measures depth as survey() does", () => {
    fc.assert(
      fc.property(json, fc.integer({ min: 1, max: 7 }), (json, depth) => {
        const whole = `[${json}]`;
        expect(parsed(whole, depth) === "tooDeep").toBe(survey(whole, { ...unbounded, depth }) === "tooDeep");
      }),
    );
    const nested = (depth: number) => `${'{"a":['.repeat(depth / 2)}1.50${"]}".repeat(depth / 2)}`;
    expect(parsed(nested(512))).toBe("inexact");
    expect(parsed(nested(514))).toBe("tooDeep");
    expect(parsed(nested(200_000))).toBe("tooDeep");
  });

  /** A quarter of a megabyte: the longest that is parsed first. A second look at all that follows would take minutes. */
  it.each([
    ["points", `["${"1.".repeat(130_000)}"]`],
    ["decimals", `[${"1.5,".repeat(65_000)}1]`],
    ["signs", `["${":1.5-1.5".repeat(32_000)}"]`],
    ["one number", `[${"1".repeat(130_000)}.${"0".repeat(130_000)}]`],
    ["exponents", `["${"1e1".repeat(87_000)}"]`],
    ["digits behind an exponent", `["${`1e${"1".repeat(1_000)}`.repeat(260)}"]`],
    ["one exponent", `["1e${"1".repeat(260_000)}"]`],
  ])("looks through a text of many %s in one pass", (_, json) => {
    expect(["exact", "inexact"]).toContain(parsed(json));
  });
});
