/**
 * `npm run simulate -- --seeds 1000`: plays stories and prints those that break a promise.
 * `npm run simulate -- --seed 4711 --trace`: plays one, and prints it line by line.
 * `npm run simulate -- --import 1000000`: one import that takes 139 days.
 */
import { availableParallelism } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { inWords, playImport, scaled } from "./import.ts";
import { kinds } from "./kinds.ts";
import { play, playShares, playsShares, playTogether, type Played, type Row } from "./play.ts";

const usage = `npm run simulate -- [--seeds N] [--from S] [--until-broken]    N stories (1000), the first of them seed S (1)
            [--with K]                                         each with the kind of fault K of kinds.ts
            [--jobs N]                                         in N processes at once (one for each processor)
npm run simulate -- --seed S [--trace]                         one story, line by line
npm run simulate -- --import N [--seed S]                      an import of N users, to its end`;

if (!process.argv.includes("--trace")) Error.stackTraceLimit = 0; // stores refuse often here, and a stack costs more than the refusal

interface Words extends Row {
  /** Processes that play at the same time. */
  readonly jobs: number;
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
        jobs: { type: "string", default: String(availableParallelism()) },
        trace: { type: "boolean", default: false },
        "until-broken": { type: "boolean", default: false },
        with: { type: "string", default: "" },
      },
    });
    const { seed, trace, "until-broken": untilBroken, with: kind } = values;
    const users = Number(values.import);
    const jobs = Number(values.jobs);
    const from = Number(seed ?? values.from);
    const seeds = seed === undefined ? Number(values.seeds) : 1;
    const whole = [from, seeds, jobs].every((number) => Number.isSafeInteger(number) && number > 0);
    return whole && (kind === "" || kind in kinds) && Number.isSafeInteger(users) && users >= 0
      ? { from, seeds, jobs, trace, untilBroken, kind, users }
      : null;
  } catch {
    return null; // a word that is none of these
  }
}

async function main({ jobs, ...row }: Words): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const printer = {
    line: (text: string) => void process.stdout.write(`${wiped()}${text}\n`),
    progress: ({ stories, broken }: Played) =>
      progress(`${stories} of ${row.seeds} stories, ${broken} broken`),
  };
  const isAlone = jobs === 1 || row.trace || row.seeds === 1;
  const { stories, calls, broken, seconds } = isAlone
    ? await play(row, printer, stop.signal)
    : await playTogether(jobs, row, printer, stop.signal);
  const rate = Math.round(stories / Math.max(seconds, 0.1));
  printer.line(
    `${stories} stories, ${calls} calls: ${broken === 0 ? "every promise was kept" : `${broken} broke a promise`} (${seconds.toFixed(1)} s of CPU, ${rate} a second)`,
  );
  if (broken > 0) process.stdout.write("Replay one with: npm run simulate -- --seed S --trace\n");
  if (broken > 0 || stop.signal.aborted) process.exitCode = 1;
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

/** Without a terminal, progress is printed this often, ms. */
const betweenLinesMs = 30_000;
let lineAt = performance.now();

/** On a terminal, one line that is written over again. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}`);
  else if (performance.now() - lineAt >= betweenLinesMs) {
    lineAt = performance.now();
    process.stderr.write(`${text}\n`);
  }
}

function wiped(): string {
  return process.stderr.isTTY ? "\r\u001B[K" : "";
}

async function run(): Promise<void> {
  if (playsShares()) return playShares();
  const words = readWords();
  if (words === null) {
    process.stderr.write(`${usage}\n`);
    process.exitCode = 2;
  } else if (words.users > 0) await bringIn(words.users, words.from);
  else await main(words);
}

await run();
