/** Plays a row of stories, in this process or in several at once. */
import { fork, type ChildProcess } from "node:child_process";
import process from "node:process";
import { simulate } from "./simulation.ts";

/** Which stories are played. */
export interface Row {
  /** The seed of the first one. */
  readonly from: number;
  readonly seeds: number;
  /** A kind of fault that every story has; "": none. */
  readonly kind: string;
  readonly trace: boolean;
  readonly untilBroken: boolean;
}

/** What came of the stories played so far. */
export interface Played {
  readonly stories: number;
  readonly calls: number;
  readonly broken: number;
  /** Seconds of CPU. */
  readonly seconds: number;
}

/** Prints what is known meanwhile. */
export interface Printer {
  line(text: string): void;
  progress(played: Played): void;
}

const none: Played = { stories: 0, calls: 0, broken: 0, seconds: 0 };

/** Plays them one after the other, until the signal is aborted. */
export async function play(row: Row, printer: Printer, signal: AbortSignal): Promise<Played> {
  const before = process.cpuUsage();
  const seconds = (): number => {
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1e6;
  };
  let played = none;
  for (let seed = row.from; seed < row.from + row.seeds && !signal.aborted; seed++) {
    const { calls, trace, blamed } = await simulate(seed, { trace: row.trace, kind: row.kind });
    const waits = process.getActiveResourcesInfo().includes("Timeout");
    if (waits) throw new Error(`Cannot believe story ${seed}: something in it waits for real time`);
    const broken = blamed.length === 0 ? 0 : 1;
    const next = { stories: 1, calls, broken, seconds: 0 };
    played = { ...sum([played, next]), seconds: seconds() };
    if (row.trace) printer.line(trace.join("\n"));
    if (broken > 0) printer.line(`seed ${seed}: ${blamed.join("\n  ")}`);
    printer.progress(played);
    if (row.untilBroken && broken > 0) break;
  }
  return played;
}

/** The stories that a process is given at a time: few, so that all end at about the same time. */
const share = 25;

/** What a process of {@link playTogether} sends: a line to print, or what came of its share. */
type Sent = { readonly line: string } | { readonly played: Played };

/** Plays them in so many processes of this program, each of which calls {@link playShares}. */
export async function playTogether(
  jobs: number,
  row: Row,
  printer: Printer,
  signal: AbortSignal,
): Promise<Played> {
  const shares: Row[] = [];
  for (let done = 0; done < row.seeds; done += share)
    shares.push({ ...row, from: row.from + done, seeds: Math.min(share, row.seeds - done) });
  const results: Played[] = [];
  const work = async (): Promise<void> => {
    const child = fork(process.argv[1] ?? "", [], { env: { ...process.env, [mark]: "1" } });
    const stop = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", stop);
    try {
      for (let next = shares.shift(); next !== undefined; next = shares.shift()) {
        const played = await playedBy(child, next, printer);
        results.push(played);
        printer.progress(sum(results));
        if (row.untilBroken && played.broken > 0) shares.length = 0;
      }
    } finally {
      signal.removeEventListener("abort", stop);
      child.disconnect();
    }
  };
  signal.addEventListener("abort", () => (shares.length = 0));
  await Promise.all(Array.from({ length: Math.min(jobs, shares.length) }, work));
  return sum(results);
}

/** Gives a process its share, prints its lines, and waits for what came of it. */
function playedBy(child: ChildProcess, row: Row, printer: Printer): Promise<Played> {
  return new Promise((resolve, reject) => {
    const hear = (sent: Sent): void => {
      if ("line" in sent) return printer.line(sent.line);
      leave();
      resolve(sent.played);
    };
    const end = (code: number | null): void => {
      leave();
      reject(new Error(`A process that played the stories from ${row.from} on ended with ${code}`));
    };
    const leave = (): void => void child.off("message", hear).off("exit", end);
    child.on("message", hear).on("exit", end);
    child.send(row);
  });
}

const mark = "ONEUP_SIMULATION_SHARES";

/** Whether this process was started by {@link playTogether}. */
export const playsShares = (): boolean => process.env[mark] === "1";

/** Plays each share that it is given, until the process that gives them ends it or is gone. */
export function playShares(): void {
  const send = (sent: Sent): void => void process.send?.(sent);
  const printer: Printer = { line: (line) => send({ line }), progress: () => {} };
  const stop = new AbortController();
  process.on("SIGINT", () => {}); // the process that gives the shares decides
  process.on("SIGTERM", () => stop.abort());
  process.on("disconnect", () => process.exit());
  process.on("message", (row: Row) => {
    void play(row, printer, stop.signal).then((played) => send({ played }));
  });
}

function sum(all: readonly Played[]): Played {
  return all.reduce(
    (a, b) => ({
      stories: a.stories + b.stories,
      calls: a.calls + b.calls,
      broken: a.broken + b.broken,
      seconds: a.seconds + b.seconds,
    }),
    none,
  );
}
