/**
 * Compares a capability statement of 1upHealth with the library's table, and prints where they differ:
 *
 *     curl -s https://api.1up.health/r4/metadata > r4.json
 *     npm run capabilities -- r4 r4.json
 *
 * With `--keep` its digests are written to `digests.json`, for the test of the tables.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { capabilitiesOf } from "../../src/fhir/capabilities.ts";
import { fhirVersions } from "../../src/fhir/fhir-version.ts";
import {
  differences,
  type Digests,
  digestsOf,
  readStatement,
  type SentStatement,
  statementIn,
} from "./statement.ts";

const [named, file, ...options] = process.argv.slice(2);
const version = fhirVersions.find((one) => one === named);
if (version === undefined || file === undefined)
  throw new Error(`Usage: npm run capabilities -- ${fhirVersions.join("|")} FILE [--keep]`);

const sent = readStatement(JSON.parse(readFileSync(file, "utf8")) as SentStatement); // as the server sends it
const found = differences(statementIn(capabilitiesOf(version)), sent);
for (const line of found) console.log(line);
console.log(
  found.length === 0
    ? `The table is that of the statement: ${sent.types.size} types`
    : `${found.length} differences`,
);
if (options.includes("--keep")) {
  const path = fileURLToPath(new URL("digests.json", import.meta.url));
  const kept = JSON.parse(readFileSync(path, "utf8")) as Record<string, Digests>; // this program wrote it
  writeFileSync(path, `${JSON.stringify({ ...kept, [version]: digestsOf(sent) }, null, 2)}\n`);
}
process.exitCode = found.length === 0 ? 0 : 1;
