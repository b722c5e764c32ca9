import type { KeyProvider } from "oneup-lifecycle";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { accountIn, older, soon, tokensOf, withUsers } from "../support/sealed-users.ts";
import { warningsIn } from "../support/loggers.ts";
import { scene } from "../support/scene.ts";

const refused = { code: "KEY_REFUSED" };
const grant = { oneupUserId: 77, refreshToken: "of-old" };

/** A key service in this process. */
function service(): KeyProvider & { trouble: Error | null; newest: string } {
  const wrapped = new Map<string, Uint8Array>();
  return {
    trouble: null,
    newest: "key 1",
    async wrap(key, context) {
      if (this.trouble !== null) throw this.trouble;
      const name = `${this.newest}: ${wrapped.size} ${context}`;
      wrapped.set(name, key);
      return { by: this.newest, wrapped: Buffer.from(name) };
    },
    async unwrap({ by, wrapped: name }, context) {
      if (this.trouble !== null) throw this.trouble;
      const text = Buffer.from(name).toString();
      const key = text.startsWith(by) && text.endsWith(context) ? wrapped.get(text) : undefined;
      if (key === undefined) throw new Error("access denied");
      return key;
    },
  };
}

/** It wipes what it was given, and what it returned, as soon as it is done with it. */
function wiping(inner: KeyProvider): KeyProvider {
  const wipe = (key: Uint8Array): void => void setTimeout(() => key.fill(0), 1);
  return {
    async wrap(key, context) {
      const wrapped = await inner.wrap(Uint8Array.from(key), context);
      key.fill(0);
      return wrapped;
    },
    async unwrap(wrapped, context) {
      const key = Uint8Array.from(await inner.unwrap(wrapped, context));
      wipe(key);
      return key;
    },
  };
}

describe("a KeyProvider", () => {
  it("whose client quotes its request in its error tells no store key, but kind and code", async () => {
    let plain = "";
    const { open } = await scene();
    const quoting: KeyProvider = {
      async wrap(key) {
        plain = Buffer.from(key).toString("base64");
        throw Object.assign(new TypeError(`403 for POST https://kms {"plaintext":"${plain}"}`), {
          code: "EDENIED",
        });
      },
      unwrap: () => Promise.reject(new Error("unused")),
    };
    const error: unknown = await open({ encryption: quoting }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ ...refused, retryable: true });
    expect(String(error)).toContain("the key provider failed (TypeError EDENIED)");
    expect(plain).toHaveLength(44);
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain(plain);
  });

  it("that wipes the bytes of a key after use loses no store key: rotateKeys() wraps the key that users are sealed with", async () => {
    const kms = service();
    const { sandbox, open, tokens } = await withUsers(wiping(kms));
    const second = await open();
    await new Promise((resolve) => setTimeout(resolve, 5));
    kms.newest = "key 2";
    for (const records of [false, true]) {
      await soon(sandbox, second.rotateKeys({ records }));
      expect(await tokensOf(await open())).toEqual(tokens);
    }
  });

  it("rotateKeys() wraps with its newest key, retire() takes the old one, and a stranger's key service is refused", async () => {
    const kms = service();
    const { open, first, tokens } = await withUsers(kms);
    expect(await first.keys.list()).toEqual([{ id: "key 1", storeKeys: [expect.any(String)] }]);
    kms.newest = "key 2";
    await first.rotateKeys();
    await first.keys.retire("key 1");
    expect(await tokensOf(await open())).toEqual(tokens);
    await expect(open({ encryption: service() })).rejects.toMatchObject({ ...refused, retryable: true });
    await expect(open({ encryption: { keys: [older] } })).rejects.toMatchObject(refused);
    expect(await tokensOf(await open())).toEqual(tokens);
  });

  it("rotateKeys() that it does not answer is a retryable KEY_REFUSED, nothing is changed, and users go on", async () => {
    const kms = service();
    const { open, first, store, tokens } = await withUsers(kms);
    const before = await accountIn(store);
    kms.trouble = new Error("503");
    for (const records of [false, true]) {
      await expect(first.rotateKeys({ records })).rejects.toMatchObject({ ...refused, retryable: true });
    }
    await expect(open()).rejects.toMatchObject({ ...refused, retryable: true });
    expect(await accountIn(store)).toBe(before);
    expect(await tokensOf(first)).toEqual(tokens);
    expect(await first.reauthorize("ada")).toMatchObject({ usable: true });
  });

  it("that is away while a store key is replaced holds back its process alone, until it is there again", async () => {
    const away = service();
    const { sandbox, open, first, tokens } = await withUsers(away);
    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    let reachable = true;
    const encryption: KeyProvider = {
      wrap: (key, context) => away.wrap(key, context),
      unwrap: (key, context) => (reachable ? away.unwrap(key, context) : Promise.reject(new Error("503"))),
    };
    const cut = await open({ encryption, logger });
    reachable = false;
    await soon(sandbox, first.rotateKeys({ records: true }));
    await expect(cut.accessToken("ada")).rejects.toMatchObject({ ...refused, retryable: true });
    await expect(cut.onboard("new")).rejects.toMatchObject(refused);
    await expect(cut.adopt("adopted", grant)).rejects.toMatchObject({ ...refused, retryable: true });
    expect(await cut.health()).toMatchObject({ ready: false, problem: "KEY_REFUSED" });
    expect(await cut.resume()).toEqual({ taken: 0, rested: {} });
    expect(warnings).toEqual([expect.stringMatching(/^Cannot start new work: Cannot unwrap the store key/)]);
    expect(await first.onboard("new")).toMatchObject({ usable: true });
    const list = cut.adoptMany([{ appUserId: "listed", ...grant }]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await expect(first.inspect("listed")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    reachable = true;
    expect(await soon(sandbox, list)).toMatchObject({ added: 1 });
    expect(await first.inspect("listed")).toMatchObject({ state: "expiring" });
    expect(await tokensOf(cut)).toEqual(tokens);
    expect(await cut.onboard("newer")).toMatchObject({ usable: true });
    expect(await cut.health()).toMatchObject({ ready: true, problem: null });
  });
});
