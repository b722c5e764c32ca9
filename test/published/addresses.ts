/**
 * Runs before `npm publish`: the package's page links to its repository, its issues and its home, and npm's statement of
 * provenance names the repository. Only the publisher knows them. One argument, if another file is to be checked.
 */
import { readFileSync } from "node:fs";
import process from "node:process";

const file = process.argv[2] ?? "package.json";
const written = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, unknown>>;
const missing = ["repository", "bugs", "homepage"].filter((name) => written[name] === undefined);
if (missing.length > 0) {
  console.error(
    `Cannot publish: ${file} must name where the package is at home, got no ${missing.join(", ")}`,
  );
  process.exitCode = 1;
}
