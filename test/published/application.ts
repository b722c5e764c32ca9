/** An empty folder outside the repository, with the package installed as an application installs it. */
import { execFileSync, spawnSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
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
  /** Installs this version of Vitest beside it, and runs a test with the matchers; what it says. */
  testMatchers(version: string, runtime: Runtime): Ran;
  /** Compiles a program against the types that came along, and checks these, too; what the compiler says. */
  compile(program: "quick-start" | "entry-points" | "matchers.test"): string;
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
  for (const name of ["entry-points.js", "lost-answers.js", "matchers.test.js"])
    copyFileSync(new URL(name, import.meta.url), join(folder, name));
  return {
    packages: new Set(npm(folder, "ls", "--all", "--parseable").trim().split("\n")).size - 1, // the folder itself
    run: ({ program, words: before }, ...words) => ran(folder, program, [...before, ...words]),
    testTelemetry() {
      const { devDependencies } = readPackage();
      npm(folder, "install", `@opentelemetry/api@${devDependencies["@opentelemetry/api"] ?? "latest"}`);
      return ran(folder, process.execPath, ["entry-points.js", "vitest"]);
    },
    testMatchers(version, { program }) {
      npm(folder, "install", "--force", `vitest@${version}`, "@types/node@24"); // whatever Node runs npm
      return ran(folder, program, ["node_modules/vitest/vitest.mjs", "run"]);
    },
    compile(program) {
      if (program === "entry-points") writeFileSync(join(folder, `${program}.ts`), allEntryPoints());
      else copyFileSync(join(folder, `${program}.js`), join(folder, `${program}.ts`));
      const tsc = join(root, "node_modules/typescript/bin/tsc");
      const usual = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2023"];
      const checks = ["--skipLibCheck", "false"]; // the published types, and those that they import
      const own = join(folder, "node_modules/@types"); // once they are there: two of one package are one too many
      const types = existsSync(join(own, "node")) ? own : join(root, "node_modules/@types");
      const node = ["--typeRoots", types, "--types", "node"];
      const words = [tsc, ...usual, ...checks, ...node, `${program}.ts`];
      const printed = spawnSync(process.execPath, words, { cwd: folder, encoding: "utf8" }).stdout;
      rmSync(join(folder, `${program}.ts`));
      return printed;
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
  readonly exports: Readonly<Record<string, unknown>>;
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

/** A program that imports every entry point of the installed package, but for Vitest's, which needs Vitest. */
function allEntryPoints(): string {
  const { exports } = readPackage();
  const names = Object.keys(exports).filter((name) => !/\.json$|\/vitest$/.test(name));
  return names
    .map((name, n) => `export * as entry${n} from "${name.replace(".", "oneup-lifecycle")}";\n`)
    .join("");
}

function npm(cwd: string, ...words: readonly string[]): string {
  return execFileSync("npm", ["--silent", ...words], { cwd, encoding: "utf8" });
}
