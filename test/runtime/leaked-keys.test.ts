import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { newer, older, soon, tokensOf, withUsers } from "../support/sealed-users.ts";

describe("a leaked key", () => {
  it("rotateKeys({ records: true }) goes on where it was interrupted, but under a new ring key starts over", async () => {
    const { sandbox, open, first, tokens } = await withUsers();
    const interrupted = async () => {
      const stop = new AbortController();
      const options = {
        records: true,
        signal: stop.signal,
        onProgress: () => stop.abort(new Error("enough")),
      };
      await expect(first.rotateKeys(options)).rejects.toThrow("enough");
      return (await first.keys.list()).flatMap(({ storeKeys }) => storeKeys);
    };
    const pending = await interrupted();
    expect(pending).toHaveLength(2);
    expect(await interrupted()).toEqual(pending);
    // A copy of the store now, with the old ring key, reveals both.
    const both = await open({ encryption: { keys: [newer, older] } });
    await first.close();
    await both.rotateKeys();
    await soon(sandbox, both.rotateKeys({ records: true }));
    const after = (await both.keys.list()).flatMap(({ storeKeys }) => storeKeys);
    expect(after).toHaveLength(1);
    expect(pending).not.toContain(after[0]);
    expect(await tokensOf(await open({ encryption: { keys: [newer] } }))).toEqual(tokens);
  });

  it("keys.retire() refuses an id that never wrapped anything, and repeats it nowhere: it may be the key itself", async () => {
    const { first } = await withUsers();
    const error: unknown = await first.keys.retire(older ?? "").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "INVALID_OPTION" });
    expect(inspect(error)).not.toContain(older);
  });

  it("keys.retire() takes the id of a key that is in the ring no more", async () => {
    const { open, first } = await withUsers();
    const [old] = await first.keys.list();
    const both = await open({ encryption: { keys: [newer ?? "", older ?? ""] } });
    await both.rotateKeys();
    const alone = await open({ encryption: { keys: [newer ?? ""] } });
    await alone.keys.retire(old?.id ?? "");
    expect((await alone.keys.list()).map(({ id }) => id)).not.toContain(old?.id);
    await expect(open({ encryption: { keys: [older ?? ""] } })).rejects.toMatchObject({
      code: "KEY_REFUSED",
    });
  });

  it("encryption.keys are read once: what becomes of the application's bytes changes no key", async () => {
    const bytes = randomBytes(32);
    const key = bytes.toString("hex");
    const { open, first, tokens } = await withUsers({ keys: [bytes] });
    bytes.fill(0);
    await first.rotateKeys();
    expect(await tokensOf(await open({ encryption: { keys: [key] } }))).toEqual(tokens);
    await expect(open({ encryption: { keys: [new Uint8Array(32)] } })).rejects.toMatchObject({
      code: "KEY_REFUSED",
    });
  });

  it("a key provider's error is passed on without what a client's error holds or says", async () => {
    const failure = Object.assign(new Error("request failed"), {
      config: { headers: { "X-Vault-Token": "hvs.secret" }, data: "plaintext of the key" },
    });
    const wrap = () => Promise.reject(failure);
    const error: unknown = await withUsers({ wrap, unwrap: wrap }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "KEY_REFUSED", retryable: true });
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toMatch(/hvs|plaintext/);
    expect(inspect(error)).toContain("the key provider failed (Error)");
  });
});
