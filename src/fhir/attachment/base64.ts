/**
 * Decodes base64 piece by piece.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { LifecycleError } from "../../errors.ts";

/** Decodes base64 that comes in pieces of any length. Both methods throw what `fail` makes if it is not base64. */
export function base64Decoder(fail: () => LifecycleError) {
  let rest = "";
  let isPadded = false;
  return {
    /** The bytes that are complete. */
    push(text: string): Uint8Array {
      const all = rest + text.replaceAll(/[ \t\r\n]+/g, ""); // FHIR allows white space
      const whole = all.length - (all.length % 4);
      const part = all.slice(0, whole);
      rest = all.slice(whole);
      if ((isPadded && all !== "") || !/^[A-Za-z0-9+/]*={0,2}$/.test(part)) throw fail();
      isPadded = part.endsWith("=");
      return Buffer.from(part, "base64");
    },
    /** No more text follows. */
    end(): void {
      if (rest !== "") throw fail();
    },
  };
}
