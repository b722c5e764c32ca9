/**
 * Reads, creates and walks by each FHIR client, in rounds that alternate, and the memory of a walk.
 *
 * @module
 */
import { startProvider } from "../../provider.ts";
import { median } from "../../rounds.ts";
import { connections, loops, type Effort } from "../../settings.ts";
import { bare, bareFetch, others, ours, start, type Client, type Running } from "./clients.ts";
import type { Outcome, Task } from "./side.ts";

/** What was measured of a client. Entries with the same index are of the same round. */
export interface Speed {
  readonly client: Client;
  readonly read: readonly Outcome[];
  readonly create: readonly Outcome[];
  readonly walk: readonly Outcome[];
  /** Each in a process of its own. */
  readonly memory: readonly Outcome[];
}

/** Resources of a walk, 100 a page. */
export const resourcesOfWalk = 20_000;

const clients = [bare, bareFetch, ours, ...others];
const works = ["read", "create", "walk"] as const;
const lasting = 3_600;

/** Runs rounds of each client in turn, after a warm-up round; the order changes. */
export async function speeds({ pairs, roundMs }: Effort): Promise<readonly Speed[]> {
  const provider = await startProvider(0, resourcesOfWalk / 100, "absolute");
  const told = { url: provider.url, connections, expiresIn: lasting };
  const calls = 4 * roundMs; // at 4,000 a second a round takes its time
  const tasks: Readonly<Record<(typeof works)[number], Task>> = {
    read: { what: "read", count: calls, loops },
    create: { what: "create", count: calls, loops },
    walk: { what: "walk", count: 5, loops: 1 },
  };
  const running: Running[] = [];
  try {
    const all: Speeding[] = [];
    for (const client of clients) {
      const process = await start(client, told);
      running.push(process);
      all.push({ client, process, read: [], create: [], walk: [], memory: [] });
    }
    for (const work of works) {
      for (let turn = -1; turn < pairs; turn++) {
        const first = Math.max(0, turn) % all.length;
        for (const one of [...all.slice(first), ...all.slice(0, first)]) {
          const outcome = succeeded(one.client, await one.process.ask(tasks[work]));
          if (turn >= 0) one[work].push(outcome);
        }
      }
    }
    for (const process of running.splice(0)) await process.close();
    for (let turn = 0; turn < 5; turn++) {
      for (const { client, memory } of all) {
        const process = await start(client, told);
        running.push(process);
        const outcome = succeeded(client, await process.ask({ what: "memory" }));
        if (outcome.found !== resourcesOfWalk) {
          throw new Error(`Cannot compare walks: ${client.name} saw ${outcome.found} resources`);
        }
        memory.push(outcome);
        await running.pop()?.close();
      }
    }
    return all;
  } finally {
    for (const process of running) await process.close();
    await provider.close();
  }
}

interface Speeding extends Speed {
  readonly process: Running;
  readonly read: Outcome[];
  readonly create: Outcome[];
  readonly walk: Outcome[];
  readonly memory: Outcome[];
}

function succeeded({ name }: Client, outcome: Outcome): Outcome {
  if (outcome.error !== undefined) throw new Error(`Cannot measure ${name}: ${outcome.error}`);
  return outcome;
}

/** The median ratio of two clients' rounds. */
export function ratio(one: Speed, other: Speed, work: (typeof works)[number]): number {
  return median(one[work].map(({ perSecond }, turn) => perSecond / (other[work][turn]?.perSecond ?? NaN)));
}
