/** Servers whose clocks a test sets, with processes whose clocks pass on. */
import { onTestFinished } from "vitest";
import { postgres } from "../../adapters/postgres.ts";
import type { Store, StoreAdapter } from "../../src/store/contract.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { manualClock, type ManualClock } from "../../src/testing/index.ts";
import { sql, withSharedPostgres } from "../support/postgres.ts";
import { clientAt, withSharedServer } from "../support/servers.ts";
import { redisOnTestsClock } from "../support/steered-redis.ts";
import { clockOf, stopTime } from "./postgres-time.ts";

/** A server whose time a test sets, and processes on it with a clock of their own. */
export interface ServerWithClock {
  readonly clock: ManualClock;
  /** Sets its time. */
  set(ms: number): Promise<void>;
  /** A process on it. `pausedMs`: how long its machine has stood still without a trace. */
  process(pausedMs?: () => number): Promise<Store>;
}

/** Defines the tests for Redis and for PostgreSQL. `what`: what its clock does. */
export function whenServersClockIsSet(
  what: string,
  tests: (server: () => Promise<ServerWithClock>) => void,
): void {
  withSharedServer("redis", `adapters/redis, when its server's clock ${what}`, (place) => {
    tests(async () => {
      const { where, prefix } = await place();
      const client = await clientAt(where);
      onTestFinished(() => client.destroy());
      const clock = manualClock();
      const adapter: StoreAdapter = redisOnTestsClock(client, { prefix });
      return {
        clock,
        set: async (ms) => clock.jumpTo(ms),
        process: (pausedMs = never) =>
          opened(adapter, { ...clock, monotonic: () => clock.monotonic() - pausedMs() }),
      };
    });
  });

  withSharedPostgres(`adapters/postgres, when its server's clock ${what}`, (place) => {
    tests(async () => {
      const { url, schema } = place();
      await postgres(url, { schema }).migrate();
      await stopTime(url, schema);
      const clock = clockOf(schema, (statement) => sql(url, statement));
      await clock.advance(0);
      const set = async (ms: number): Promise<void> => {
        clock.jumpTo(ms);
        await clock.advance(0);
      };
      // Time-outs are real; what passes is the time of the test.
      const process = (pausedMs = never): Promise<Store> =>
        opened(postgres(url, { schema }), {
          ...systemClock,
          monotonic: () => clock.monotonic() - pausedMs(),
        });
      return { clock, set, process };
    });
  });
}

const never = (): number => 0;

async function opened(adapter: StoreAdapter, clock: Clock): Promise<Store> {
  const store = await adapter.open({ account: "account", clock });
  onTestFinished(() => store.close());
  return store;
}
