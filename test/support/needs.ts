/**
 * Programs that tests need and a machine may lack. Where one is missing, the tests that need it are skipped, and the
 * run ends with one block about all of them; with `ONEUP_REQUIRE_SERVERS=1` nothing runs until it is there.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import process from "node:process";
import type { TestOptions } from "vitest";
import { onDeno } from "./built.ts";

interface Requirement {
  /** Files of the program; all must be there, in one folder or several. */
  readonly files: readonly string[];
  /** The packages that bring it, where there are such. */
  readonly debian?: string;
  readonly homebrew: string;
}

/** What tests may need. Where it is required and missing, npm brings Deno. */
export const requirements = {
  "redis-server": { files: ["redis-server"], debian: "redis-server", homebrew: "redis" },
  "valkey-server": { files: ["valkey-server"], debian: "valkey-server", homebrew: "valkey" },
  postgres: { files: ["postgres", "initdb"], debian: "postgresql", homebrew: "postgresql@17" },
  pgbouncer: { files: ["pgbouncer"], debian: "pgbouncer", homebrew: "pgbouncer" },
  curl: { files: ["curl"], debian: "curl", homebrew: "curl" },
  chromium: { files: ["chromium"], debian: "chromium", homebrew: "chromium" },
  deno: { files: ["deno"], homebrew: "deno" },
} as const satisfies Readonly<Record<string, Requirement>>;

/** A program, by the name of what tests need of it. */
export type Program = keyof typeof requirements;

/** A variable with the URL of a server that runs already. */
export type ServerUrl = "REDIS_URL" | "POSTGRES_URL";

declare module "vitest" {
  interface TaskMeta {
    /** The programs that these tests are left out for. */
    lacking?: readonly Program[];
    /** A running server would do as well. */
    orServer?: ServerUrl;
  }
}

/** `ONEUP_REQUIRE_SERVERS=1`: a missing program is a failure. */
const required = process.env["ONEUP_REQUIRE_SERVERS"] === "1";

/**
 * Where the program is: in a folder of PATH or where its package puts it beside one. PATH alone decides: beside
 * `/usr/bin` Debian keeps PgBouncer in `/usr/sbin` and PostgreSQL in `/usr/lib/postgresql/17/bin`, beside its `bin`
 * Homebrew keeps what it does not link in `opt/postgresql@17/bin`.
 */
export function pathOf(file: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter(Boolean);
  return [...folders, ...folders.flatMap(beside)].map((folder) => join(folder, file)).find(isExecutable);
}

function beside(folder: string): readonly string[] {
  if (basename(folder) !== "bin") return [];
  const parent = dirname(folder);
  const debian = join(parent, "lib/postgresql");
  const homebrew = join(parent, "opt");
  return [
    join(parent, "sbin"),
    ...newest(debian, /^\d/).map((version) => join(debian, version, "bin")),
    ...newest(parent, /^pgsql-\d/).map((version) => join(parent, version, "bin")),
    ...newest(homebrew, /^(?:postgresql|redis|valkey)\b/).map((name) => join(homebrew, name, "bin")),
  ];
}

/** Folders whose names match, the highest version first. */
function newest(folder: string, pattern: RegExp): readonly string[] {
  const version = (name: string): number => Number(/[\d.]+$/.exec(name)?.[0] ?? 0);
  try {
    const names = readdirSync(folder).filter((name) => pattern.test(name));
    return names.sort((one, other) => version(other) - version(one));
  } catch {
    return [];
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Is it on this machine? */
export function has(program: Program): boolean {
  if (program === "deno") return onDeno || required || installedDeno !== undefined;
  return requirements[program].files.every((file) => pathOf(file) !== undefined);
}

/** Deno 2 on this machine. */
export const installedDeno: string | undefined = onDeno ? undefined : findDeno();

function findDeno(): string | undefined {
  const path = pathOf("deno");
  if (path === undefined) return undefined;
  const version = execFileSync(path, ["--version"], { encoding: "utf8" });
  return version.startsWith("deno 2.") ? path : undefined;
}

/**
 * The options of a test, or of a group, that needs these programs. Where one is missing it is skipped, and counted at
 * the end of the run. `orServer` names the variable whose server would do as well.
 *
 * @example
 * describe("adapters/redis behind a proxy", needing(["redis-server"]), () => { … });
 */
export function needing(
  programs: readonly Program[],
  orServer?: ServerUrl,
): { readonly skip?: boolean; readonly meta?: NonNullable<TestOptions["meta"]> } {
  if (orServer !== undefined && process.env[orServer] !== undefined) return {};
  const lacking = programs.filter((program) => !has(program));
  if (lacking.length === 0) return {};
  return { skip: true, meta: { lacking, ...(orServer !== undefined && { orServer }) } };
}

/** Throws where programs are required and missing; called once, before the first test. */
export function refuseIfLacking(): void {
  if (!required) return;
  const lacking = (Object.keys(requirements) as Program[]).filter((name) => !has(name)); // its own keys
  if (lacking.length === 0) return;
  const asked = "ONEUP_REQUIRE_SERVERS=1 requires programs that are not on this machine";
  throw new Error(
    [`Cannot run the tests: ${asked}: ${lacking.join(", ")}`, ...howToInstall(lacking)].join("\n"),
  );
}

/** The commands that bring these programs. */
export function howToInstall(lacking: readonly Program[]): readonly string[] {
  const debian = lacking.flatMap((program) => (requirements[program] as Requirement).debian ?? []);
  const homebrew = lacking
    .filter((program) => program !== "valkey-server")
    .map((name) => requirements[name].homebrew);
  return [
    ...(debian.length === 0 ? [] : [`   Debian, Ubuntu: sudo apt-get install ${debian.join(" ")}`]),
    ...(homebrew.length === 0 ? [] : [`   macOS:          brew install ${homebrew.join(" ")}`]),
    // Homebrew links one of the two; the tests find both.
    ...(lacking.includes("valkey-server")
      ? ["   macOS, Valkey:  brew unlink redis; brew install valkey"]
      : []),
    ...(lacking.includes("deno")
      ? ["   Deno:           npm brings it where ONEUP_REQUIRE_SERVERS=1 is set"]
      : []),
  ];
}
