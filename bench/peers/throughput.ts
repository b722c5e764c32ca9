/**
 * Users per second from nothing to a stored token, for each program, each in processes of its
 * own, one after the other: a program that rests while others work starts with a small heap and cold connections.
 *
 * @module
 */
import { inPlace, type Place } from "../places.ts";
import { startProvider } from "../provider.ts";
import { startApart, type Apart } from "../apart.ts";
import { median, warmUps, type Round } from "../rounds.ts";
import { connections, credentials, type Effort } from "../settings.ts";
import { bare, blind, byHand, durable, longQueue, type Contender } from "./contenders.ts";
import type { Task, Told } from "./side.ts";

/** The rounds of one program, comparable with those of the others by index. */
export interface Rounds {
  readonly contender: Contender;
  readonly rounds: readonly Round[];
}

/** Processes of each program, one after the other. */
const processes = 3;

/** A program, and the rounds that it has run. */
interface Program {
  readonly start: () => Promise<Apart<Task, Round>>;
  readonly its: Rounds & { readonly rounds: Round[] };
}

/** Runs rounds of each program. */
export async function throughput(latencyMs: number, effort: Effort): Promise<readonly Rounds[]> {
  const provider = await startProvider(latencyMs);
  const left: (() => Promise<void>)[] = [];
  try {
    const sides: Program[] = [];
    for (const contender of [bare, ...blind, byHand, ...durable, longQueue]) {
      const place = await opened(contender, left);
      if (place === undefined) continue;
      const told: Told = {
        provider: { url: provider.url, credentials, connections },
        server: place.address,
        atATime: connections,
        leaseMs: 30_000,
        users: [],
      };
      sides.push({ start: () => startPeer(contender, told), its: { contender, rounds: [] } });
    }
    for (let block = 0; block < processes; block++) await inProcesses(sides, effort, block);
    return sides.map(({ its }) => its);
  } finally {
    for (const leave of left.reverse()) await leave();
    await provider.close();
  }
}

/** Starts each program in turn, and runs its share of the rounds after a warm-up; the order changes. */
async function inProcesses(programs: readonly Program[], effort: Effort, block: number): Promise<void> {
  const { pairs, rampMs, roundMs } = effort;
  const first = (4 * block) % programs.length;
  for (const { start, its } of [...programs.slice(first), ...programs.slice(0, first)]) {
    const apart = await start();
    try {
      for (let turn = -warmUps; turn < Math.ceil(pairs / processes); turn++) {
        const loops = turn === -warmUps ? 1 : its.contender.underWay;
        const measured = await apart.ask({ loops, rampMs, roundMs });
        if (turn >= 0) its.rounds.push(measured);
      }
    } finally {
      await apart.close();
    }
  }
}

function startPeer({ name, module }: Contender, told: Told): Promise<Apart<Task, Round>> {
  const script = new URL("peer-process.ts", import.meta.url);
  return startApart({ name, script, args: [module, JSON.stringify(told)] });
}

/** Opens a place that is removed after all rounds; `undefined` if its server is not available. */
async function opened({ kind, name }: Contender, left: (() => Promise<void>)[]): Promise<Place | undefined> {
  return new Promise((resolve, reject) => {
    const staying = inPlace(kind, name, (place) => {
      return new Promise<never[]>((leave) => {
        left.push(async () => {
          leave([]);
          await staying;
        });
        resolve(place);
      });
    });
    staying.then(() => resolve(undefined), reject);
  });
}

/** The median ratio of two programs' rounds with the same index. */
export function against(one: Rounds, other: Rounds, what: "perSecond" | "cpuMicros" = "perSecond"): number {
  return median(one.rounds.map((its, turn) => its[what] / (other.rounds[turn]?.[what] ?? Number.NaN)));
}
