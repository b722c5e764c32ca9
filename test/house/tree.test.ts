import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { places, read, root, tracked } from "./repository.ts";

const rooms = ["src", "machines", "adapters", "examples", "test", "bench", "docs"];
const papers = [
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "deno.json",
  "deno.lock",
  "AGENTS.md",
  "README.md",
  "CHANGELOG.md",
  "SECURITY.md",
  "LICENSE",
];

describe("tree", () => {
  it("has nothing at the top but the rooms, the papers and dotfiles", () => {
    const top = new Set(tracked().map((path) => path.replace(/\/.*/, "")));
    const known = new Set([...rooms, ...papers]);
    expect([...top].filter((name) => !known.has(name) && !name.startsWith("."))).toEqual([]);
  });

  it("names no folder of any machine", () => {
    const pattern = /(?<![\w.)}*-])\/(?:home|root|Users|work|mnt|workspace)\/[\w.]/;
    const files = tracked().filter(
      (path) => existsSync(join(root, path)) && statSync(join(root, path)).isFile(),
    );
    expect(files.flatMap((path) => places(path, read(path), pattern))).toEqual([]);
  });

  it("names no place to download from in its locks", () => {
    const locks = ["package-lock.json", "deno.lock", "bench/peers/package-lock.json"].filter((path) =>
      existsSync(join(root, path)),
    );
    const pattern = /"(?:resolved|tarball)"/;
    expect(locks.flatMap((path) => places(path, read(path), pattern))).toEqual([]);
  });
});
