/** Two evaluations of the adapter in one process: of one copy of the package lmdb, and of two. */
import { cpSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { expect, it, onTestFinished } from "vitest";
import { onDeno } from "../support/built.ts";
import { startChild } from "../support/child.ts";
import type { Ended } from "../support/started.ts";
import { folderOfTest, openStore } from "./lmdb-scene.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const packages = join(root, "node_modules");

/** The adapter as one file in a new folder, with packages beside it; its address. */
async function installed(
  folder: string,
  install: (to: string) => void,
  format: "esm" | "cjs" = "esm",
): Promise<string> {
  const outfile = join(folder, format === "esm" ? "lmdb.mjs" : "lmdb.cjs");
  const entryPoints = [join(root, "adapters/lmdb.ts")];
  await build({ entryPoints, outfile, bundle: true, format, platform: "node", packages: "external" });
  install(join(folder, "node_modules"));
  return pathToFileURL(outfile).href;
}

/** The packages of the repository. */
function linked(to: string): void {
  symlinkSync(packages, to, "junction");
}

/** The same, but for lmdb, which is a copy. */
function withOwnLmdb(to: string): void {
  mkdirSync(to);
  for (const name of readdirSync(packages)) {
    const isOwn = name === "lmdb" || name === "@lmdb";
    if (isOwn) cpSync(join(packages, name), join(to, name), { recursive: true });
    else if (!name.startsWith(".")) symlinkSync(join(packages, name), join(to, name), "junction");
  }
}

async function play(task: string, addresses: readonly [string, string]): Promise<Ended> {
  const folder = join(folderOfTest(), "store");
  const script = new URL("./evaluated-twice.child.ts", import.meta.url);
  const child = startChild(script, { folder, task, addresses });
  let waitsForEver = false;
  const late = setTimeout(() => {
    waitsForEver = true;
    child.kill("SIGKILL");
  }, 120_000);
  onTestFinished(() => clearTimeout(late));
  const ended = await child.ended;
  expect(waitsForEver).toBe(false);
  return ended;
}

async function twice(task: string): Promise<Ended> {
  const address = await installed(folderOfTest(), linked);
  return play(task, [`${address}?copy=1`, `${address}?copy=2`]);
}

/** In a context of their own each, as two files of a Jest run. */
async function inContexts(task: string): Promise<Ended> {
  const address = await installed(folderOfTest(), linked, "cjs");
  return play(task, [address, address]);
}

async function withTwoCopies(task: string): Promise<Ended> {
  return play(task, [await installed(folderOfTest(), linked), await installed(folderOfTest(), withOwnLmdb)]);
}

function said({ code, err, out }: Ended): Record<string, unknown> {
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as Record<string, unknown>;
}

it.each(["open", "close"])(
  "a second evaluation can %s the folder while the first is inside a commit",
  async (verb) => {
    const { left, counts, listeners } = said(await twice(`${verb} during a commit`));
    expect(counts).toEqual({ created: left });
    expect(listeners).toBe(0); // each evaluation would leave one more in the process
  },
);

it("a process that exits during a commit of the second evaluation ends", async () => {
  const { code, signal } = await twice("exit during a commit");
  const keepsCode = "execve" in process && process.platform !== "win32";
  expect({ code, signal }).toEqual(keepsCode ? { code: 3, signal: null } : { code: null, signal: "SIGKILL" });
});

it.skipIf(onDeno).each(["open", "close"])(
  "in contexts of their own, one can %s the folder while the other is inside a commit",
  async (verb) => {
    const { left, counts } = said(await inContexts(`${verb} during a commit`));
    expect(counts).toEqual({ created: left });
  },
);

it.skipIf(onDeno)(
  "a process that exits during a commit ends, though its context has no exit event",
  async () => {
    const { signal, code } = await inContexts("exit during a commit");
    expect(signal ?? code).toBe("execve" in process ? 3 : "SIGKILL");
  },
);

// Deno finds packages by its import map, whatever lies beside a file.
it.skipIf(onDeno)("a second copy of lmdb is refused while the first has the folder open", async () => {
  const { refused, counts, after } = said(await withTwoCopies("two copies of lmdb"));
  expect(refused).toMatchObject({ code: "STORE_UNUSABLE", retryable: false });
  expect((refused as Error).message).toContain(
    "another copy of the package lmdb in this process has it open",
  );
  expect({ counts, after }).toEqual({ counts: { created: 2 }, after: { created: 2 } });
});

it("another release that shares stores in another way is refused, with what to do", async () => {
  const place = Symbol.for("oneup-lifecycle.lmdb");
  const before: unknown = Reflect.get(globalThis, place);
  Reflect.set(globalThis, place, { version: 2 });
  onTestFinished(() => void Reflect.set(globalThis, place, before));
  const opening = openStore(folderOfTest());
  await expect(opening).rejects.toMatchObject({ code: "STORE_UNUSABLE", retryable: false });
  await expect(opening).rejects.toThrow(/another release .*\(2, this one 1\).*install one release/);
});
