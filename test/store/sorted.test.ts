import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Sorted } from "../../src/store/table-store/sorted.ts";

const ascending = (a: number, b: number): number => a - b;

describe("Sorted", () => {
  it("holds what a plain sorted list would, whatever is added, taken out and asked for", () => {
    const change = fc.record({ adds: fc.boolean(), item: fc.nat(3_000) });
    const question = fc.record({ item: fc.option(fc.nat(3_000), { nil: undefined }), limit: fc.nat(1_500) });
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 300 }),
        fc.nat(2_500),
        fc.array(question, { maxLength: 20 }),
        (changed, filled, questions) => {
          const sorted = new Sorted(ascending);
          const plain = new Set<number>();
          const begun = Array.from({ length: filled }, (_, item) => ({ adds: true, item }));
          for (const { adds, item } of [...begun, ...changed]) {
            const change = adds ? "add" : "delete";
            sorted[change](item);
            plain[change](item);
          }
          const all = [...plain].toSorted(ascending);
          expect(sorted.size).toBe(all.length);
          for (const { item, limit } of questions) {
            const beyond = all.filter((each) => item === undefined || each > item);
            expect(sorted.after(item, limit)).toEqual(beyond.slice(0, limit));
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
