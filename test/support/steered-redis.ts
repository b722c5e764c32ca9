/**
 * Redis on the time of a test. The scripts take the time from their server in one place; here copies of them, which are
 * told it by their caller, take their place, and nothing else changes.
 */
import { createHash } from "node:crypto";
import { redis, type RedisClient, type RedisCluster, type RedisOptions } from "../../adapters/redis.ts";
import * as outboxScripts from "../../adapters/redis/outbox-scripts.ts";
import * as scripts from "../../adapters/redis/scripts.ts";
import { systemClock } from "../../src/clock.ts";
import type { StoreAdapter } from "../../src/store/contract.ts";

/** Where a script takes its time from. */
export const serversTime = "local now = time[1] * 1000 + math.floor(time[2] / 1000)\n";
const callersTime = "local now = tonumber(table.remove(ARGV))\n";

/** Texts and sums of the scripts, and those of their copies. */
const copies = new Map(
  [...Object.values(scripts), ...Object.values(outboxScripts)].flatMap(({ text, sha }) => {
    const copy = text.replace(serversTime, callersTime);
    return [[text, copy] as const, [sha, createHash("sha1").update(copy).digest("hex")] as const];
  }),
);

/** A client or cluster for which it is always `now()`. */
export function steered<C extends RedisClient | RedisCluster>(client: C, now: () => number): C {
  const steer = (command: readonly string[]): string[] => {
    const copied = command.map((word) => copies.get(word) ?? word);
    const runs = command[0]?.startsWith("EVAL") === true && copies.has(command[1] ?? "");
    return runs ? [...copied, String(now())] : copied;
  };
  return new Proxy(client, {
    get(_, name) {
      if (name === "sendCommand") {
        return "slots" in client
          ? (key: string | undefined, isReadonly: boolean, command: string[], options: never) =>
              client.sendCommand(key, isReadonly, steer(command), options)
          : (command: string[], options: never) => client.sendCommand(steer(command), options);
      }
      if (name === "duplicate" && "slots" in client) {
        return (overrides: Parameters<RedisCluster["duplicate"]>[0]) => {
          const other = client.duplicate(overrides);
          other.on("error", () => {}); // unheard, it would end the test
          return steered(other, now);
        };
      }
      if (name === "on") return () => client; // many stores share it, and the test listens
      const value: unknown = Reflect.get(client, name, client);
      return typeof value === "function" ? value.bind(client) : value;
    },
  });
}

/** A store on a connected client, for which it is always what the clock says with which it is opened. */
export function redisOnTestsClock(
  client: RedisClient | RedisCluster,
  options: RedisOptions = {},
): StoreAdapter {
  return {
    name: "redis",
    durable: true,
    open: ({ account, clock }) =>
      redis(
        steered(client, () => clock.now()),
        options,
      ).open({ account, clock: { ...systemClock, monotonic: () => clock.monotonic() } }), // time-outs are real
  };
}
