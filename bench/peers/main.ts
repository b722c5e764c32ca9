/**
 * Compares and prints, for people (Markdown) or as one object a line (`--json`); `--quick`, `--strict`; see ../README.md.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { median } from "../rounds.ts";
import { asJson, asTable, holds } from "../report.ts";
import type { Measurement } from "../report.ts";
import { quick, thorough } from "../settings.ts";
import { bare, durable } from "./contenders.ts";
import { crashes } from "./crashes.ts";
import { limiters } from "./limiters.ts";
import { against, throughput } from "./throughput.ts";
import type { Rounds } from "./throughput.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    strict: { type: "boolean", default: false },
  },
});
const effort = values.quick ? quick : thorough;

const measured: Measurement[] = [];
const tables: string[] = [];

const [at0, at50] = [await throughput(0, effort), await throughput(50, effort)];
tables.push(
  markdown(
    ["", "users/s, answers at once", "× bare", "users/s, answers in 50 ms", "× bare", "CPU a user, µs"],
    at0.map((rounds) => {
      const slow = of(at50, rounds.contender.key);
      return [
        rounds.contender.name,
        ...rate(at0, rounds),
        ...(slow === undefined ? ["", ""] : rate(at50, slow)),
        whole(median(rounds.rounds.map(({ cpuMicros }) => cpuMicros))),
      ];
    }),
  ),
);
for (const [all, latency] of [
  [at0, "0ms"],
  [at50, "50ms"],
] as const) {
  for (const rounds of all) {
    if (rounds.contender === bare) continue;
    const value = share(all, rounds);
    measured.push({ name: `peers.${rounds.contender.key}.${latency}`, value, unit: "of bare", bar: null });
  }
  const least = latency === "0ms" ? { bullmq: 2, dbos: 5 } : { bullmq: null, dbos: null };
  versus(all, "ours.redis", "bullmq", latency, least.bullmq);
  versus(all, "ours.postgres", "dbos", latency, least.dbos);
}

const fallen: string[][] = [];
for (const contender of durable) {
  const outcome = await crashes(contender, effort.crashes);
  if (outcome === undefined) continue;
  const { createdTwice, failed, lost, allDoneMs } = outcome;
  fallen.push([contender.name, `${createdTwice}`, `${failed}`, `${lost}`, (allDoneMs / 1_000).toFixed(1)]);
  for (const [what, value] of Object.entries({ created_twice: createdTwice, failed, lost })) {
    const ours = contender.key.startsWith("ours") ? { bar: 0, atMost: true } : { bar: null };
    measured.push({ name: `peers.${contender.key}.${what}`, value, unit: "users", ...ours });
  }
}
tables.push(
  markdown(
    [
      `killed ${effort.crashes} × in the middle of 2,000 users`,
      "created twice",
      "failed",
      "lost",
      "s until all are done",
    ],
    fallen,
  ),
);

const limited = await limiters(effort.windows);
tables.push(
  markdown(
    [
      "limit of 300, 8 processes, 10 % slow calls",
      "most in a window",
      "refused",
      "of the ceiling",
      "lanes",
      "forecast",
    ],
    limited.map(({ name, spent, lanes, forecast }) => [
      name,
      `${spent.most}`,
      `${spent.refused}`,
      spent.used.toFixed(3),
      lanes ? "yes" : "no",
      forecast ? "yes" : "no",
    ]),
  ),
);

if (values.json) for (const one of measured) console.log(asJson(one));
else console.log(`${tables.join("\n\n")}\n\n${asTable(measured)}`);
if (values.strict && measured.some((one) => holds(one) === false)) process.exitCode = 1;
process.exit(); // a peer may have left a timer behind

function of(all: readonly Rounds[], key: string): Rounds | undefined {
  return all.find(({ contender }) => contender.key === key);
}

/** Of bare undici, in the rounds beside it. */
function share(all: readonly Rounds[], rounds: Rounds): number {
  const measure = of(all, bare.key);
  return measure === undefined ? Number.NaN : against(rounds, measure);
}

function rate(all: readonly Rounds[], rounds: Rounds): string[] {
  const perSecond = median(rounds.rounds.map((each) => each.perSecond));
  return [whole(perSecond), share(all, rounds).toFixed(2)];
}

function versus(
  all: readonly Rounds[],
  ours: string,
  theirs: string,
  latency: string,
  bar: number | null,
): void {
  const [one, other] = [of(all, ours), of(all, theirs)];
  if (one === undefined || other === undefined) return;
  measured.push({ name: `peers.vs_${theirs}.${latency}`, value: against(one, other), unit: "times", bar });
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
