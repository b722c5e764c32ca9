/**
 * Compares the library with the same work by hand, on bare undici: rounds in turn, each side in a process of its own.
 *
 * @module
 */
import { startApart, type Apart } from "./apart.ts";
import type { Place } from "./places.ts";
import { startProvider } from "./provider.ts";
import { median, pairs, type Pair, type Round } from "./rounds.ts";
import { loops, type Effort } from "./settings.ts";

/** A kind of work that both sides can do. */
export type Work = "onboard" | "createAndRead" | "read" | "readInTime" | "walk" | "walkPages" | "walkDigits";

/** What a side is told when it starts. */
export interface Told {
  readonly side: "bare" | "durable";
  /** The provider. */
  readonly url: string;
  /** Where the library's users are; `null`: in a folder, with LMDB. */
  readonly place: Pick<Place, "kind" | "address"> | null;
}

/** A round. */
export interface Task extends Pick<Effort, "rampMs" | "roundMs"> {
  readonly work: Work;
  /** Concurrent units of work. */
  readonly loops: number;
}

/** What is compared, and where. */
export interface Scene {
  readonly work: Work;
  readonly effort: Effort;
  readonly latencyMs: number;
  /** @default 128 */
  readonly loops?: number;
  /** @default LMDB */
  readonly place?: Told["place"];
}

/** The pages of one walk. A walk is a unit of work, so a round holds many of them. */
export const pagesOfWalk = 20;

/** Runs both sides in turn. */
export async function compare(scene: Scene): Promise<readonly Pair[]> {
  const { work, effort, latencyMs, place = null, loops: atATime = loops } = scene;
  const provider = await startProvider(latencyMs, pagesOfWalk);
  const running: Apart<Task, Round>[] = [];
  const start = async (side: Told["side"]): Promise<Apart<Task, Round>> => {
    const told: Told = { side, url: provider.url, place };
    const script = new URL("side-process.ts", import.meta.url);
    const apart = await startApart<Task, Round>({ name: side, script, args: [JSON.stringify(told)] });
    running.push(apart);
    return apart;
  };
  try {
    const [bare, durable] = [await start("bare"), await start("durable")];
    const asked = ({ rampMs, roundMs }: Effort): Task => ({ work, loops: atATime, rampMs, roundMs });
    return await pairs(
      (each) => bare.ask(asked(each)),
      (each) => durable.ask(asked(each)),
      effort,
    );
  } finally {
    for (const apart of running) await apart.close();
    await provider.close();
  }
}

/** The library's throughput as a share of the bare side's. */
export function ratio(measured: readonly Pair[]): number {
  return median(measured.map(({ bare, durable }) => durable.perSecond / bare.perSecond));
}

/** CPU time of the library for a unit of work, by that of bare undici. */
export function cpuRatio(measured: readonly Pair[]): number {
  return median(measured.map(({ bare, durable }) => durable.cpuMicros / bare.cpuMicros));
}
