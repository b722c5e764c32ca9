/**
 * Users per second from nothing to a stored token, for each program, in rounds that alternate. Each runs in a process of
 * its own.
 *
 * @module
 */
import { inPlace, type Place } from "../places.ts";
import { startProvider } from "../provider.ts";
import { startApart, type Apart } from "../apart.ts";
import { median, warmUps, type Round } from "../rounds.ts";
import { connections, credentials, type Effort } from "../settings.ts";
import { bare, blind, durable, longQueue, type Contender } from "./contenders.ts";
import type { Task, Told } from "./side.ts";

/** The rounds of one program, comparable with those of the others by index. */
export interface Rounds {
  readonly contender: Contender;
  readonly rounds: readonly Round[];
}

/** Runs a round of each program in turn, after warm-up rounds; the order changes. */
export async function throughput(latencyMs: number, effort: Effort): Promise<readonly Rounds[]> {
  const provider = await startProvider(latencyMs);
  const left: (() => Promise<void>)[] = [];
  try {
    const sides: {
      readonly contender: Contender;
      readonly apart: Apart<Task, Round>;
      readonly rounds: Round[];
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
      const apart = await startApart<Task, Round>({
        name: contender.name,
        script: new URL("peer-process.ts", import.meta.url),
        args: [contender.module, JSON.stringify(told)],
      });
      left.push(() => apart.close());
      sides.push({ contender, apart, rounds: [] });
    }
    const { rampMs, roundMs } = effort;
    for (let turn = -warmUps; turn < effort.pairs; turn++) {
      const first = Math.max(0, turn) % sides.length;
      for (const { contender, apart, rounds } of [...sides.slice(first), ...sides.slice(0, first)]) {
        const measured = await apart.ask({ loops: contender.underWay, rampMs, roundMs });
        if (turn >= 0) rounds.push(measured);
      }
    }
    return sides;
  } finally {
    for (const leave of left.reverse()) await leave();
    await provider.close();
  }
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
