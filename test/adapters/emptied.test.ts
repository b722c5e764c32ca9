import { Keyv } from "keyv";
import { Client } from "pg";
import {
  createLifecycle,
  isLifecycleError,
  type Lifecycle,
  type Store,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { keyv } from "../../adapters/keyv.ts";
import { postgres } from "../../adapters/postgres.ts";
import { redis } from "../../adapters/redis.ts";
import { clientAt, withServer } from "../support/servers.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { silentLogger, warningsIn } from "../support/loggers.ts";

/** A store, what another process opens, and how it is emptied. */
interface Place {
  readonly mine: StoreAdapter;
  readonly theirs: StoreAdapter;
  readonly empty: () => Promise<unknown>;
}

const lost = { code: "STORE_UNUSABLE", retryable: false, facts: { storeLost: true } };
const encryption = { keys: ["0".repeat(64)] };

/** What a process does with an emptied store, where two processes had it open, and one more opens it. */
async function judge(place: Place): Promise<void> {
  const { mine, theirs, empty } = place;
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  onTestFinished(() => server.close());
  const warnings: string[] = [];
  const errors: unknown[] = [];
  const logger = { ...warningsIn(warnings), error: (fields: object) => void errors.push(fields) };
  const open = async (store: StoreAdapter): Promise<Lifecycle> => {
    const { credentials } = sandbox;
    const lifecycle = await createLifecycle({
      credentials,
      endpoints: server.endpoints,
      store,
      encryption,
      logger,
    });
    onTestFinished(() => lifecycle.close());
    return lifecycle;
  };
  const [one, other] = [await open(mine), await open(theirs)];
  await one.onboard("ada");
  await other.onboard("bob");
  const working = other.work({ pollMs: 20 }).then(
    () => "stopped",
    (error: unknown) => error,
  );
  const before = sandbox.journal.entries().length;
  await empty();

  await expect(one.onboard("cleo")).rejects.toMatchObject(lost);
  expect(await one.health()).toMatchObject({ ready: false, problem: "STORE_UNUSABLE" });
  expect(await working).toMatchObject(lost);
  expect(await other.health()).toMatchObject({ ready: false, problem: "STORE_UNUSABLE" });
  const next = await open(theirs); // a process that starts now
  expect(await next.onboard("dan")).toMatchObject({ usable: true });
  expect(await next.counts()).toEqual({ tokenActive: 1 });
  const started = sandbox.journal.entries().length;

  for (const process of [one, other]) {
    const verbs = [
      process.onboard("eve"),
      process.inspect("dan"), // and not damaged
      process.accessToken("ada"),
      process.offboard("ada"),
      process.rename("bob", "bert"),
      process.remote.find({ appUserId: "ada" }),
      process.counts(),
      process.work({}),
    ];
    for (const verb of verbs) await expect(verb).rejects.toMatchObject(lost);
  }
  const sent = sandbox.journal.entries().map(({ appUserId }) => appUserId);
  expect(sent.slice(before, started).filter((id) => id !== "dan" && id !== null)).toEqual([]);
  expect(sandbox.journal.entries()).toHaveLength(started);
  expect(await next.accessToken("dan")).toMatch(/./);
  expect(await next.health()).toMatchObject({ ready: true });
  expect(warnings.join()).not.toContain("damaged");
  expect(errors).toEqual([{ error: "STORE_UNUSABLE" }, { error: "STORE_UNUSABLE" }]); // each process says so once
}

/** A store of one's own that holds everything in memory, and may pass on only what it knows. */
function swapped(pass: (asked: Record<string, unknown>) => object): Place {
  let inside = memory();
  let since = 0;
  const adapter: StoreAdapter = {
    name: "custom",
    durable: true,
    async open(options) {
      let [store, from] = [await inside.open(options), since];
      const now = async (): Promise<Store> => {
        if (from !== since) [store, from] = [await inside.open(options), since];
        return store;
      };
      const of = (path: readonly string[]) => async (asked: unknown) => {
        let at: unknown = await now();
        for (const name of path) at = (at as Record<string, unknown>)[name];
        return (at as (asked: unknown) => unknown)(
          typeof asked === "object" && asked !== null ? pass(asked as Record<string, unknown>) : asked,
        );
      };
      const verbs = ["load", "commit", "claim", "grant", "move", "erase", "page", "counts", "tally", "close"];
      const parts = { slots: ["take", "settle", "giveBack", "forecast"], account: ["load", "commit"] };
      return {
        ...Object.fromEntries(verbs.map((verb) => [verb, of([verb])])),
        ...Object.fromEntries(
          Object.entries(parts).map(([part, names]) => [
            part,
            Object.fromEntries(names.map((name) => [name, of([part, name])])),
          ]),
        ),
      } as unknown as Store;
    },
  };
  return {
    mine: adapter,
    theirs: adapter,
    empty: async () => {
      inside = memory();
      since++;
    },
  };
}

describe("a store that is emptied under its processes stops them", () => {
  it("on a store of one's own that passes everything on", () => judge(swapped((asked) => asked)));

  it("on a store of one's own that knows of no identity", async () => {
    const place = swapped(({ identity: _, ...asked }) => asked);
    const bare = (adapter: StoreAdapter): StoreAdapter => ({
      ...adapter,
      async open(options) {
        const store = await adapter.open(options);
        const load: Store["account"]["load"] = async () => {
          const found = await store.account.load();
          return found && { value: found.value, revision: found.revision };
        };
        return { ...store, account: { ...store.account, load } };
      },
    });
    await judge({ ...place, mine: bare(place.mine), theirs: bare(place.theirs) });
  });

  it("on a Keyv that is cleared", async () => {
    const map = new Map();
    const at = (): StoreAdapter => keyv(new Keyv({ store: map }), { durable: true });
    await judge({ mine: at(), theirs: at(), empty: async () => map.clear() });
  });
});

withServer("redis", "a Redis that is emptied under its processes stops them", (server) => {
  it("by FLUSHALL", async () => {
    const { url } = await server();
    const client = await clientAt(url);
    onTestFinished(() => client.destroy());
    await judge({ mine: redis(url), theirs: redis(url), empty: () => client.sendCommand(["FLUSHALL"]) });
  });

  it("by a restart without persistence, and the calls of before are not sent a second time", async () => {
    const running = await server({ appendonly: "no", appendfsync: null });
    const sandbox = createSandbox({ limit: { calls: 1_000_000 } });
    const listening = await sandbox.listen();
    onTestFinished(() => listening.close());
    const lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      endpoints: listening.endpoints,
      store: redis(running.url),
      encryption,
      limits: { management: { calls: 40, windowMs: 3_600_000 } },
      logger: silentLogger,
    });
    onTestFinished(() => lifecycle.close());
    const ids = (name: string): string[] => Array.from({ length: 30 }, (_, n) => `${name} ${n}`);
    await Promise.all(ids("before").map((id) => lifecycle.onboard(id)));
    await running.kill("SIGKILL");
    await running.restart();
    await vi.waitFor(async () => {
      const ends = await Promise.allSettled(ids("after").map((id) => lifecycle.onboard(id, { waitMs: 100 })));
      for (const end of ends) expect(end).toMatchObject({ status: "rejected", reason: lost });
    });
    expect(sandbox.journal.mostInWindow(3_600_000)).toBe(30);
    expect(isLifecycleError(await lifecycle.work({}).catch((error: unknown) => error))).toBe(true);
  });
});

withSharedPostgres("a PostgreSQL whose tables are truncated under its processes stops them", (place) => {
  it("by TRUNCATE", async () => {
    const { url, schema } = place();
    await postgres(url, { schema }).migrate();
    const client = new Client({ connectionString: url });
    await client.connect();
    onTestFinished(() => client.end());
    const tables = ["users", "counts", "slots", "logs", "account"].map((name) => `"${schema}".${name}`);
    const adapter = (): StoreAdapter => postgres(url, { schema });
    await judge({
      mine: adapter(),
      theirs: adapter(),
      // The worker's transactions lock the same tables, in another order.
      empty: () => vi.waitFor(() => client.query(`TRUNCATE ${tables.join(", ")}`)),
    });
  });
});
