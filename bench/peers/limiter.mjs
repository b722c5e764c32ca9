/**
 * A process that makes calls, a few at a time, each when its limiter permits, and records when. It works from "work" to
 * "stop". One argument, JSON: the `Told` of `limiters.ts`.
 *
 * @module
 */
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import AsyncRateLimiter from "async-ratelimiter";
import { Redis } from "ioredis";
import { RateLimiterQueue, RateLimiterRedis } from "rate-limiter-flexible";
import { Pool } from "undici";

/** @type {import("./limiters.ts").Told} */
const { limiter, redis, url, calls, windowMs, atATime } = JSON.parse(process.argv[2]);
const client = new Redis(redis);
const pool = new Pool(url, { connections: atATime });
/** @type {import("../exact.ts").Held[]} */
const held = [];
const now = () => performance.timeOrigin + performance.now();

/** Resolves when the next call may be made, implemented as the limiter's documentation recommends for waiting calls. */
const turn = {
  "rate-limiter-flexible"() {
    const limit = new RateLimiterRedis({ storeClient: client, points: calls, duration: windowMs / 1_000 });
    const queue = new RateLimiterQueue(limit);
    return () => queue.removeTokens(1);
  },
  "async-ratelimiter"() {
    const limit = new AsyncRateLimiter({ db: client, max: calls, duration: windowMs });
    return async () => {
      for (;;) {
        const { remaining, reset } = await limit.get({ id: "account" });
        if (remaining > 0) return;
        await wait(Math.max(1, reset - Date.now() + 1));
      }
    };
  },
}[limiter]();

let stopped = false;
async function loop() {
  while (!stopped) {
    await turn();
    const granted = now();
    const { body } = await pool.request({ method: "POST", path: "/user-management/v1/user" });
    await body.dump();
    held.push([granted, now()]);
  }
}

await client.ping();
process.send("opened");
await once(process, "message");
void Promise.all(Array.from({ length: atATime }, loop));
await once(process, "message");
stopped = true;
process.send(held);
process.disconnect();
process.exit(0);
