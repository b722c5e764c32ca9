/**
 * The cost of a crash: see `crash.ts`.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Lifecycle, LifecycleOptions } from "oneup-lifecycle";
import { crash, users, type Crashed, type Provider } from "./crash.ts";
import { encryption, inPlace, storeIn, type Kind, type Place } from "./places.ts";
import { createLifecycle } from "./product.ts";
import type { Measurement } from "./report.ts";
import { inLoops, median } from "./rounds.ts";
import type { Effort } from "./settings.ts";

/** Concurrent users, 64 in total: the application's own calls, and its worker for interrupted users. */
const atATime = { onboarded: 48, worked: 16 };
/** A lease outlives the call it covers, so it bounds the timeout of a call. */
const times = { leaseMs: 2_000, timeoutMs: 1_500, graceMs: 400 };

/** The application's input. */
export interface Told {
  /** Where its users are stored. */
  readonly address: string;
  readonly options: Pick<
    LifecycleOptions,
    "credentials" | "encryption" | "endpoints" | "limits" | keyof typeof times
  >;
  readonly users: readonly string[];
  readonly atATime: typeof atATime;
}

/** The outcome of one round. */
interface Outcome extends Crashed {
  readonly failed: number;
  /** Users for which no FHIR call succeeds afterwards. */
  readonly lost: number;
}

/** Users in LMDB. */
export function recoveryOnLmdb(effort: Effort): Promise<Measurement[]> {
  return recovery("recovery", "lmdb", effort);
}

/** Users in Redis, if it is available. */
export function recoveryOnRedis(effort: Effort): Promise<Measurement[]> {
  return recovery("recovery.redis", "redis", effort);
}

/** Users in PostgreSQL, if it is available. */
export function recoveryOnPostgres(effort: Effort): Promise<Measurement[]> {
  return recovery("recovery.postgres", "postgres", effort);
}

async function recovery(name: string, kind: Kind, { crashes }: Effort): Promise<Measurement[]> {
  const outcomes: Outcome[] = [];
  for (let index = 0; index < crashes; index++) {
    outcomes.push(...(await inPlace(kind, name, async (place) => [await crashedIn(place)])));
  }
  return outcomes.length > 0 ? measurements(name, outcomes) : [];
}

/** User counts summed over all rounds; the median of the times. */
function measurements(name: string, outcomes: readonly Outcome[]): Measurement[] {
  const sum = (of: Exclude<keyof Outcome, "allDoneMs">): number =>
    outcomes.reduce((total, outcome) => total + outcome[of], 0);
  const counted = { unit: "users", bar: 0, atMost: true } as const;
  const seconds = median(outcomes.map(({ allDoneMs }) => allDoneMs)) / 1_000;
  return [
    { name: `${name}.created_twice`, value: sum("createdTwice"), ...counted },
    { name: `${name}.failed`, value: sum("failed"), ...counted },
    { name: `${name}.lost`, value: sum("lost"), ...counted },
    { name: `${name}.all_done_s`, value: seconds, unit: "s", bar: 3, atMost: true },
  ];
}

function crashedIn(place: Place): Promise<Outcome> {
  const optionsFor = ({ url, credentials }: Provider): Told["options"] => ({
    credentials,
    encryption,
    endpoints: { api: url, auth: url },
    limits: { management: { calls: 1e9, windowMs: 3_600_000 } },
    ...times,
  });
  const application = fileURLToPath(new URL("recovery-worker.mjs", import.meta.url));
  return crash(
    (provider) => {
      const told: Told = { address: place.address, options: optionsFor(provider), users, atATime };
      return fork(application, [JSON.stringify(told)]);
    },
    async (provider, application) => {
      if (application.exitCode === null) await once(application, "exit");
      const lifecycle = await createLifecycle({ ...optionsFor(provider), store: storeIn(place) });
      try {
        const { failed = 0 } = await lifecycle.counts();
        return { failed, lost: await withoutAccess(lifecycle) };
      } finally {
        await lifecycle.close();
      }
    },
  );
}

async function withoutAccess(lifecycle: Lifecycle): Promise<number> {
  let lost = 0;
  await inLoops(users, atATime.onboarded, async (id) => {
    await lifecycle
      .fhir(id, "r4")
      .create({ resourceType: "Patient" })
      .catch(() => lost++);
  });
  return lost;
}
