/**
 * Users per second from nothing to a stored token, for each program, in rounds that alternate. Each round is
 * the second one of a new process.
 *
 * @module
 */
import { inPlace, type Place } from "../places.ts";
import { startProvider } from "../provider.ts";
import { startApart, type Apart } from "../apart.ts";
import { median, type Round } from "../rounds.ts";
import { connections, credentials, type Effort } from "../settings.ts";
import { bare, blind, durable, longQueue, type Contender } from "./contenders.ts";
import type { Task, Told } from "./side.ts";

/** The rounds of one program, comparable with those of the others by index. */
export interface Rounds {
  readonly contender: Contender;
  readonly rounds: readonly Round[];
}

/** Runs a round of each program in turn; the order changes. */
export async function throughput(latencyMs: number, effort: Effort): Promise<readonly Rounds[]> {
  const provider = await startProvider(latencyMs);
  const left: (() => Promise<void>)[] = [];
  try {
    const sides: {
      readonly start: () => Promise<Apart<Task, Round>>;
      readonly its: Rounds & { readonly rounds: Round[] };
    }[] = [];
    for (const contender of [bare, ...blind, ...durable, longQueue]) {
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
    const { rampMs, roundMs } = effort;
    for (let turn = 0; turn < effort.pairs; turn++) {
      const first = turn % sides.length;
      for (const { start, its } of [...sides.slice(first), ...sides.slice(0, first)]) {
        const task = { loops: its.contender.underWay, rampMs, roundMs };
        const apart = await start();
        try {
          await apart.ask(task);
          its.rounds.push(await apart.ask(task));
        } finally {
          await apart.close();
        }
      }
    }
    return sides.map(({ its }) => its);
  } finally {
    for (const leave of left.reverse()) await leave();
    await provider.close();
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
