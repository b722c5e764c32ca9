/**
 * What a worker costs while a growing number of users wait for a slot.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LifecycleOptions } from "oneup-lifecycle";
import { fill } from "./fill.ts";
import { encryption, inPlace, storeIn, type Kind } from "./places.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { median } from "./rounds.ts";
import { credentials, type Effort } from "./settings.ts";

/** Calls granted to a worker in a round; only the second number counts. */
const grants = { warm: 2_000, counted: 500 };
/** Rounds, each with a fresh worker. */
const rounds = 3;
/** Another account of the same store, of constant size, to warm up the worker. */
const warmUp = { credentials: { ...credentials, clientId: "warm" }, users: 3_000 };

/** A worker's input. */
export interface Told {
  readonly address: string;
  readonly options: Pick<LifecycleOptions, "encryption" | "endpoints">;
  /** The accounts to process, one after the other: the first warms up, the last is measured. */
  readonly turns: readonly {
    readonly credentials: typeof credentials;
    /** The limit; earlier grants are still in its window. */
    readonly calls: number;
    /** How many calls will be granted. */
    readonly grants: number;
  }[];
  /** Number of stored users, from which random ones are read. */
  readonly users: number;
}

/** A worker's result. */
export interface Said {
  /** CPU of the process per granted call and its follow-up (the commits, the exchange of the code), in µs. */
  readonly grantMicros: number;
  readonly inspectMicros: number;
  readonly countsMicros: number;
  readonly forecastMicros: number;
  /** The worker's own peak memory, in MB, without memory-mapped files. */
  readonly rss: number;
}

/** Users in LMDB. */
export function flatOnLmdb(effort: Effort): Promise<Measurement[]> {
  return flat("lmdb", effort);
}

/** Users in Redis, if it is available. */
export function flatOnRedis(effort: Effort): Promise<Measurement[]> {
  return flat("redis", effort);
}

/** Users in PostgreSQL, if it is available. */
export function flatOnPostgres(effort: Effort): Promise<Measurement[]> {
  return flat("postgres", effort);
}

async function flat(kind: Kind, { usersAtRest }: Effort): Promise<Measurement[]> {
  const name = `flat.${kind}`;
  const provider = await startProvider(0);
  const options = { encryption, endpoints: { api: provider.url, auth: provider.url } };
  try {
    return await inPlace(kind, name, async (place) => {
      const write = (account: typeof credentials, from: number, to: number): Promise<void> =>
        fill({ ...options, credentials: account, store: storeIn(place) }, from, to);
      const said = new Map<number, readonly Said[]>();
      const written = { warm: 0, counted: 0 };
      const granted = { warm: 0, counted: 0 };
      const turn = async (which: keyof typeof grants, account: typeof credentials, size: number) => {
        await write(account, written[which], size + granted[which]); // so that `size` users wait
        written[which] = size + granted[which];
        granted[which] += grants[which];
        return { credentials: account, calls: granted[which], grants: grants[which] };
      };
      for (const size of usersAtRest) {
        const all: Said[] = [];
        for (let index = 0; index < rounds; index++) {
          const turns = [
            await turn("warm", warmUp.credentials, warmUp.users),
            await turn("counted", credentials, size),
          ];
          all.push(await worker({ address: place.address, options, turns, users: written.counted }));
        }
        said.set(size, all);
      }
      return measurements(name, said);
    });
  } finally {
    await provider.close();
  }
}

async function worker(told: Told): Promise<Said> {
  const script = fileURLToPath(new URL("flat-worker.mjs", import.meta.url));
  const child = fork(script, [JSON.stringify(told)], { execArgv: [] });
  const exit = once(child, "exit");
  const [said] = (await Promise.race([once(child, "message"), exit.then(endedEarly)])) as [Said]; // the worker's message
  await exit;
  return said;
}

function endedEarly([code]: readonly unknown[]): never {
  throw new Error(`Cannot measure: the worker exited with code ${String(code)}`);
}

/** 1000 → `1k`, a million → `1M`. */
function short(users: number): string {
  return users >= 1e6 ? `${users / 1e6}M` : `${users / 1e3}k`;
}

function measurements(name: string, said: ReadonlyMap<number, readonly Said[]>): Measurement[] {
  const sizes = [...said.keys()];
  const of = (size: number, what: keyof Said): number =>
    median((said.get(size) ?? []).map((each) => each[what]));
  const micros = { unit: "µs", bar: null } as const;
  const [least = 0] = sizes;
  const most = sizes.at(-1) ?? least;
  const growth = of(most, "grantMicros") / of(least, "grantMicros");
  const inspect = name === "flat.lmdb" ? ({ unit: "µs", bar: 50, atMost: true } as const) : micros;
  return [
    { name: `${name}.growth`, value: growth, unit: "times", bar: 1.3, atMost: true },
    { name: `${name}.inspect`, value: of(most, "inspectMicros"), ...inspect },
    {
      name: `${name}.rss`,
      value: Math.max(...[...said.values()].flat().map(({ rss }) => rss)),
      unit: "MB",
      bar: 200,
      atMost: true,
    },
    ...sizes.flatMap((size) => [
      { name: `${name}.grant.${short(size)}`, value: of(size, "grantMicros"), ...micros },
      { name: `${name}.counts.${short(size)}`, value: of(size, "countsMicros"), ...micros },
      { name: `${name}.forecast.${short(size)}`, value: of(size, "forecastMicros"), ...micros },
    ]),
  ];
}
