/**
 * The comparison of FHIR clients: two tables and the measurements with bars.
 *
 * @module
 */
import { loops, type Effort } from "../../settings.ts";
import type { Measurement } from "../../report.ts";
import { median } from "../../rounds.ts";
import { whole, type Part } from "../part.ts";
import { behaviours, questions } from "./behaviour.ts";
import { bare, bareFetch, ours } from "./clients.ts";
import { ratio, resourcesOfWalk, speeds, type Speed } from "./speed.ts";

const works = ["read", "create", "walk"] as const;
const packages = ["undici", "@medplum/core", "fhir-kit-client", "fhirclient"];

/** Speed, CPU and memory of FHIR clients, and what they do with difficult answers. */
export async function fhir(effort: Effort): Promise<Part> {
  const all = await speeds(effort);
  const behaved = await behaviours();
  return {
    tables: [
      {
        head: [
          `${loops} calls at a time; a walk of ${whole(resourcesOfWalk)}`,
          ...["read", "create"].flatMap((work) => [`${work}s/s`, "× bare", `CPU a ${work}, µs`]),
          "resources of a walk/s",
          "× bare",
          "CPU of a walk, ms",
          "memory before a walk, MB",
          "above that in it, MB",
        ],
        rows: all.map((speed) => [speed.client.name, ...cells(all, speed)]),
      },
      { head: ["", ...questions], rows: behaved.map(({ client, answers }) => [client.name, ...answers]) },
    ],
    packages,
    measured: measurements(all),
  };
}

function cells(all: readonly Speed[], speed: Speed): string[] {
  const of = (work: (typeof works)[number]): readonly [number, string, number] => [
    median(speed[work].map(({ perSecond }) => perSecond)),
    ratio(speed, side(all, bare.key), work).toFixed(2),
    median(speed[work].map(({ cpuMicros }) => cpuMicros)),
  ];
  const [read, create, walk] = [of("read"), of("create"), of("walk")];
  return [
    ...[read, create].flatMap(([rate, share, cpu]) => [whole(rate), share, whole(cpu)]),
    whole(walk[0] * resourcesOfWalk),
    walk[1],
    whole(walk[2] / 1_000),
    whole(median(speed.memory.map(({ before }) => before))),
    whole(rise(speed)),
  ];
}

/** The most that memory rose in a walk; of the processes that walked, the median. */
function rise({ memory }: Speed): number {
  return median(memory.map((each) => each.rise));
}

function measurements(all: readonly Speed[]): Measurement[] {
  const measure = side(all, bare.key);
  const its = side(all, ours.key);
  const onFetch = side(all, bareFetch.key);
  const peers = all.filter((one) => one !== measure && one !== onFetch && one !== its);
  const versusBest = (work: (typeof works)[number], bar: number | null): Measurement => ({
    name: `peers.fhir.${work}.vs_best`,
    value: Math.min(...peers.map((peer) => ratio(its, peer, work))),
    unit: "times",
    bar,
  });
  return [
    ...works.flatMap((work) =>
      [onFetch, its, ...peers].map((one) => ({
        name: `peers.fhir.${work}.${one.client.key}`,
        value: ratio(one, measure, work),
        unit: "of bare",
        bar: null,
      })),
    ),
    versusBest("read", 4),
    versusBest("create", null),
    versusBest("walk", 1.3),
    { name: "peers.fhir.walk.memory", value: rise(its), unit: "MB", bar: 40, atMost: true },
  ];
}

function side(all: readonly Speed[], key: string): Speed {
  const found = all.find(({ client }) => client.key === key);
  if (found === undefined) throw new Error(`Cannot compare without ${key}`);
  return found;
}
