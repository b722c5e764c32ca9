import { describe, expect, it } from "vitest";
import { Fingerprint } from "../../src/fhir/pages/fingerprint.ts";

const of = (...texts: readonly string[]): string => {
  const print = new Fingerprint();
  for (const text of texts) print.add(text);
  return String(print);
};

describe("Fingerprint", () => {
  it("differs for 200,000 texts that differ in a digit, an order or an end", () => {
    const texts = Array.from({ length: 100_000 }, (_, index) => index.toString(16).padStart(12, "0"));
    const all = [...texts.map((text) => of(text, "1")), ...texts.map((text) => of("1", text))];
    const ends = [of(), of(""), of("", ""), of("ab", "c"), of("a", "bc"), of("abc"), of("cab")];
    expect(new Set([...all, ...ends]).size).toBe(all.length + ends.length);
  });

  it("is short, and the same for the same texts", () => {
    const text = "ü".repeat(10_000);
    expect(of(text, "b")).toBe(of(text, "b"));
    expect(of(text).length).toBeLessThanOrEqual(14);
  });
});
