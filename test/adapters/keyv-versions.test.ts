import { Keyv, type KeyvStoreAdapter } from "keyv";
import { describe, expect, it } from "vitest";
import { keyv } from "../../adapters/keyv.ts";

/** The members of keyv 6.1.0: no `useKeyPrefix` and no `throwOnErrors`. Its class may have any name in a bundle. */
function likeKeyv6(): Keyv {
  class K {
    namespace: string | undefined = undefined;
    store: object = likeAdapter6();
    serialization = undefined;
    sanitize = {};
    checkExpired = true;
    ttl = undefined;
    get = async (): Promise<undefined> => undefined;
    set = async (): Promise<boolean> => true;
    getRaw = async (): Promise<undefined> => undefined;
    setRaw = async (): Promise<boolean> => true;
    delete = async (): Promise<boolean> => true;
    clear = async (): Promise<void> => {};
    on = (): void => {
      throw new Error("It was listened to");
    };
    async *iterator(): AsyncGenerator<[string, unknown], void> {}
    encode = async (): Promise<string> => "";
    decode = async (): Promise<undefined> => undefined;
  }
  return untouchable(new K()) as unknown as Keyv; // what a program without types may pass
}

/** The members of the storage adapters of keyv 6.1.0. */
function likeAdapter6(): KeyvStoreAdapter {
  const adapter = {
    capabilities: { iterator: true },
    namespace: undefined,
    namespaceSeparator: ":",
    getKeyPrefix: () => "",
    get: async () => undefined,
    set: async () => true,
    delete: async () => true,
    clear: async () => {},
    async *iterator(): AsyncGenerator<[string, unknown], void> {},
  };
  return untouchable(adapter) as unknown as KeyvStoreAdapter; // likewise
}

/** The same; any change of it fails. */
function untouchable<T extends object>(value: T): T {
  const fail = (): never => {
    throw new Error("It was changed");
  };
  return new Proxy(value, { set: fail, defineProperty: fail, deleteProperty: fail, setPrototypeOf: fail });
}

const inKeyv5 = (): Keyv => {
  const outer = new Keyv();
  Object.defineProperty(outer, "_store", { value: likeAdapter6() }); // its constructor would set the namespace of it
  return outer;
};

describe("keyv()", () => {
  it.each([
    ["a Keyv 6", likeKeyv6, "this Keyv is"],
    ["a storage adapter of Keyv 6", likeAdapter6, "this storage adapter is"],
    ["a storage adapter of Keyv 6 beneath a Keyv 5", inKeyv5, "this storage adapter is"],
  ])("refuses %s by name, with what to do, and changes nothing about it", (_, make, which) => {
    const store = make();
    const message = new RegExp(
      `^Cannot use a Keyv store: it must be from Keyv 5, and ${which} from another version .* install keyv@\\^5\\.6 .* lmdb\\(\\)`,
    );
    expect(() => keyv(store)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(() => keyv(store)).toThrow(message);
  });

  it("takes a Keyv 5, also of another copy of the package, a Map beneath it, and its storage adapters", () => {
    const copy = new Proxy(new Keyv(), { getPrototypeOf: () => Object.prototype });
    expect(copy instanceof Keyv).toBe(false);
    for (const store of [new Keyv(), copy, new Keyv({ store: new Map(), namespace: "theirs" })])
      expect(keyv(store).name).toBe("keyv");
  });
});
