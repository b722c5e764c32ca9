/**
 * Runs the comparison and prints Markdown tables. `npm run bench:peers -- [speed] [crashes] [limits] [--json] [--quick]
 * [--strict]`; see ../README.md.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { loadOfOthers, warning } from "../load.ts";
import { asJson, asTable, holds, type Measurement } from "../report.ts";
import { median } from "../rounds.ts";
import { quick, thorough, type Effort } from "../settings.ts";
import { bare, durable } from "./contenders.ts";
import { crashes } from "./crashes.ts";
import { fhir } from "./fhir/part.ts";
import { limiters } from "./limiters.ts";
import { markdown, whole, type Part } from "./part.ts";
import { against, throughput, type Rounds } from "./throughput.ts";

const parts = { speed, fhir, crashes: afterCrashes, limits } as const;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
});
const names = Object.keys(parts) as (keyof typeof parts)[]; // its only keys
const unknown = positionals.filter((given) => !names.some((name) => name === given));
if (unknown.length > 0) {
  throw new Error(`Cannot compare ${unknown.join(", ")}: a part must be one of ${names.join(", ")}`);
}

const measured: (Measurement & { readonly load: number })[] = [];
const loads: Record<string, number> = {};
for (const name of names.filter((each) => positionals.length === 0 || positionals.includes(each))) {
  const before = await loadOfOthers();
  const part = await parts[name](values.quick ? quick : thorough);
  const load = Math.max(before, await loadOfOthers());
  loads[name] = load;
  const its = part.measured.map((one) => ({ ...one, load }));
  measured.push(...its);
  if (values.json) for (const one of its) console.log(asJson(one));
  else console.log(markdown(part, load));
}
if (!values.json && measured.length > 0) console.log(asTable(measured));
const unquiet = warning(loads);
if (unquiet !== null) console.error(unquiet);
if (values.strict && measured.some((one) => holds(one) === false)) process.exitCode = 1;
process.exit(); // a peer may have left a timer running

/** Users per second from nothing to a stored token. */
async function speed(effort: Effort): Promise<Part> {
  const short = { ...effort, roundMs: Math.min(effort.roundMs, 1_000) }; // because there are many
  const [at0, at50] = [await throughput(0, short), await throughput(50, short)];
  const bars: Readonly<Record<string, number>> = { "vs_bullmq.0ms": 2, "vs_dbos.0ms": 6 };
  const versus = (all: readonly Rounds[], name: string, one: string, other: string): Measurement[] => {
    const [these, those] = [of(all, one), of(all, other)];
    if (these === undefined || those === undefined) return [];
    return [{ name: `peers.${name}`, value: against(these, those), unit: "times", bar: bars[name] ?? null }];
  };
  const of0And50 = [
    [at0, "0ms"],
    [at50, "50ms"],
  ] as const;
  const head = [
    "",
    "users/s, answers at once",
    "× bare",
    "users/s, answers in 50 ms",
    "× bare",
    "CPU a user, µs",
  ];
  const rows = at0.map((rounds) => [
    rounds.contender.name,
    ...rate(at0, rounds),
    ...rate(at50, of(at50, rounds.contender.key)),
    whole(median(rounds.rounds.map(({ cpuMicros }) => cpuMicros))),
  ]);
  return {
    tables: [{ head, rows }],
    packages: ["undici", "xstate", "keyv", "bullmq", "@dbos-inc/dbos-sdk", "ioredis"],
    measured: of0And50
      .flatMap(([all, latency]) => [
        ...all
          .filter(({ contender }) => contender !== bare)
          .map((rounds) => ({
            name: `peers.${rounds.contender.key}.${latency}`,
            value: share(all, rounds),
            unit: "of bare",
            bar: null,
          })),
        ...versus(all, `vs_bullmq.${latency}`, "ours.redis", "bullmq"),
        ...versus(all, `blind.vs_bullmq.${latency}`, "blind.redis", "bullmq"),
        ...versus(all, `vs_dbos.${latency}`, "ours.postgres", "dbos"),
      ])
      .concat(
        cpu(at0, "vs_bullmq.cpu", "ours.redis", "bullmq", 0.8),
        cpu(at0, "floor.redis", "ours.redis", "blind.redis", 1.5),
        cpu(at0, "floor.redis.checks", "hand.redis", "blind.redis", null),
        cpu(at0, "floor.redis.runtime", "ours.redis", "hand.redis", null),
        cpu(at0, "floor.redis.checks.vs_bullmq", "hand.redis", "bullmq", null),
        cpu(at0, "floor.lmdb", "ours.lmdb", "blind.lmdb", null),
        cpu(at0, "floor.postgres", "ours.postgres", "blind.postgres", null),
      ),
  };
}

/** CPU of one program for a user, divided by that of another in the same rounds. */
function cpu(
  all: readonly Rounds[],
  name: string,
  one: string,
  other: string,
  bar: number | null,
): Measurement[] {
  const [these, those] = [of(all, one), of(all, other)];
  if (these === undefined || those === undefined) return [];
  const value = against(these, those, "cpuMicros");
  const atMost = bar === null ? {} : { atMost: true };
  return [{ name: `peers.${name}`, value, unit: "× its CPU", bar, ...atMost }];
}

/** What happens to users whose application is killed. */
async function afterCrashes(effort: Effort): Promise<Part> {
  const rows: string[][] = [];
  const counted: Measurement[] = [];
  for (const contender of durable) {
    const outcome = await crashes(contender, effort.crashes);
    if (outcome === undefined) continue;
    const { createdTwice, failed, lost, allDoneMs } = outcome;
    const seconds = allDoneMs / 1_000;
    rows.push([contender.name, `${createdTwice}`, `${failed}`, `${lost}`, seconds.toFixed(1)]);
    const bar = contender.key.startsWith("ours") ? { bar: 0, atMost: true } : { bar: null };
    for (const [what, value] of Object.entries({ created_twice: createdTwice, failed, lost })) {
      counted.push({ name: `peers.${contender.key}.${what}`, value, unit: "users", ...bar });
    }
    const name = `peers.${contender.key}.all_done_s`;
    counted.push({ name, value: seconds, unit: "s", bar: null });
  }
  const killed = `killed ${effort.crashes} × during 2,000 users`;
  return {
    tables: [{ head: [killed, "created twice", "failed", "lost", "s until all are done"], rows }],
    packages: ["xstate", "keyv", "bullmq", "@dbos-inc/dbos-sdk", "ioredis"],
    measured: counted,
  };
}

/** What a server with a limit measures. */
async function limits(effort: Effort): Promise<Part> {
  const lines = await limiters(effort.windows);
  const yes = (it: boolean): string => (it ? "yes" : "no");
  return {
    tables: [
      {
        head: [
          "300 calls in any 20 s allowed, 8 processes, 10 % slow calls",
          "most in a window",
          "refused",
          "of the ceiling",
          "lanes",
          "forecast",
        ],
        rows: lines.map(({ name, spent, lanes, forecast }) => [
          name,
          `${spent.most}`,
          `${spent.refused}`,
          spent.used.toFixed(3),
          yes(lanes),
          yes(forecast),
        ]),
      },
    ],
    packages: ["rate-limiter-flexible", "async-ratelimiter", "ioredis"],
    measured: [],
  };
}

function of(all: readonly Rounds[], key: string): Rounds | undefined {
  return all.find(({ contender }) => contender.key === key);
}

/** Throughput as a share of bare undici's, in the same rounds. */
function share(all: readonly Rounds[], rounds: Rounds): number {
  const measure = of(all, bare.key);
  return measure === undefined ? Number.NaN : against(rounds, measure);
}

function rate(all: readonly Rounds[], rounds: Rounds | undefined): string[] {
  if (rounds === undefined) return ["", ""];
  const perSecond = median(rounds.rounds.map((each) => each.perSecond));
  return [whole(perSecond), share(all, rounds).toFixed(2)];
}
