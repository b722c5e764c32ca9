import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isLifecycleError } from "../../src/errors.ts";
import type { Json } from "../../src/store/contract.ts";
import { newestFormat as format, readEnvelope, type Envelope } from "../../src/store/envelope.ts";
import { envelope } from "./sample.ts";

/** What a store gives back for what was written. */
function stored(value: Envelope | Record<string, unknown>): Json {
  return JSON.parse(JSON.stringify(value)) as Json; // JSON.parse gives nothing else
}

describe("store/envelope", () => {
  it("readEnvelope() reads what was written", () => {
    expect(readEnvelope(stored(envelope), () => "#ada")).toEqual(envelope);
    const bare = { ...envelope, intent: null, pause: null, sealed: null, history: [] };
    expect(readEnvelope(stored(bare), () => "#ada")).toEqual(bare);
  });

  it("readEnvelope() throws RECORD_TOO_NEW for a newer format, with what to do", () => {
    const read = (): unknown => readEnvelope(stored({ ...envelope, format: format + 1 }), () => "#ada");
    expect(read).toThrow(expect.objectContaining({ code: "RECORD_TOO_NEW", facts: { format: format + 1 } }));
    expect(read).toThrow(
      `Cannot read user #ada: its record has format ${format + 1}, this release knows formats up to ${format}; update oneup-lifecycle`,
    );
  });

  for (const never of [0, -1, 0.5]) {
    it(`readEnvelope() throws RECORD_DAMAGED for format ${never}, which never existed`, () => {
      expect(() => readEnvelope(stored({ ...envelope, format: never }), () => "#ada")).toThrow(
        expect.objectContaining({ code: "RECORD_DAMAGED", retryable: false }),
      );
    });
  }

  for (const field of Object.keys(envelope)) {
    it(`readEnvelope() throws RECORD_DAMAGED without ${field}, and with a number or text list in its place`, () => {
      const { [field as keyof Envelope]: _, ...without } = envelope;
      for (const value of [without, { ...envelope, [field]: ["no"] }, { ...envelope, [field]: true }]) {
        if (field === "history" && "history" in value && Array.isArray(value.history)) continue; // a list it is
        expect(() => readEnvelope(stored(value), () => "#ada")).toThrow(
          expect.objectContaining({ code: "RECORD_DAMAGED" }),
        );
      }
    });
  }

  it("readEnvelope() throws nothing but a LifecycleError, whatever is stored", () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc
        .tuple(fc.constantFrom(...Object.keys(envelope)), fc.jsonValue())
        .map(([field, value]) => ({ ...envelope, [field]: value })),
      fc.dictionary(fc.constantFrom(...Object.keys(envelope), "__proto__"), fc.jsonValue()),
    );
    let refused = 0;
    fc.assert(
      fc.property(anything, (value) => {
        try {
          readEnvelope(JSON.parse(JSON.stringify(value)) as Json, () => "#ada");
        } catch (error) {
          refused++;
          expect(isLifecycleError(error)).toBe(true);
        }
      }),
      { numRuns: 1_000, interruptAfterTimeLimit: 2_000 },
    );
    expect(refused).toBeGreaterThan(0);
  });

  it("readEnvelope() refuses a seal that names no key", () => {
    const sealed = { fields: ["code"], text: "AAAA" };
    for (const nameless of [sealed, { ...sealed, key: null }]) {
      expect(() => readEnvelope(stored({ ...envelope, sealed: nameless }), () => "#ada")).toThrow(
        expect.objectContaining({ code: "RECORD_DAMAGED" }),
      );
    }
  });

  it("readEnvelope() of a release that knows a newer format reads both", () => {
    const newer = { ...envelope, format: format + 1 };
    expect(readEnvelope(stored(newer), () => "#ada", format + 1)).toEqual(newer);
    expect(readEnvelope(stored(envelope), () => "#ada", format + 1)).toEqual(envelope);
  });

  it("readEnvelope() names no value of a damaged record", () => {
    try {
      readEnvelope(stored({ ...envelope, context: "a-refresh-token" }), () => "#ada");
      expect.unreachable();
    } catch (error) {
      expect(String(error)).not.toContain("a-refresh-token");
      expect(String(error)).toContain("Cannot read user #ada");
    }
  });
});
