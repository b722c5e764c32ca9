/**
 * The store in Redis or Valkey: any number of processes on any number of machines, on one server or a cluster.
 *
 * @module
 */
import { systemClock } from "../src/clock.ts";
import type { Clock } from "../src/clock.ts";
import { isLifecycleError, LifecycleError } from "../src/errors.ts";
import { lanes } from "../src/store/contract.ts";
import type {
  Batch,
  Claimed,
  Commit,
  Committed,
  Lane,
  Slot,
  Store,
  StoreAdapter,
} from "../src/store/contract.ts";
import { keyvDoor, sharedBackend } from "../src/store/keyv-door.ts";
import type { KeyvDoor } from "../src/store/keyv-door.ts";
import { decodeRow, encodeRow, shown } from "../src/store/rules.ts";
import type { Row } from "../src/store/rules.ts";
import { ahead } from "../src/store/shares.ts";
import { grantedInMs, used } from "../src/store/window.ts";
import type { SlotLog } from "../src/store/window.ts";
import { Batches } from "./redis/batches.ts";
import { Connection } from "./redis/connection.ts";
import type { Reply } from "./redis/connection.ts";
import { doorBackend } from "./redis/door.ts";
import { fieldsOf, limitsOf } from "./redis/fields.ts";
import type { Fields } from "./redis/fields.ts";
import { targetOf } from "./redis/links.ts";
import type { Where } from "./redis/links.ts";
import { scripts } from "./redis/scripts.ts";
import type { Script } from "./redis/scripts.ts";

export type { HasClient, RedisClient, RedisCluster, Where } from "./redis/links.ts";

/** Options of {@link redis}. */
export interface RedisOptions {
  /**
   * How long one call of the store may take, in milliseconds, connecting again included; then it rejects with
   * `STORE_UNAVAILABLE`.
   * @default 5000
   */
  readonly timeoutMs?: number;
  /**
   * What the names of all keys begin with, for several lifecycles of one account that must not meet in one database.
   * @default "oneup"
   */
  readonly prefix?: string;
}

/**
 * A store in Redis (8 or later) or Valkey (8 or later). `where` is
 * - a URL: `redis://user:password@host:6379/0`, or `rediss:` for TLS. Every opening has a connection of its own, which
 *   comes back by itself after an interruption. If the server is a node of a cluster, it is asked for the others;
 * - a `KeyvRedis`, a client or a cluster of `@keyv/redis` (or of `redis`), for anything else that can be configured, such
 *   as several nodes to ask first. You close it, after the lifecycle. Of a cluster only the options are taken, for a
 *   client of the store's own, which connects to a node when it has something for it.
 *
 * On a cluster all of one account lies on one master, so accounts spread over it. Another master takes over, or a slot
 * moves, without a restart: verbs wait for it within `timeoutMs`, then they reject with `STORE_UNAVAILABLE`, which is
 * retryable. A store also opens while a master of other
 * accounts is gone.
 *
 * An acknowledged write is as durable as the server makes it: with `appendfsync always` it survives a power cut, with
 * `everysec` the last second may be lost, and a fail-over to a replica that lags behind forgets what it had not yet got.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for a malformed URL, `timeoutMs` or `prefix`. On opening: `STORE_UNAVAILABLE`
 *   if the server cannot be reached, `STORE_UNUSABLE` if it refuses the user or its `maxmemory-policy` is not
 *   `noeviction`
 * @example
 * ```ts
 * import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
 * import { redis } from "oneup-lifecycle/adapters/redis";
 *
 * function open(clientId: string, clientSecret: string, key: string): Promise<Lifecycle> {
 *   return createLifecycle({
 *     credentials: { clientId, clientSecret },
 *     store: redis("redis://localhost:6379"),
 *     encryption: { keys: [key] },
 *   });
 * }
 * ```
 */
export function redis(where: Where, options: RedisOptions = {}): StoreAdapter & KeyvDoor {
  const { timeoutMs = 5_000, prefix = "oneup" } = options;
  if (!Number.isFinite(timeoutMs) || timeoutMs <= 0) {
    throw invalid("`timeoutMs` must be a number of milliseconds above 0", timeoutMs);
  }
  if (typeof prefix !== "string" || !/^[^{}]+$/.test(prefix)) {
    throw invalid("`prefix` must be a text without braces, which Redis reads as a hash tag", prefix);
  }
  const target = targetOf(where);
  const accounts = new Set<string>();
  const backend = sharedBackend(async () => {
    const connection = new Connection(target.link(systemClock, timeoutMs), systemClock, timeoutMs);
    await connection.open([scripts.counts], scripts.counts, keysOf(prefix, "keyv").indexes);
    return doorBackend(connection, prefix, (account, id) => keysOf(prefix, account).user(id));
  });
  return {
    name: "redis",
    durable: true,
    keyv: (keyvOptions) => keyvDoor(keyvOptions, backend, accounts),
    async open({ account, clock }: { readonly account: string; readonly clock: Clock }): Promise<Store> {
      const keys = keysOf(prefix, account);
      const connection = new Connection(target.link(clock, timeoutMs), clock, timeoutMs);
      await connection.open(Object.values(scripts), scripts.counts, keys.indexes);
      accounts.add(account);
      return redisStore(connection, keys, clock);
    },
  };
}

function invalid(rule: string, value: unknown): LifecycleError {
  return new LifecycleError("INVALID_OPTION", `Cannot use a Redis store: ${rule}, not ${String(value)}`);
}

/** Names of keys. Those of one account share a hash tag, so a cluster keeps them on one server. */
interface Keys {
  /** The due index, the lanes, ids by state, counts: what every script is told first. */
  readonly indexes: readonly string[];
  readonly account: string;
  user(id: string): string;
  /** Of the logs of these limits. */
  logs(...limits: readonly string[]): readonly string[];
}

function keysOf(prefix: string, account: string): Keys {
  // A brace would end the tag, and an empty one is none.
  const tag = account.replaceAll(/[%{}]/g, encodeURIComponent) || "%";
  const key = (name: string): string => `${prefix}:{${tag}}:${name}`;
  return {
    indexes: ["due", ...lanes, "states", "counts"].map(key),
    account: key("account"),
    user: (id) => key(`users:${id}`),
    logs: (...limits) => limits.flatMap((limit) => [key(`moments:${limit}`), key(`slots:${limit}`)]),
  };
}

function redisStore(connection: Connection, keys: Keys, clock: Clock): Store {
  const run = (script: Script, more: readonly string[], args: readonly string[] = []): Promise<Reply> =>
    connection.run(script, [...keys.indexes, ...more], args);
  const loads = new Batches<string>(async (rows) => {
    const [now = null, ...texts] = list(await run(scripts.load, rows));
    return texts.map((text) => [now, text]);
  }, clock);
  const commits = new Batches<{ readonly commit: Commit; readonly fields: Fields }>(async (asked) => {
    const rows: string[] = [];
    const words: string[] = [];
    const limits = new Set<string>();
    for (const { commit, fields } of asked) {
      rows.push(keys.user(commit.id));
      words.push(...fields);
      for (const limit of limitsOf(commit)) limits.add(limit);
    }
    return list(await run(scripts.commit, [...rows, ...keys.logs(...limits)], words));
  }, clock);
  const rowAt = async (key: string): Promise<{ readonly now: number; readonly text: string | null }> => {
    const [now, text = null] = list(await loads.ask(key));
    return { now: Number(now), text: text === null ? null : String(text) };
  };
  return {
    async load(id) {
      const { now, text } = await rowAt(keys.user(id));
      if (text === null) return { type: "absent" };
      const row = decodeRow(text);
      return "renamedTo" in row
        ? { type: "renamed", to: row.renamedTo }
        : { type: "record", record: shown(id, row, now) };
    },
    commit: async (commit) => committed(await commits.ask({ commit, fields: fieldsOf(commit) })),
    async move({ from, commit }) {
      const left = encodeRow({ renamedTo: commit.id });
      const rows = [keys.user(from), keys.user(commit.id)];
      const logs = keys.logs(...limitsOf(commit));
      const reply = await run(scripts.move, [...rows, ...logs], [...fieldsOf(commit), from, left]);
      return committed(reply);
    },
    claim: async (ask) => batch(await run(scripts.claim, [], [JSON.stringify(ask)])),
    grant: async (ask) => batch(await run(scripts.grant, keys.logs(ask.limit.name), [JSON.stringify(ask)])),
    slots: {
      async take(request) {
        const logs = keys.logs(request.limit.name);
        const [type, detail] = list(await run(scripts.take, logs, [JSON.stringify(request)]));
        return type === "taken"
          ? { type: "taken", slot: slotOf(detail) }
          : { type: "refused", retryInMs: Number(detail) };
      },
      settle: async (slot) => void (await run(scripts.settle, keys.logs(slot.limit), [JSON.stringify(slot)])),
      giveBack: async (slot) =>
        void (await run(scripts.giveBack, keys.logs(slot.limit), [JSON.stringify(slot)])),
      async forecast({ limit, calls, lane }) {
        const reply = list(await run(scripts.forecast, keys.logs(limit.name), [limit.name]));
        const now = Number(reply[0]);
        const [interactive = 0, recovery = 0, bulk = 0] = list(reply[1]).map(Number);
        const waiting = { interactive, recovery, bulk };
        const log = logOf(list(reply[2]));
        return {
          used: used(log, limit.windowMs, now),
          waiting,
          inMs: grantedInMs(log, limit, now, ahead(waiting, lane) + calls, lane),
        };
      },
    },
    async page({ state, after, limit }) {
      const first = after === undefined ? `[${state}\0` : `(${state}\0${after}`;
      const found = await run(scripts.page, [], [first, `(${state}\x01`, String(limit)]);
      return list(found).map((member) => String(member).slice(state.length + 1));
    },
    async counts() {
      const pairs = list(await run(scripts.counts, []));
      return Object.fromEntries(
        pairs.flatMap((state, n) => (n % 2 === 0 ? [[String(state), Number(pairs[n + 1])]] : [])),
      );
    },
    account: {
      async load() {
        const { text } = await rowAt(keys.account);
        const row = text === null ? null : decodeRow(text);
        return row === null || "renamedTo" in row ? null : { value: row.value, revision: row.revision };
      },
      async commit({ value, expectedRevision, writeId }) {
        const text = encodeRow({ ...unindexed, value, revision: expectedRevision + 1, writeId });
        const words = [String(expectedRevision), writeId, text];
        const reply = await run(scripts.commitAccount, [keys.account], words);
        return committed(reply).type === "committed";
      },
    },
    close() {
      loads.leave();
      commits.leave();
      return connection.close();
    },
  };
}

/** The bookkeeping of a row that stands in no index; the scripts write their own over it. */
const unindexed: Omit<Row, "value"> = {
  revision: 0,
  writeId: "",
  state: "",
  dueAt: null,
  lane: null,
  waitsSince: null,
  lease: null,
};

function list(reply: Reply | undefined): readonly Reply[] {
  return typeof reply === "object" && reply !== null ? reply : [];
}

function slotOf(reply: Reply | undefined): Slot {
  return JSON.parse(String(reply)) as Slot; // a script of ours wrote it
}

/** @throws {LifecycleError} `RECORD_DAMAGED` */
function committed(reply: Reply): Committed {
  const [type, detail, slot = null] = list(reply);
  switch (type) {
    case "committed":
      return { type, revision: Number(detail), slot: slot === null ? null : slotOf(slot) };
    case "refused":
      return { type, retryInMs: Number(detail) };
    case "conflict":
      return { type };
    default:
      throw new LifecycleError(
        "RECORD_DAMAGED",
        "Cannot read a record: what stands in its place was not written by a store of ours",
      );
  }
}

function batch(reply: Reply): Batch {
  const [now, next, claimed] = list(reply);
  return {
    claimed: list(claimed).flatMap((each) => claimedOf(list(each), Number(now))),
    nextInMs: next === null ? null : Number(next),
  };
}

/** None for a row whose value is damaged, which no script looks at: it must not stop the others. */
function claimedOf([id, text, slot = null]: readonly Reply[], now: number): readonly Claimed[] {
  try {
    const row = decodeRow(String(text));
    if ("renamedTo" in row) return [];
    return [{ record: shown(String(id), row, now), slot: slot === null ? null : slotOf(slot) }];
  } catch (error) {
    if (isLifecycleError(error, "RECORD_DAMAGED")) return [];
    throw error;
  }
}

/** The log as `window.ts` reads it, from fields `moment:lane` and their numbers. */
function logOf(pairs: readonly Reply[]): SlotLog {
  const moments = new Map<number, [at: number, interactive: number, recovery: number, bulk: number]>();
  for (let n = 0; n < pairs.length; n += 2) {
    const [moment, lane] = String(pairs[n]).split(":");
    if (lane === undefined) continue; // a sum
    const at = Number(moment);
    const counts = moments.get(at) ?? [at, 0, 0, 0];
    counts[1 + lanes.indexOf(lane as Lane)] = Number(pairs[n + 1]); // one of them, and never the moment
    moments.set(at, counts);
  }
  return [...moments.values()].sort(([one], [other]) => one - other);
}
