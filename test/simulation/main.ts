/** `npm run simulate -- --seeds 1000 [--seed 4711] [--trace]`: plays seeds, and tells of those that break a promise. */
import process from "node:process";
import { parseArgs } from "node:util";
import { simulate } from "./simulation.ts";
import type { Outcome } from "./simulation.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100" },
    seed: { type: "string" },
    trace: { type: "boolean", default: false },
    "until-broken": { type: "boolean", default: false },
  },
});

Error.stackTraceLimit = 0; // stores refuse often here, and a stack costs more than the refusal

const first = Number(values.seed ?? 1);
const count = values.seed === undefined ? Number(values.seeds) : 1;
const started = process.cpuUsage();
const bad: Outcome[] = [];
let calls = 0;
for (let seed = first; seed < first + count; seed++) {
  if (values["until-broken"] && bad.length > 0) break;
  const outcome = await simulate(seed, { trace: values.trace });
  calls += outcome.calls;
  if (values.trace) process.stdout.write(`${outcome.trace.join("\n")}\n`);
  if (outcome.blamed.length > 0) {
    bad.push(outcome);
    process.stdout.write(`seed ${seed}: ${outcome.blamed.join("\n  ")}\n`);
  }
}
const { user, system } = process.cpuUsage(started);
const seconds = (user + system) / 1e6;
process.stdout.write(
  `${count} seeds in ${seconds.toFixed(1)} s of CPU (${(count / seconds).toFixed(0)}/s), ${calls} calls, ${bad.length} failed\n`,
);
process.exitCode = bad.length > 0 ? 1 : 0;
