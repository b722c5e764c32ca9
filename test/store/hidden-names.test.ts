import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HiddenNames } from "../../src/store/sealing/hidden-names.ts";

const keyOfNames = randomBytes(32);
const names = new HiddenNames(keyOfNames, "account");
const id = fc.string({ unit: "grapheme" });
const quick = { numRuns: 200, interruptAfterTimeLimit: 300 };

function refuses(open: () => unknown): void {
  expect(open).toThrow(expect.objectContaining({ code: "RECORD_DAMAGED", retryable: false }));
}

/** 12 bytes. */
function nonceOf(sealed: string): string {
  return sealed.slice(0, 16);
}

describe("store/hidden-names", () => {
  it("open() of what seal() gave is what went in, for any owner and any id", () => {
    fc.assert(
      fc.property(id, id, (owner, of) => {
        const sealed = names.seal(owner, of);
        expect(names.open(owner, sealed)).toBe(of);
        expect(names.openUnder(names.key(owner), sealed)).toBe(of);
        expect(names.open(owner, names.sealedId(owner))).toBe(owner);
      }),
      quick,
    );
  });

  it("open() refuses what was sealed for another owner, another account or by another key of names", () => {
    const others = [
      new HiddenNames(keyOfNames, "another account"),
      new HiddenNames(randomBytes(32), "account"),
    ];
    fc.assert(
      fc.property(id, id, id, (owner, another, of) => {
        const sealed = names.seal(owner, of);
        if (another !== owner) refuses(() => names.open(another, sealed));
        for (const other of others) refuses(() => other.open(owner, sealed));
      }),
      quick,
    );
  });

  it("open() refuses when any byte was changed, and anything that was cut off or added", () => {
    const bytes = Buffer.from(names.seal("ada", "ada@example.org"), "base64");
    for (let index = 0; index < bytes.length; index++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(index) ^ (1 << bit), index);
        refuses(() => names.open("ada", changed.toString("base64")));
      }
      refuses(() => names.open("ada", bytes.subarray(0, index).toString("base64")));
    }
    refuses(() => names.open("ada", Buffer.concat([bytes, Buffer.of(0)]).toString("base64")));
  });

  it("key() and seal() give the same in every process, and never a nonce twice for different things", () => {
    const another = new HiddenNames(Buffer.from(keyOfNames), "account");
    fc.assert(
      fc.property(id, id, id, (owner, of, one) => {
        expect([another.key(of), another.sealedId(of), another.seal(owner, of)]).toEqual([
          names.key(of),
          names.sealedId(of),
          names.seal(owner, of),
        ]);
        if (one !== of) expect(nonceOf(names.seal(owner, one))).not.toBe(nonceOf(names.seal(owner, of)));
        if (one !== owner) expect(nonceOf(names.seal(one, of))).not.toBe(nonceOf(names.seal(owner, of)));
      }),
      quick,
    );
  });

  it("key() has 256 bits, reveals nothing of the id, and no two ids share one", () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(id, (of) => {
        const key = names.key(of);
        expect(key).toMatch(/^[\w-]{43}$/);
        expect(Buffer.from(key, "base64url")).toHaveLength(32);
        expect(seen.get(key) ?? of).toBe(of);
        seen.set(key, of);
      }),
      quick,
    );
  });

  it("key() and sealedId() stay the same for more ids than are kept at hand", () => {
    const before = [names.key("ada"), names.sealedId("ada")];
    for (let n = 0; n < 10_001; n++) names.key(`user ${n}`);
    expect([names.key("ada"), names.sealedId("ada")]).toEqual(before);
  });
});
