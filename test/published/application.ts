/** An empty folder outside the repository, with the package installed as an application installs it. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Runtime } from "./runtimes.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What came of a program. */
export interface Ran {
  readonly said: string;
  readonly complained: string;
  readonly code: number | null;
  readonly ms: number;
}

/** The folder, and what is done in it. */
export interface Application {
  /** How many packages npm installed. */
  readonly packages: number;
  /** Runs a program of the folder, or of a package in it, to its end. */
  run(runtime: Runtime, ...words: readonly string[]): Ran;
  /** Installs the project's own API of OpenTelemetry beside it, and imports all entry points; what they offer. */
  testTelemetry(): Ran;
  /** Installs the project's own Vitest beside it, and runs a test with the matchers; what it says. */
  testMatchers(): Ran;
  /** Compiles the quick start against the types that came along; what the compiler says. */
  compile(): string;
  /** What the quick start leaves behind goes, and it can begin anew. */
  forget(): void;
  remove(): void;
}

/** Packs the library, installs the tarball, and writes the quick start of the README beside it. */
export function installed(): Application {
  const folder = mkdtempSync(join(tmpdir(), "oneup-published-"));
  pack(folder);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  if (tarball === undefined) throw new Error("npm pack left no tarball");
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "application", type: "module" }));
  npm(folder, "install", `./${tarball}`);
  writeFileSync(join(folder, "quick-start.js"), quickStart());
  for (const name of ["entry-points.js", "matchers.test.js"])
    copyFileSync(new URL(name, import.meta.url), join(folder, name));
  return {
    packages: new Set(npm(folder, "ls", "--all", "--parseable").trim().split("\n")).size - 1, // the folder itself
    run: ({ program, words: before }, ...words) => ran(folder, program, [...before, ...words]),
    testTelemetry() {
      const { devDependencies } = readPackage();
      npm(folder, "install", `@opentelemetry/api@${devDependencies["@opentelemetry/api"] ?? "latest"}`);
      return ran(folder, process.execPath, ["entry-points.js", "vitest"]);
    },
    testMatchers() {
      const { devDependencies } = readPackage();
      npm(folder, "install", `vitest@${devDependencies["vitest"] ?? "latest"}`);
      return ran(folder, "npx", ["--no-install", "vitest", "run"]);
    },
    compile() {
      copyFileSync(join(folder, "quick-start.js"), join(folder, "quick-start.ts"));
      const tsc = join(root, "node_modules/typescript/bin/tsc");
      const usual = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "es2023"];
      const node = ["--typeRoots", join(root, "node_modules/@types"), "--types", "node"];
      const words = [tsc, ...usual, ...node, "quick-start.ts"];
      return spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" }).stdout;
    },
    forget: () => rmSync(join(folder, "data"), { recursive: true, force: true }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Packs a copy of the sources: packing builds `dist` anew, which tests that run beside it read and write. */
function pack(destination: string): void {
  const copy = mkdtempSync(join(tmpdir(), "oneup-sources-"));
  const left = new Set([".git", "dist", "node_modules"]);
  try {
    cpSync(root, copy, { recursive: true, filter: (path) => !left.has(basename(path)) });
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "dir");
    npm(copy, "pack", "--pack-destination", destination);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function ran(cwd: string, program: string, words: readonly string[]): Ran {
  const begun = performance.now();
  const env = { ...process.env, NO_COLOR: "1" };
  const options = { cwd, encoding: "utf8", timeout: 60_000, env } as const;
  const { stdout, stderr, status } = spawnSync(program, words, options);
  return { said: stdout, complained: stderr, code: status, ms: Math.round(performance.now() - begun) };
}

interface Package {
  readonly devDependencies: Readonly<Record<string, string>>;
}

function readPackage(): Package {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Package; // a house test knows it
}

/** The first program of the README, as it stands there. */
function quickStart(): string {
  const code = /```ts\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))?.[1];
  if (code === undefined) throw new Error("README.md has no program");
  return code;
}

function npm(cwd: string, ...words: readonly string[]): string {
  return execFileSync("npm", ["--silent", ...words], { cwd, encoding: "utf8" });
}
