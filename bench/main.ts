/**
 * Measures and prints. `npm run bench -- [NAME…] [--json] [--quick] [--strict]`; see README.md.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { importTime, onboardMemory } from "./fresh.ts";
import { onboardAt0Ms, onboardAt25Ms } from "./onboard.ts";
import { asJson, asTable, holds } from "./report.ts";
import type { Measurement } from "./report.ts";
import { quick, thorough } from "./settings.ts";
import type { Effort } from "./settings.ts";
import { tokenFromMemory, tokenFromStore } from "./token.ts";

/** What can be measured, by the name it is selected with. */
const measurements: Readonly<Record<string, (effort: Effort) => Promise<Measurement[]>>> = {
  "onboard.25ms": onboardAt25Ms,
  "onboard.0ms": onboardAt0Ms,
  "onboard.rss": onboardMemory,
  "token.warm": tokenFromMemory,
  "token.store": tokenFromStore,
  "import.ms": importTime,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
});

const unknown = positionals.filter((prefix) => chosen([prefix]).length === 0);
if (unknown.length > 0) {
  const known = Object.keys(measurements).join(", ");
  throw new Error(`Cannot measure ${unknown.join(", ")}: a name must begin one of ${known}`);
}

const taken: Measurement[] = [];
for (const name of chosen(positionals)) {
  const fresh = (await measurements[name]?.(values.quick ? quick : thorough)) ?? [];
  taken.push(...fresh);
  if (values.json) for (const one of fresh) console.log(asJson(one));
}
if (!values.json) console.log(asTable(taken));
if (values.strict && taken.some((one) => holds(one) === false)) process.exitCode = 1;

function chosen(prefixes: readonly string[]): string[] {
  return Object.keys(measurements).filter(
    (name) => prefixes.length === 0 || prefixes.some((prefix) => name.startsWith(prefix)),
  );
}
