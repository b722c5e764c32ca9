import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idParts, visibleId } from "../../src/visible-id.ts";

describe("an id as it is drawn", () => {
  it.each([
    "ada@example.org",
    "Ada Lovelace",
    "Zoë 😀",
    "אבג@example.org",
    "山田 太郎",
    "CORP\\ada",
    "CORP\\ulrich",
  ])("is what it is, if all of it is seen: %s", (id) => expect(visibleId(id)).toBe(id));

  it.each([
    [" ada", "\\u0020ada"],
    ["ada ", "ada\\u0020"],
    ["a  da", "a\\u0020\\u0020da"],
    ["a\u00A0da", "a\\u00a0da"],
    ["a\u200Bda", "a\\u200bda"],
    ["a\u00ADda", "a\\u00adda"],
    ["ada\uFE0F", "ada\\ufe0f"],
    ["ada\u{E0100}", "ada\\u{e0100}"],
    ["\u202Eada", "\\u202eada"],
    ["a\u3000da", "a\\u3000da"],
    ["a\u2800da", "a\\u2800da"],
    ["a\u3164da", "a\\u3164da"],
    ["a\tda\u001B[2J", "a\\u0009da\\u001b[2J"],
    ["\\u0020ada", "\\u005cu0020ada"],
    ["\\u{e0100}", "\\u005cu{e0100}"],
  ])("has a number for what is not seen: %j", (id, drawn) => expect(visibleId(id)).toBe(drawn));

  it("leads back to the id, so it differs from that of every other one", () => {
    const units = [
      "a",
      "u",
      "0",
      "{",
      "}",
      "\\",
      " ",
      "\u00A0",
      "\u200B",
      "200b",
      "\\u0020",
      "\u{E0100}",
      "e0100",
    ];
    const ids = fc.string({ unit: fc.constantFrom(...units), maxLength: 8 });
    const read = (drawn: string): string =>
      drawn.replace(/\\u(?:\{([\da-f]+)\}|([\da-f]{4}))/g, (_, long?: string, short?: string) =>
        String.fromCodePoint(Number.parseInt(long ?? short ?? "", 16)),
      );
    const check = fc.property(ids, (id) => {
      expect(read(visibleId(id))).toBe(id);
      const texts = idParts(id).map(({ text }) => text);
      expect(texts.join("")).toBe(id);
    });
    fc.assert(check, { numRuns: 5_000 });
  });
});
