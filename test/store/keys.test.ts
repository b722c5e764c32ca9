import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { memory } from "../../adapters/memory.ts";
import type { Json, Store } from "../../src/store/contract.ts";
import { openKeys } from "../../src/store/sealing/key-record.ts";
import { keyRing } from "../../src/store/sealing/key-ring.ts";
import { isInside, keyFile, type Encryption } from "../../src/store/sealing/keys.ts";
import { manualClock } from "../../src/testing/index.ts";
import { runs } from "../support/built.ts";

function folderOfTest(): string {
  const folder = mkdtempSync(join(tmpdir(), "oneup-keys-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function emptyStore(): Promise<Store> {
  return memory().open({ account: "account", clock: manualClock() });
}

let writes = 0;
async function open(
  store: Store,
  encryption: Encryption,
  account = "account",
  more: { readonly hideIds?: boolean; readonly newest?: number } = {},
): Promise<Uint8Array> {
  const view = await openKeys({
    ...more,
    record: store.account,
    account,
    ring: (storeIsNew) => keyRing(encryption, storeIsNew, manualClock(), (line) => void warnings.push(line)),
    writeId: `write ${++writes}`,
  });
  return view.storeKeys[0].bytes;
}
const warnings: string[] = [];
const refused = expect.objectContaining({ code: "KEY_REFUSED", retryable: false });

describe("store/keys keyFile()", () => {
  it("keyFile() makes the file once, for an empty store, with mode 0600", async () => {
    const folder = folderOfTest();
    const file = join(folder, "lifecycle.key");
    const store = await emptyStore();
    const key = await open(store, keyFile(file));
    expect(key).toHaveLength(32);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const text = readFileSync(file, "utf8");
    expect(Buffer.from(text.trim(), "base64")).toHaveLength(32);
    expect(await open(store, keyFile(file))).toEqual(Buffer.from(key));
    expect(readFileSync(file, "utf8")).toBe(text);
    expect(readdirSync(folder)).toEqual(["lifecycle.key"]);
  });

  it("keyFile() makes the folder too, for its owner alone", async () => {
    const folder = join(folderOfTest(), "not", "there");
    await open(await emptyStore(), keyFile(join(folder, "lifecycle.key")));
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it("keyFile() uses a file that is there, even for an empty store", async () => {
    const file = join(folderOfTest(), "lifecycle.key");
    const text = `${randomBytes(32).toString("hex")}\n`;
    writeFileSync(file, text);
    await open(await emptyStore(), keyFile(file));
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  it("keyFile() refuses when the file is missing though the store is not empty, and makes none", async () => {
    const file = join(folderOfTest(), "lifecycle.key");
    const store = await emptyStore();
    await open(store, keyFile(file));
    rmSync(file);
    await expect(open(store, keyFile(file))).rejects.toThrow(refused);
    await expect(open(store, keyFile(file))).rejects.toThrow(file);
    expect(existsSync(file)).toBe(false);
  });

  for (const [name, content] of Object.entries({
    "an empty file": "",
    "a key that is too short": randomBytes(31).toString("base64"),
    "a key that is too long": randomBytes(33).toString("base64"),
    "hexadecimal digits that are one too few": randomBytes(32).toString("hex").slice(1),
    "a passphrase": "correct horse battery staple",
    "a passphrase that a lenient reader takes for 32 bytes":
      "correct horse battery staple, with much more clover",
    "base64 with a character that is none": `${randomBytes(32).toString("base64").slice(0, 20)}*${randomBytes(32).toString("base64").slice(20)}`,
    base64url: Buffer.alloc(32, 0xfb).toString("base64url"),
    "base64 without its last character": randomBytes(32).toString("base64").slice(0, -1),
  })) {
    it(`keyFile() refuses ${name}, changes nothing and does not repeat it`, async () => {
      const file = join(folderOfTest(), "lifecycle.key");
      writeFileSync(file, content);
      const store = await emptyStore();
      await expect(open(store, keyFile(file))).rejects.toThrow(refused);
      const error = await open(store, keyFile(file)).catch(String);
      if (content !== "") expect(error).not.toContain(content);
      expect(await store.account.load()).toBeNull();
      expect(readFileSync(file, "utf8")).toBe(content);
    });
  }

  it("keyFile() refuses a path that cannot be read or made", async () => {
    const folder = folderOfTest();
    mkdirSync(join(folder, "a folder"));
    writeFileSync(join(folder, "a file"), "");
    for (const other of [join(folder, "a folder"), "/dev/null"])
      await expect(open(await emptyStore(), keyFile(other))).rejects.toThrow(
        /must be a regular file, no pipe/,
      );
    await expect(open(await emptyStore(), keyFile(join(folder, "a file", "key")))).rejects.toThrow(refused);
  });

  it("keyFile() reads several keys, newest first, one a line, and reads them again when asked", async () => {
    const file = join(folderOfTest(), "lifecycle.key");
    const [older, newer] = [randomBytes(32).toString("base64"), randomBytes(32).toString("hex")];
    const store = await emptyStore();
    writeFileSync(file, `${older}\n`);
    const source = keyFile(file);
    const key = await open(store, source);
    writeFileSync(file, `${newer}\r\n\n${older}\n`);
    expect(await open(store, source)).toEqual(Buffer.from(key));
    expect(source.ring(false).map(({ id }) => id)).toHaveLength(2);
    writeFileSync(file, `${newer}\nnot a key`);
    await expect(open(store, source)).rejects.toThrow(`${file}, line 2`);
  });

  it.skipIf(process.platform === "win32")(
    "keyFile() warns of a file that others may read, and uses it: so are secrets mounted",
    async () => {
      const file = join(folderOfTest(), "lifecycle.key");
      await open(await emptyStore(), keyFile(file));
      for (const [mode, told] of [
        [0o600, 0],
        [0o400, 0],
        [0o640, 1],
        [0o644, 1],
      ] as const) {
        chmodSync(file, mode);
        warnings.length = 0;
        await open(await emptyStore(), keyFile(file));
        expect(warnings).toHaveLength(told);
        for (const line of warnings) expect(line).toContain(`its mode should be 0600: ${file}`);
      }
    },
  );

  it("isInside() sees through links and dots, and knows neighbours from children", () => {
    const folder = folderOfTest();
    const store = join(folder, "store");
    mkdirSync(join(store, "deep"), { recursive: true });
    symlinkSync(store, join(folder, "link"));
    for (const name of ["store/key", "store/deep/key", "link/key", "store/../store/key", "store/..key"]) {
      expect({ name, inside: isInside(store, join(folder, name)) }).toEqual({ name, inside: true });
    }
    expect(isInside(join(folder, "link"), join(store, "key"))).toBe(true);
    for (const name of ["key", "store.key", "store-2/key", "store/../key", "not/there/key"]) {
      expect({ name, inside: isInside(store, join(folder, name)) }).toEqual({ name, inside: false });
    }
  });

  it("keyFile() of two machines on one empty store: one key wins, the other is refused by name", async () => {
    const folder = folderOfTest();
    const store = await emptyStore();
    const files = [join(folder, "a.key"), join(folder, "b.key")];
    const ended = await Promise.allSettled(files.map((file) => open(store, keyFile(file))));
    expect(ended.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(ended.find(({ status }) => status === "rejected")).toMatchObject({
      reason: refused,
    });
  });

  it("keyFile() throws INVALID_OPTION for a path that is no path", () => {
    for (const path of ["", 7 as unknown as string]) {
      expect(() => keyFile(path)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    }
  });

  it.each([
    ["hexadecimal digits", "aB".repeat(32)],
    ["base64", `${"Ab+/".repeat(10)}AbE=`],
    ["two of them", `${"ab".repeat(32)},${"cd".repeat(32)}`],
    ["the text of a key file", `${"Ab+/".repeat(10)}AbE=\n`],
  ])("keyFile() refuses a key in place of a path, and does not repeat it: %s", (_, key) => {
    const refused =
      "Cannot use a key file: its path must be a file name, and it looks like a key, which belongs in";
    expect(() => keyFile(key)).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION", message: `${refused} encryption.keys or ONEUP_KEY` }),
    );
  });

  it("keyFile() gives one key to several processes that start at once", async () => {
    const folder = folderOfTest();
    const script = fileURLToPath(new URL("./key.child.ts", import.meta.url));
    const words = [...runs(script), join(folder, "store"), join(folder, "keys", "key")];
    const started = [1, 2, 3].map(() => promisify(execFile)(process.execPath, words));
    const printed = started.map(({ child }) => child.stdout !== null && once(child.stdout, "data"));
    await Promise.race([Promise.all(printed), ...started]);
    for (const { child } of started) child.stdin?.end();
    const told = await Promise.all(started);
    expect(new Set(told.map(({ stdout }) => stdout)).size).toBe(1);
    expect(told[0]?.stdout).toMatch(/^[0-9a-f]{64}\n$/);
    expect(readdirSync(join(folder, "keys"))).toEqual(["key"]);
  });
});

describe("store/keys openKeys()", () => {
  const [older, newer] = [randomBytes(32), randomBytes(32)];

  it("openKeys() gives every opening the same key", async () => {
    const store = await emptyStore();
    const keys = await Promise.all(Array.from({ length: 20 }, () => open(store, { keys: [older] })));
    expect(new Set(keys.map((key) => Buffer.from(key).toString("hex"))).size).toBe(1);
    expect((await store.account.load())?.revision).toBe(1);
  });

  it("openKeys() takes bytes, base64 and hexadecimal digits for the same key", async () => {
    const store = await emptyStore();
    const key = await open(store, { keys: [older] });
    expect(await open(store, { keys: [older.toString("base64")] })).toEqual(Buffer.from(key));
    expect(await open(store, { keys: [older.toString("hex")] })).toEqual(Buffer.from(key));
    expect(await open(store, { keys: [` ${older.toString("hex").toUpperCase()}\n`] })).toEqual(
      Buffer.from(key),
    );
  });

  it("openKeys() refuses texts that are neither base64 nor hexadecimal digits, and does not repeat them", async () => {
    const text = older.toString("base64");
    const wrong = [
      `${text.slice(0, 9)} ${text.slice(9)}`,
      `${text.slice(0, 9)}-${text.slice(9)}`,
      `0x${older.toString("hex")}`,
    ];
    for (const [index, key] of wrong.entries()) {
      const keys = [newer, key];
      const error = await open(await emptyStore(), { keys }).catch((caught: unknown) => caught);
      expect(error, `text ${index}`).toEqual(refused);
      expect(String(error)).toMatch(/the key of encryption.keys\[1\]: .*, and this is neither$/);
      expect(String(error)).not.toContain(key.slice(2, 9));
    }
  });

  it("openKeys() opens with an older key of the ring, and seals new stores with the newest", async () => {
    const store = await emptyStore();
    const key = await open(store, { keys: [older] });
    expect(await open(store, { keys: [newer, older] })).toEqual(Buffer.from(key));
    const another = await emptyStore();
    await open(another, { keys: [newer, older] });
    await expect(open(another, { keys: [older] })).rejects.toThrow(refused);
  });

  it("openKeys() refuses another key, names both, and changes nothing", async () => {
    const store = await emptyStore();
    await open(store, { keys: [older] });
    const before = await store.account.load();
    const error: unknown = await open(store, { keys: [newer] }).catch((caught: unknown) => caught);
    expect(error).toEqual(refused);
    expect(String(error)).toMatch(
      /written with key [0-9a-f]{12}, and the configured keys are [0-9a-f]{12}: add key [0-9a-f]{12} to them; nothing was changed/,
    );
    expect(String(error)).not.toContain(newer.toString("hex").slice(0, 12));
    expect(await store.account.load()).toEqual(before);
  });

  it("openKeys() marks a store that hides ids: it opens only with hideIds", async () => {
    const store = await emptyStore();
    await open(store, { keys: [older] }, "account", { hideIds: true });
    const before = await store.account.load();
    expect(before?.value).toMatchObject({ hideIds: true });
    await expect(open(store, { keys: [older] })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(await store.account.load()).toEqual(before);
  });

  it("openKeys() of two processes with different keys on an empty store succeeds for one", async () => {
    const store = await emptyStore();
    const ended = await Promise.allSettled([open(store, { keys: [older] }), open(store, { keys: [newer] })]);
    expect(ended.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(ended.find(({ status }) => status === "rejected")).toMatchObject({
      reason: { code: "KEY_REFUSED" },
    });
  });

  it("openKeys() keeps the key wrapped: neither key stands in the record", async () => {
    const store = await emptyStore();
    const key = Buffer.from(await open(store, { keys: [older] }));
    const text = JSON.stringify(await store.account.load());
    const raw = Buffer.from(text.match(/"wrapped":"([^"]+)"/)?.[1] ?? "", "base64");
    expect(raw.length).toBe(12 + 16 + 32);
    for (const secret of [key, older]) {
      expect(raw.includes(secret)).toBe(false);
      expect(text).not.toContain(secret.toString("base64").slice(0, 20));
      expect(text).not.toContain(secret.toString("hex").slice(0, 20));
    }
  });

  it("openKeys() refuses a store key that was changed or moved to another account", async () => {
    const store = await emptyStore();
    await open(store, { keys: [older] });
    const damaged = expect.objectContaining({ code: "RECORD_DAMAGED" });
    await expect(open(store, { keys: [older] }, "another")).rejects.toThrow(damaged);
    const { value } = (await store.account.load()) ?? { value: null };
    const written = value as { storeKeys: [{ wrapped: string }]; names: Json }; // as it was just written
    const [storeKey] = written.storeKeys;
    const bytes = Buffer.from(storeKey.wrapped, "base64");
    bytes.writeUInt8(bytes.readUInt8(40) ^ 1, 40);
    const values = [
      { ...written, storeKeys: [{ ...storeKey, wrapped: bytes.toString("base64") }] },
      { ...written, storeKeys: [{ ...storeKey, wrapped: "" }] },
      { ...written, storeKeys: [{ ...storeKey, id: null }] },
      { ...written, storeKeys: [] },
      { ...written, storeKeys: null },
      { ...written, names: null },
      { format: 1 },
      "nonsense",
      null,
    ];
    for (const [index, changed] of values.entries()) {
      await store.account.commit({ value: changed, expectedRevision: index + 1, writeId: `damage ${index}` });
      await expect(open(store, { keys: [older] })).rejects.toThrow(damaged);
    }
  });

  it("openKeys() throws INVALID_OPTION for an empty ring and KEY_REFUSED for a malformed key, by its place", async () => {
    const store = await emptyStore();
    await expect(open(store, { keys: [] })).rejects.toMatchObject({ code: "INVALID_OPTION" });
    await expect(open(store, { keys: [older, "short"] })).rejects.toThrow(/encryption\.keys\[1\]/);
    expect(await store.account.load()).toBeNull();
  });
});
