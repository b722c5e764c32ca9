import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { LifecycleError } from "../../src/errors.ts";
import { nextStepOf } from "../../src/next-step.ts";
import { keyFile } from "../../src/store/sealing/keys.ts";

/** A folder, and what happens to files from now on: `sync <inode>`, `link <inode>`, in order. */
function watched(): { readonly folder: string; readonly happened: string[] } {
  const folder = fs.mkdtempSync(join(tmpdir(), "oneup-key-on-disk-"));
  const happened: string[] = [];
  const { fsyncSync, linkSync } = fs;
  vi.spyOn(fs, "fsyncSync").mockImplementation((descriptor) => {
    fsyncSync(descriptor);
    happened.push(`sync ${fs.fstatSync(descriptor).ino}`);
  });
  vi.spyOn(fs, "linkSync").mockImplementation((from, to) => {
    linkSync(from, to);
    happened.push(`link ${inode(String(to))}`);
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
    fs.rmSync(folder, { recursive: true });
  });
  return { folder, happened };
}

function inode(path: string): number {
  return fs.statSync(path).ino;
}

/** Windows has no folders that could be synced; what Deno's `node:fs` does cannot be watched. */
const isBlind = process.platform === "win32" || "Deno" in globalThis;

/** What a power cut may do cannot be had here; in which order the system was asked to write can. */
describe.skipIf(isBlind)("store/keys keyFile() before a power cut", () => {
  it("keyFile() hands out a new key when it, its name and the folders made for it are on disk", () => {
    const { folder, happened } = watched();
    const file = join(folder, "not", "there", "lifecycle.key");
    keyFile(file).ring(true);
    const key = inode(file);
    const folders = [dirname(file), join(folder, "not"), folder].map((each) => `sync ${inode(each)}`);
    expect(happened).toEqual([`sync ${key}`, `link ${key}`, ...folders]);
  });

  it("keyFile() leaves nothing in the folder of a disk that is full, and says so", () => {
    const { folder } = watched();
    const { writeFileSync } = fs;
    vi.spyOn(fs, "writeFileSync").mockImplementationOnce((file, _text, options) => {
      writeFileSync(file, "", options); // the name takes no space
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    });
    syncBuiltinESMExports();
    const file = join(folder, "lifecycle.key");
    const facts = { reason: "noKeyFile" };
    expect(() => keyFile(file).ring(true)).toThrow(
      expect.objectContaining({
        facts,
        message: expect.stringContaining(`its disk must have space left: ${file}`),
      }),
    );
    expect(nextStepOf(new LifecycleError("KEY_REFUSED", "", { facts }))).toMatch(/no key was made/);
    expect(fs.readdirSync(folder)).toEqual([]);
  });

  it("keyFile() hands out another process's new key when its name is on disk", () => {
    const { folder, happened } = watched();
    const file = join(folder, "lifecycle.key");
    const link = vi.mocked(fs.linkSync).getMockImplementation();
    vi.mocked(fs.linkSync).mockImplementationOnce((from, to) => {
      fs.writeFileSync(file, "0".repeat(64)); // in the moment before
      link?.(from, to);
    });
    syncBuiltinESMExports();
    keyFile(file).ring(true);
    expect(happened.at(-1)).toBe(`sync ${inode(folder)}`);
    happened.length = 0;
    keyFile(file).ring(true);
    expect(happened).toEqual([`sync ${inode(folder)}`]);
  });
});
