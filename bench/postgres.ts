/**
 * The same comparison with users in PostgreSQL: `onboard()` and the same two calls by hand, and the cost of one onboarding
 * for the server, which syncs on every transaction.
 *
 * @module
 */
import type { StoreAdapter } from "oneup-lifecycle";
import type { PostgresPool } from "oneup-lifecycle/adapters/postgres";
import { Pool } from "pg";
import { compare, ratio } from "./compare.ts";
import { encryption, inPlace } from "./places.ts";
import { postgres } from "./product.ts";
import { startProvider } from "./provider.ts";
import type { Measurement } from "./report.ts";
import { inLoops, median } from "./rounds.ts";
import { loops, type Effort } from "./settings.ts";
import { durableSide } from "./sides.ts";

/** The store, not yet open. */
async function storeAt(where: string | PostgresPool): Promise<StoreAdapter> {
  const store = postgres(where);
  await store.migrate();
  return store;
}

/** With a provider 50 ms away. */
export function postgresAt50Ms(effort: Effort): Promise<Measurement[]> {
  const name = "postgres.onboard.ratio.50ms";
  return inPlace("postgres", name, async ({ address }) => {
    const measured = await compare({
      work: "onboard",
      latencyMs: 50,
      effort,
      place: { kind: "postgres", address },
    });
    return [{ name, value: ratio(measured), unit: "of bare", bar: 0.9 }];
  });
}

/** With a provider that responds at once. */
export function postgresAt0Ms(effort: Effort): Promise<Measurement[]> {
  const name = "postgres.onboard.ratio.0ms";
  return inPlace("postgres", name, async ({ address }) => {
    const measured = await compare({
      work: "onboard",
      latencyMs: 0,
      effort,
      place: { kind: "postgres", address },
    });
    const perSecond = median(measured.map(({ durable }) => durable.perSecond));
    return [
      { name, value: ratio(measured), unit: "of bare", bar: null },
      { name: "postgres.onboard.users_per_s.0ms", value: perSecond, unit: "users/s", bar: 1_400 },
    ];
  });
}

/** Number of measured onboardings. */
const counted = 2_000;

/** Round trips per onboarding, each a statement and a transaction: sequentially, and with many users that share them. */
export function postgresTrips(): Promise<Measurement[]> {
  return inPlace("postgres", "postgres.trips", async ({ address }) => [
    { name: "postgres.trips", value: await trips(address, 1), unit: "a user", bar: null },
    { name: "postgres.trips.shared", value: await trips(address, loops), unit: "a user", bar: null },
  ]);
}

async function trips(url: string, atATime: number): Promise<number> {
  const pool = new Pool({ connectionString: url, max: 5 });
  let statements = 0;
  const counting: PostgresPool = {
    async connect() {
      const client = await pool.connect();
      return {
        query(statement) {
          statements++;
          return client.query<object>(statement);
        },
        release: (destroy) => client.release(destroy),
      };
    },
  };
  const provider = await startProvider(0);
  const durable = await durableSide(provider.url, { store: await storeAt(counting), encryption });
  try {
    await durable.onboard(`first-${atATime}@example.org`);
    const before = statements;
    const users = Array.from({ length: counted }, (_, index) => `user-${atATime}-${index}@example.org`);
    await inLoops(users, atATime, (user) => durable.onboard(user));
    return (statements - before) / counted;
  } finally {
    await durable.close();
    await pool.end();
    await provider.close();
  }
}
