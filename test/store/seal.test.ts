import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/secret.ts";
import { Sealer } from "../../src/store/seal.ts";
import type { Sealed, SecretName } from "../../src/store/seal.ts";
import { revealed, secrets } from "./sample.ts";

const storeKey = randomBytes(32);
const sealer = new Sealer(storeKey, "account");

function sealedOf(user: string): Sealed {
  const sealed = sealer.seal(user, secrets);
  if (sealed === null) throw new Error("there were secrets to seal");
  return sealed;
}

function refuses(open: () => unknown): void {
  expect(open).toThrow(expect.objectContaining({ code: "RECORD_DAMAGED", retryable: false }));
}

describe("store/seal", () => {
  it("open() of what seal() gave is what went in, for any user and any secrets", () => {
    const names: readonly SecretName[] = ["code", "accessToken", "refreshToken"];
    const any = fc.dictionary(fc.constantFrom(...names), fc.string({ unit: "grapheme" }), {
      noNullPrototype: true,
    });
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), any, (user, plain) => {
        const given = Object.fromEntries(
          Object.entries(plain).map(([name, text]) => [name, new Secret(text)]),
        );
        expect(revealed(sealer.open(user, sealer.seal(user, given)))).toEqual(plain);
      }),
      { numRuns: 200, interruptAfterTimeLimit: 2_000 },
    );
  });

  it("seal() of no secrets is null, and open() of null is none", () => {
    expect(sealer.seal("ada", {})).toBeNull();
    expect(sealer.open("ada", null)).toEqual({});
  });

  it("open() of another process start opens it, with the same key", () => {
    const another = new Sealer(storeKey, "account");
    expect(revealed(another.open("ada", sealedOf("ada")))).toEqual(revealed(secrets));
  });

  it("open() refuses when any byte was changed", () => {
    const { fields, text } = sealedOf("ada");
    const bytes = Buffer.from(text, "base64");
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(index) ^ (1 << (index % 8)), index);
      refuses(() => sealer.open("ada", { fields, text: changed.toString("base64") }));
    }
  });

  it("open() refuses when anything was cut off or added", () => {
    const { fields, text } = sealedOf("ada");
    const bytes = Buffer.from(text, "base64");
    for (let length = 0; length < bytes.length; length++) {
      refuses(() => sealer.open("ada", { fields, text: bytes.subarray(0, length).toString("base64") }));
    }
    refuses(() =>
      sealer.open("ada", { fields, text: Buffer.concat([bytes, Buffer.of(0)]).toString("base64") }),
    );
  });

  it("open() refuses for another user", () => {
    refuses(() => sealer.open("eve", sealedOf("ada")));
  });

  it("open() refuses for another account", () => {
    refuses(() => new Sealer(storeKey, "another account").open("ada", sealedOf("ada")));
  });

  it("open() refuses with another store key", () => {
    refuses(() => new Sealer(randomBytes(32), "account").open("ada", sealedOf("ada")));
  });

  it("open() refuses when the fields were renamed, swapped, dropped or added to", () => {
    const { fields, text } = sealedOf("ada");
    const [code = "", access = "", refresh = ""] = fields;
    for (const others of [
      [code, refresh, access],
      [code, access],
      [code, access, "clientSecret"],
      [...fields, "more"],
      [],
      [[code, access].join('","'), refresh],
    ]) {
      refuses(() => sealer.open("ada", { fields: others, text }));
    }
  });

  it("open() that refuses names the alias, and neither user nor secret", () => {
    try {
      sealer.open("ada@example.org", sealedOf("eve"));
      expect.unreachable();
    } catch (error) {
      expect(inspect(error)).toContain(sealer.alias("ada@example.org"));
      expect(inspect(error)).not.toMatch(/example|token|one-time/);
    }
  });

  it("seal() twice gives two different texts", () => {
    const texts = Array.from({ length: 50 }, () => sealedOf("ada").text);
    expect(new Set(texts).size).toBe(50);
    const nonces = texts.map((text) => Buffer.from(text, "base64").subarray(16, 28).toString("hex"));
    expect(new Set(nonces).size).toBe(50);
    expect(new Set(texts.map((text) => text.slice(0, 20))).size).toBe(1); // one data key a process start
    expect(new Sealer(storeKey, "account").seal("ada", secrets)?.text.slice(0, 20)).not.toBe(
      texts[0]?.slice(0, 20),
    );
  });

  it("seal() leaves nothing in clear", () => {
    const { fields, text } = sealedOf("ada");
    expect(fields).toEqual(["code", "accessToken", "refreshToken"]);
    const bytes = Buffer.from(text, "base64").toString("latin1");
    for (const plain of Object.values(revealed(secrets))) {
      expect(bytes).not.toContain(plain);
      expect(text).not.toContain(Buffer.from(plain).toString("base64").slice(0, 12));
    }
  });

  it("inspect() of a sealer shows no key", () => {
    const shown = inspect(sealer, { showHidden: true, depth: null });
    expect(shown).not.toContain(storeKey.toString("hex"));
    expect(shown).not.toMatch(/Buffer|KeyObject|Uint8Array/);
  });

  it("alias() is the same for ever, differs between users, and tells nothing", () => {
    expect(sealer.alias("ada@example.org")).toBe(new Sealer(storeKey, "account").alias("ada@example.org"));
    expect(sealer.alias("ada@example.org")).toMatch(/^#[0-9a-f]{10}$/);
    const aliases = Array.from({ length: 1_000 }, (_, n) => sealer.alias(`user ${n}`));
    expect(new Set(aliases).size).toBe(1_000);
    expect(new Sealer(randomBytes(32), "account").alias("user 1")).not.toBe(sealer.alias("user 1"));
  });
});
