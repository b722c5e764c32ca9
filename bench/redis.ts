/**
 * The same comparison with users in Redis: `onboard()` and the same two calls by hand, and the cost of one onboarding for
 * the server. Needs `redis-server` in PATH, or `REDIS_URL` of a server that may be emptied.
 *
 * @module
 */
import { createClient } from "@keyv/redis";
import { compare, ratio } from "./compare.ts";
import type { Measurement } from "./report.ts";
import { redis } from "./product.ts";
import { startProvider } from "./provider.ts";
import { startRedis } from "./redis-server.ts";
import { inLoops } from "./rounds.ts";
import { durableSide } from "./sides.ts";
import type { Effort } from "./settings.ts";

/** An arbitrary key. */
const encryption = { keys: ["0f".repeat(32)] };

async function onRedis(
  name: string,
  latencyMs: number,
  bar: number | null,
  effort: Effort,
): Promise<Measurement[]> {
  const { url, stop } = await startRedis();
  try {
    const measured = await compare({
      work: "onboard",
      latencyMs,
      effort,
      place: { kind: "redis", address: url },
    });
    return [{ name, value: ratio(measured), unit: "of bare", bar }];
  } finally {
    await stop();
  }
}

/** With a provider 50 ms away. */
export function redisAt50Ms(effort: Effort): Promise<Measurement[]> {
  return onRedis("redis.onboard.ratio.50ms", 50, 0.9, effort);
}

/** With a provider that responds at once. */
export function redisAt0Ms(effort: Effort): Promise<Measurement[]> {
  return onRedis("redis.onboard.ratio.0ms", 0, null, effort);
}

/** Number of measured onboardings. */
const counted = 500;

/** Round trips per onboarding, and the commands that the server executed for it, including those in scripts. */
export async function redisTrips(): Promise<Measurement[]> {
  const { url, stop } = await startRedis();
  const provider = await startProvider(0);
  const durable = await durableSide(provider.url, { store: redis(url), encryption });
  const client = createClient({ url });
  await client.connect();
  const calls = async (): Promise<{ trips: number; commands: number }> => {
    const counts = [...(await client.info("commandstats")).matchAll(/cmdstat_([\w|]+):calls=(\d+)/g)]
      .map(([, name = "", count = ""]) => ({ name, count: Number(count) }))
      .filter(({ name }) => name !== "info");
    const of = (which: (name: string) => boolean): number =>
      counts.filter(({ name }) => which(name)).reduce((sum, { count }) => sum + count, 0);
    return { trips: of((name) => name === "evalsha"), commands: of((name) => name !== "evalsha") };
  };
  try {
    await durable.onboard("first@example.org");
    const before = await calls();
    const users = Array.from({ length: counted }, (_, index) => `user-${index}@example.org`);
    await inLoops(users, 8, (user) => durable.onboard(user));
    const after = await calls();
    return [
      { name: "redis.trips", value: (after.trips - before.trips) / counted, unit: "a user", bar: null },
      {
        name: "redis.commands",
        value: (after.commands - before.commands) / counted,
        unit: "a user",
        bar: null,
      },
    ];
  } finally {
    client.destroy();
    await durable.close();
    await provider.close();
    await stop();
  }
}
