import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/secret.ts";
import type { Sealed } from "../../src/store/envelope.ts";
import type { Owner, Sealer, SecretName } from "../../src/store/sealing/sealer.ts";
import { ada, revealed, sealerOf, secrets } from "./sample.ts";

const storeKey = randomBytes(32);
const eve: Owner = { user: "eve", oneupUserId: 42 };

function sealedBy(sealer: Sealer, owner: Owner = ada): Sealed {
  const sealed = sealer.seal(owner, secrets);
  if (sealed === null) throw new Error("there were secrets to seal");
  return sealed;
}

function refuses(open: () => unknown): void {
  expect(open).toThrow(expect.objectContaining({ code: "RECORD_DAMAGED", retryable: false }));
}

describe.each([1, 2])("store/seal in format %i", (format) => {
  const sealer = sealerOf(format, [storeKey]);
  const sealedOf = (owner: Owner): Sealed => sealedBy(sealer, owner);

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
        expect(
          revealed(
            sealer.open({ user, oneupUserId: null }, sealer.seal({ user, oneupUserId: null }, given), format),
          ),
        ).toEqual(plain);
      }),
      { numRuns: 200, interruptAfterTimeLimit: 2_000 },
    );
  });

  it("seal() of no secrets is null, and open() of null is none", () => {
    expect(sealer.seal(ada, {})).toBeNull();
    expect(sealer.open(ada, null, format)).toEqual({});
  });

  it("open() of another process start opens it, with the same key", () => {
    const another = sealerOf(format, [storeKey]);
    expect(revealed(another.open(ada, sealedOf(ada), format))).toEqual(revealed(secrets));
  });

  it("open() refuses when any byte was changed", () => {
    const { text, ...rest } = sealedOf(ada);
    const bytes = Buffer.from(text, "base64");
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(index) ^ (1 << (index % 8)), index);
      refuses(() => sealer.open(ada, { ...rest, text: changed.toString("base64") }, format));
    }
  });

  it("open() refuses when anything was cut off or added", () => {
    const { text, ...rest } = sealedOf(ada);
    const bytes = Buffer.from(text, "base64");
    for (let length = 0; length < bytes.length; length++) {
      refuses(() =>
        sealer.open(ada, { ...rest, text: bytes.subarray(0, length).toString("base64") }, format),
      );
    }
    refuses(() =>
      sealer.open(ada, { ...rest, text: Buffer.concat([bytes, Buffer.of(0)]).toString("base64") }, format),
    );
  });

  it("open() refuses for another user", () => {
    refuses(() => sealer.open(eve, sealedOf(ada), format));
  });

  it("open() refuses for another account", () => {
    refuses(() => sealerOf(format, [storeKey], "another account").open(ada, sealedOf(ada), format));
  });

  it("open() refuses with another store key", () => {
    refuses(() => sealerOf(format, [randomBytes(32)]).open(ada, sealedOf(ada), format));
  });

  it("open() refuses when the fields were renamed, swapped, dropped or added to", () => {
    const { text, ...rest } = sealedOf(ada);
    const { fields } = rest;
    const [code = "", access = "", refresh = ""] = fields;
    for (const others of [
      [code, refresh, access],
      [code, access],
      [code, access, "clientSecret"],
      [...fields, "more"],
      [],
      [[code, access].join('","'), refresh],
    ]) {
      refuses(() => sealer.open(ada, { ...rest, fields: others, text }, format));
    }
  });

  it("open() that refuses names the alias, and neither user nor secret", () => {
    try {
      sealer.open({ user: "ada@example.org", oneupUserId: 42 }, sealedOf(eve), format);
      expect.unreachable();
    } catch (error) {
      expect(inspect(error)).toContain(sealer.alias("ada@example.org"));
      const said = inspect(error).replaceAll(/^\s+at .*$/gm, ""); // the stack: folders may be called anything
      expect(said).not.toMatch(/example|token|one-time/);
    }
  });

  it("seal() twice gives two different texts", () => {
    const texts = Array.from({ length: 50 }, () => sealedOf(ada).text);
    expect(new Set(texts).size).toBe(50);
    const nonces = texts.map((text) => Buffer.from(text, "base64").subarray(16, 28).toString("hex"));
    expect(new Set(nonces).size).toBe(50);
    expect(new Set(texts.map((text) => text.slice(0, 20))).size).toBe(1); // one data key a process start
    expect(sealerOf(format, [storeKey]).seal(ada, secrets)?.text.slice(0, 20)).not.toBe(
      texts[0]?.slice(0, 20),
    );
  });

  it("seal() leaves nothing in clear", () => {
    const { text, ...rest } = sealedOf(ada);
    expect(rest.fields).toEqual(["code", "accessToken", "refreshToken"]);
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

  it("alias() has as many digits as SECURITY.md tells", () => {
    expect(sealerOf(format, [storeKey]).alias("ada")).toMatch(/^#[0-9a-f]{20}$/);
    expect(readFileSync("SECURITY.md", "utf8")).toContain("(`#` and twenty hexadecimal digits)");
  });

  it("alias() is the same for ever, differs between users, and tells nothing", () => {
    expect(sealer.alias("ada@example.org")).toBe(sealerOf(format, [storeKey]).alias("ada@example.org"));
    expect(sealer.alias("ada@example.org")).toMatch(/^#[0-9a-f]{20}$/);
    const aliases = Array.from({ length: 1_000 }, (_, n) => sealer.alias(`user ${n}`));
    expect(new Set(aliases).size).toBe(1_000);
    expect(sealerOf(format, [randomBytes(32)]).alias("user 1")).not.toBe(sealer.alias("user 1"));
  });
});
