import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { storeKeyOf } from "../../src/store/sealing/key-record.ts";
import { Sealer, type SealMemory } from "../../src/store/sealing/sealer.ts";
import { ada, revealed, secrets } from "./sample.ts";

const [key, otherKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

function sealerWith(memory?: SealMemory, bytes = key, account = "account"): Sealer {
  const view = { format: 1, storeKeys: [storeKeyOf(bytes)], names: bytes } as const;
  return new Sealer(view, account, 1, memory);
}

describe("Sealer with a memory", () => {
  const memory: SealMemory = { opened: new Map(), names: new Map() };
  const sealed = sealerWith(memory).seal(ada, secrets);

  it("opens what another one sealed, and seals what opens without a memory", () => {
    for (const sealer of [sealerWith(memory), sealerWith()])
      expect(revealed(sealer.open(ada, sealed, 1))).toEqual(revealed(secrets));
  });

  it("opens nothing for another user, number, account, format or key", () => {
    const own = sealerWith(memory);
    own.open(ada, sealed, 1);
    expect(() => own.open({ ...ada, user: "bob" }, sealed, 1)).toThrow("Cannot open");
    expect(() => own.open({ ...ada, oneupUserId: 43 }, sealed, 1)).toThrow("Cannot open");
    expect(() => own.open(ada, sealed, 2)).toThrow("Cannot open");
    expect(() => sealerWith(memory, key, "another account").open(ada, sealed, 1)).toThrow("Cannot open");
    expect(() => sealerWith(memory, otherKey).open(ada, sealed, 1)).toThrow("Cannot open");
  });

  it("opens nothing that was changed, and not after it has failed either", () => {
    const bytes = Buffer.from(sealed?.text ?? "", "base64");
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    const changed = sealed && { ...sealed, text: bytes.toString("base64") };
    for (let time = 0; time < 2; time++)
      expect(() => sealerWith(memory).open(ada, changed, 1)).toThrow("Cannot open");
  });

  it("opens what only it holds, with a text in place of a cipher's, for no other user and nothing else", () => {
    let texts = 0;
    const only: SealMemory = { opened: new Map(), names: new Map(), text: () => `seal ${++texts}` };
    const [one, other] = [sealerWith(only), sealerWith(only)];
    const held = one.seal(ada, secrets);
    expect(revealed(other.open(ada, held, 1))).toEqual(revealed(secrets));
    expect(one.seal(ada, secrets)?.text).not.toBe(held?.text);
    expect(() => other.open({ ...ada, user: "bob" }, held, 1)).toThrow("Cannot open");
    expect(() => sealerWith(only, otherKey).open(ada, held, 1)).toThrow("Cannot open");
    expect(() => sealerWith().open(ada, held, 1)).toThrow("Cannot open");
  });

  it("gives the same names as without one", () => {
    for (const sealer of [sealerWith(memory), sealerWith(memory)]) {
      expect(sealer.alias("ada")).toBe(sealerWith().alias("ada"));
      expect(sealer.keyedName("ada")).toBe(sealerWith().keyedName("ada"));
      expect(sealer.fingerprint("ada")).toBe(sealerWith().fingerprint("ada"));
    }
  });
});
