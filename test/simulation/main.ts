/**
 * `npm run simulate -- --seeds 1000`: plays stories and prints those that break a promise.
 * `npm run simulate -- --seed 4711 --trace`: plays one, and prints it line by line.
 * `npm run simulate -- --import 1000000`: one import that takes 139 days.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { inWords, playImport, scaled } from "./import.ts";
import { kinds } from "./kinds.ts";
import { simulate } from "./simulation.ts";

const usage = `npm run simulate -- [--seeds N] [--from S] [--until-broken]    N stories (1000), the first of them seed S (1)
            [--with K]                                         each with the kind of fault K of kinds.ts
npm run simulate -- --seed S [--trace]                         one story, line by line
npm run simulate -- --import N [--seed S]                      an import of N users, to its end`;

if (!process.argv.includes("--trace")) Error.stackTraceLimit = 0; // stores refuse often here, and a stack costs more than the refusal

interface Words {
  readonly from: number;
  readonly seeds: number;
  readonly trace: boolean;
  readonly untilBroken: boolean;
  /** A kind of fault that every story has; "": none. */
  readonly kind: string;
  /** Users to import; 0: stories are played. */
  readonly users: number;
}

function readWords(): Words | null {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: "string", default: "1000" },
        from: { type: "string", default: "1" },
        seed: { type: "string" },
        import: { type: "string", default: "0" },
        trace: { type: "boolean", default: false },
        "until-broken": { type: "boolean", default: false },
        with: { type: "string", default: "" },
      },
    });
    const { seed, trace, "until-broken": untilBroken, with: kind } = values;
    const users = Number(values.import);
    const from = Number(seed ?? values.from);
    const seeds = seed === undefined ? Number(values.seeds) : 1;
    const whole = [from, seeds].every((number) => Number.isSafeInteger(number) && number > 0);
    return whole && (kind === "" || kind in kinds) && Number.isSafeInteger(users) && users >= 0
      ? { from, seeds, trace, untilBroken, kind, users }
      : null;
  } catch {
    return null; // a word that is none of these
  }
}

async function main({ from, seeds, trace, untilBroken, kind }: Words): Promise<void> {
  let stopped = false;
  process.once("SIGINT", () => (stopped = true));
  const before = process.cpuUsage();
  let [played, calls, broken] = [0, 0, 0];
  for (let seed = from; seed < from + seeds && !stopped && !(untilBroken && broken > 0); seed++) {
    const outcome = await simulate(seed, { trace, kind });
    const waits = process.getActiveResourcesInfo().includes("Timeout");
    if (waits) throw new Error(`Cannot believe story ${seed}: something in it waits for real time`);
    played++;
    calls += outcome.calls;
    if (trace) process.stdout.write(`${outcome.trace.join("\n")}\n`);
    if (outcome.blamed.length > 0) {
      broken++;
      process.stdout.write(`${wiped()}seed ${seed}: ${outcome.blamed.join("\n  ")}\n`);
    }
    if (played % 50 === 0) progress(`${played} of ${seeds} stories, ${broken} broken`);
  }
  const { user, system } = process.cpuUsage(before);
  const seconds = (user + system) / 1e6;
  const rate = Math.round(played / seconds);
  process.stdout.write(
    `${wiped()}${played} stories, ${calls} calls: ${broken === 0 ? "every promise was kept" : `${broken} broke a promise`} (${seconds.toFixed(1)} s of CPU, ${rate} a second)\n`,
  );
  if (broken > 0) process.stdout.write("Replay one with: npm run simulate -- --seed S --trace\n");
  if (broken > 0 || stopped) process.exitCode = 1;
}

/** One import to its end. */
async function bringIn(users: number, seed: number): Promise<void> {
  const before = process.cpuUsage();
  const outcome = await playImport({
    ...scaled(users),
    seed,
    onProgress: (calls, days) => progress(`${calls} calls, day ${Math.ceil(days)}`),
  });
  const { user, system } = process.cpuUsage(before);
  const { blamed } = outcome;
  process.stdout.write(`${wiped()}${inWords(outcome)}\n`);
  process.stdout.write(
    `${blamed.length === 0 ? "every promise was kept" : blamed.join("\n")} (${((user + system) / 1e6).toFixed(0)} s of CPU)\n`,
  );
  if (blamed.length > 0) process.exitCode = 1;
}

/** One line that is written over again, on a terminal. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}`);
}

function wiped(): string {
  return process.stderr.isTTY ? "\r\u001B[K" : "";
}

const words = readWords();
if (words === null) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
} else if (words.users > 0) await bringIn(words.users, words.from);
else await main(words);
