/**
 * Runs the measurements. `npm run bench -- [NAME…] [--json] [--quick] [--strict]`; see README.md.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { eventsOnLmdb, eventsOnPostgres, eventsOnRedis } from "./events.ts";
import { exactOnLmdb, exactOnPostgres, exactOnRedis } from "./exact.ts";
import { exportKilled } from "./export.ts";
import { fhirAt25Ms, fhirReads, fhirWalks, fhirWalkAt25Ms } from "./fhir.ts";
import { flatOnLmdb, flatOnPostgres, flatOnRedis } from "./flat.ts";
import { coldToken, importTime, onboardMemory } from "./fresh.ts";
import { inspectorOnLmdb } from "./inspector.ts";
import { loadOfOthers, warning } from "./load.ts";
import { moveAround } from "./move.ts";
import { onboardAt0Ms, onboardAt25Ms } from "./onboard.ts";
import { postgresAt0Ms, postgresAt50Ms, postgresTrips } from "./postgres.ts";
import { recoveryOnLmdb, recoveryOnPostgres, recoveryOnRedis } from "./recovery.ts";
import { redisAt0Ms, redisAt50Ms, redisTrips } from "./redis.ts";
import { asJson, asTable, holds, type Measurement } from "./report.ts";
import { quick, thorough, type Effort } from "./settings.ts";
import { taken, type Taken } from "./take.ts";
import { testkit } from "./testkit.ts";
import { tokenFromMemory, tokenFromStore } from "./token.ts";

interface Measurable {
  /** The names of its measurements; any of them, or a prefix, selects it. */
  readonly names: readonly string[];
  readonly take: (effort: Effort) => Promise<Measurement[]>;
}

const of0Ms = ["ratio", "cpu", "users_per_s", "bare_per_s", "cpu_per_user", "bare_cpu_per_user"];
const ofWalks = ["pages.0ms", "pages.cpu", "0ms", "cpu", "digits.0ms"];
const ofEvents = ["ratio.alone", "commits_per_s.alone", "ratio.together", "commits_per_s.together"];
const ofInspector = ["first.growth", "users.growth", "next.growth", "pages.20", "first", "users", "next"];
const outcomes = ["created_twice", "failed", "lost", "all_done_s"];
const ofExport = ["missing", "twice", "rss", "calls_per_s"];
const legs = ["lmdb.postgres", "postgres.redis", "redis.lmdb"].map((leg) => `users_per_s.${leg}`);
const ofMove = [...legs, "lost", "calls", "digests", "rss"];
const counts = ["max_in_window", "refused", "used"];
const atSizes = ["growth", "inspect", "rss", "grant", "counts", "forecast"];
const measurables: readonly Measurable[] = [
  { names: ["onboard.ratio.25ms"], take: onboardAt25Ms },
  { names: of0Ms.map((what) => `onboard.${what}.0ms`), take: onboardAt0Ms },
  { names: ["onboard.rss"], take: onboardMemory },
  { names: ["token.warm"], take: tokenFromMemory },
  { names: ["token.store"], take: tokenFromStore },
  { names: ["fhir.ratio.25ms"], take: fhirAt25Ms },
  {
    names: ["fhir.read.0ms", "fhir.read.cpu", "fhir.read.burst.cpu", "fhir.read.in_time.cpu"],
    take: fhirReads,
  },
  { names: ["fhir.walk.25ms"], take: fhirWalkAt25Ms },
  { names: ofWalks.map((what) => `fhir.walk.${what}`), take: fhirWalks },
  { names: ["redis.onboard.ratio.50ms"], take: redisAt50Ms },
  { names: ["redis.onboard.ratio.0ms"], take: redisAt0Ms },
  { names: ["redis.trips", "redis.commands"], take: redisTrips },
  { names: ["postgres.onboard.ratio.50ms"], take: postgresAt50Ms },
  {
    names: ["postgres.onboard.ratio.0ms", "postgres.onboard.users_per_s.0ms"],
    take: postgresAt0Ms,
  },
  { names: ["postgres.trips", "postgres.trips.shared"], take: postgresTrips },
  { names: outcomes.map((what) => `recovery.${what}`), take: recoveryOnLmdb },
  { names: outcomes.map((what) => `recovery.redis.${what}`), take: recoveryOnRedis },
  { names: outcomes.map((what) => `recovery.postgres.${what}`), take: recoveryOnPostgres },
  { names: counts.map((what) => `exact.lmdb.${what}`), take: exactOnLmdb },
  { names: counts.map((what) => `exact.redis.${what}`), take: exactOnRedis },
  { names: counts.map((what) => `exact.postgres.${what}`), take: exactOnPostgres },
  { names: atSizes.map((what) => `flat.lmdb.${what}`), take: flatOnLmdb },
  { names: atSizes.map((what) => `flat.redis.${what}`), take: flatOnRedis },
  { names: atSizes.map((what) => `flat.postgres.${what}`), take: flatOnPostgres },
  { names: ofEvents.map((what) => `events.lmdb.${what}`), take: eventsOnLmdb },
  { names: ofEvents.map((what) => `events.redis.${what}`), take: eventsOnRedis },
  { names: ofEvents.map((what) => `events.postgres.${what}`), take: eventsOnPostgres },
  { names: ofInspector.map((what) => `inspector.${what}`), take: inspectorOnLmdb },
  { names: ofExport.map((what) => `export.${what}`), take: exportKilled },
  { names: ofMove.map((what) => `move.${what}`), take: moveAround },
  { names: ["import.ratio", "import.ratio.wall", "import.ms", "import.cpu_ms"], take: importTime },
  { names: ["token.cold_ms", "token.cold_cpu_ms"], take: coldToken },
  { names: ["testkit.ms"], take: testkit },
];

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
  const known = measurables.flatMap(({ names }) => names).join(", ");
  throw new Error(`Cannot measure ${unknown.join(", ")}: a name must be a prefix of one of ${known}`);
}

const all: Taken[] = [];
for (const { take } of chosen(positionals)) {
  const effort = values.quick ? quick : thorough;
  const fresh = await taken({ take: () => take(effort), load: loadOfOthers, again: values.strict });
  all.push(...fresh);
  if (values.json) for (const one of fresh) console.log(asJson(one));
}
if (!values.json) console.log(asTable(all));
const unquiet = warning(Object.fromEntries(all.map(({ name, load }) => [name, load])));
if (unquiet !== null) console.error(unquiet);
if (values.strict && all.some((one) => holds(one) === false)) process.exitCode = 1;

function chosen(prefixes: readonly string[]): readonly Measurable[] {
  if (prefixes.length === 0) return measurables;
  return measurables.filter(({ names }) =>
    names.some((name) => prefixes.some((prefix) => name.startsWith(prefix))),
  );
}
