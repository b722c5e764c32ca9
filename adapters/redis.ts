/**
 * A store in Redis or Valkey, for any number of processes on any number of machines, on one server or a cluster.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { systemClock, type Clock } from "../src/clock.ts";
import { unlessDamaged } from "../src/errors.ts";
import { checkTimeout, optionsOf, type OptionNames, unfitOption } from "../src/store/adapter-options.ts";
import {
  lanes,
  type AccountRecord,
  type Batch,
  type Claimed,
  type Commit,
  type Committed,
  type Slot,
  type Store,
  type StoreAdapter,
} from "../src/store/contract.ts";
import type { MovableStore } from "../src/store/movable.ts";
import { keyvView, sharedBackend, type KeyvView } from "../src/store/keyv-view.ts";
import {
  damaged,
  decodeRow,
  encodeRow,
  loadedFrom,
  storedRecordOf,
  type Row,
} from "../src/store/row-rules.ts";
import { ServerTime, type Behind } from "../src/store/server-time.ts";
import { forecastOf } from "../src/store/slot-log.ts";
import { Batches } from "./redis/batches.ts";
import { Connection, list, type Reply } from "./redis/connection.ts";
import { keyvBackend } from "./redis/keyv-backend.ts";
import { fieldsOf, limitsOf, type Fields } from "./redis/fields.ts";
import { targetOf } from "./redis/links.ts";
import type { Where } from "./redis/link.ts";
import { accountStart } from "./redis/lua/rows.ts";
import { logOf } from "./redis/log-of.ts";
import { redisOutbox } from "./redis/outbox.ts";
import type { Script } from "./redis/script.ts";
import * as outboxScripts from "./redis/outbox-scripts.ts";
import * as scripts from "./redis/scripts.ts";
import { redisTransfer, unindexed } from "./redis/transfer.ts";

export type { HasClient, RedisClient, RedisCluster, Where } from "./redis/link.ts";

/** Options of {@link redis}. */
export interface RedisOptions {
  /**
   * Timeout of one store call in milliseconds, including reconnecting; the call then rejects with `STORE_UNAVAILABLE`.
   * @default 5000
   */
  readonly timeoutMs?: number;
  /**
   * Prefix of all keys. Use different prefixes for lifecycles of one account that must be kept apart in one database:
   * they share no limit, so `limits` must divide 1upHealth's between them.
   * @default "oneup"
   */
  readonly prefix?: string;
}

/**
 * A store in Redis (8 or later) or Valkey (8 or later). `where` is
 * - a URL: `redis://user:password@host:6379/0`, or `rediss:` for TLS. Every opening has its own connection, which
 *   reconnects automatically. If the server is a cluster node, the other nodes are discovered through it;
 * - a `KeyvRedis`, or a client or cluster of `@keyv/redis` (or of `redis`), for any other configuration, such as
 *   several root nodes. You close it, after the lifecycle. Of a cluster only the options are used, for the store's own
 *   client, which connects to a node on its first command for it.
 *
 * In a cluster all keys of one account are on one master, so accounts are spread over the cluster. A failover to
 * another master or a slot migration needs no restart: calls wait for it within `timeoutMs`, then reject with
 * `STORE_UNAVAILABLE`, which is retryable. A store also opens while a master that holds only other accounts is down.
 *
 * An acknowledged write is as durable as the server makes it: with `appendfsync always` it survives a power cut, with
 * `everysec` the last second may be lost, and a failover to a lagging replica loses the writes it had not received.
 *
 * @throws {LifecycleError} `INVALID_OPTION` for a malformed URL, `timeoutMs` or `prefix`. On opening:
 *   `STORE_UNAVAILABLE` if the server cannot be reached, `STORE_UNUSABLE` if it refuses the user or its
 *   `maxmemory-policy` is not `noeviction`
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
export function redis(where: Where, options: RedisOptions = {}): StoreAdapter & KeyvView {
  const { timeoutMs = 5_000, prefix = "oneup" } = optionsOf(verb, options, names);
  checkTimeout(verb, timeoutMs);
  if (typeof prefix !== "string" || !/^[^{}]+$/.test(prefix)) {
    throw unfitOption(
      verb,
      "`prefix` must be a string without braces, which Redis reads as a hash tag",
      prefix,
    );
  }
  const target = targetOf(where);
  const accounts = new Set<string>();
  const backend = sharedBackend(async () => {
    const connection = new Connection(target.link(systemClock, timeoutMs), systemClock, timeoutMs);
    await connection.open([scripts.counts], scripts.counts, keysOf(prefix, "keyv").indexes);
    return keyvBackend(connection, prefix, (account, id) => keysOf(prefix, account).user(id));
  });
  return {
    name: "redis",
    durable: true,
    timeoutMs,
    keyv: (keyvOptions) => keyvView(keyvOptions, backend, accounts),
    async open({ account, clock }: { readonly account: string; readonly clock: Clock }): Promise<Store> {
      const keys = keysOf(prefix, account);
      const connection = new Connection(target.link(clock, timeoutMs), clock, timeoutMs);
      await connection.open(
        [...Object.values(scripts), ...Object.values(outboxScripts)],
        scripts.counts,
        keys.indexes,
      );
      accounts.add(account);
      return redisStore(connection, keys, clock);
    },
  };
}

const names: OptionNames<RedisOptions> = { timeoutMs: true, prefix: true };
const verb = "use a Redis store";

/** Key names. All keys of one account share a hash tag, so a cluster keeps them on one server. */
type Keys = ReturnType<typeof keysOf>;

function keysOf(prefix: string, account: string) {
  // A brace would end the hash tag, and an empty tag is ignored.
  const tag = account.replaceAll(/[%{}]/g, encodeURIComponent) || "%";
  const key = (name: string): string => `${prefix}:{${tag}}:${name}`;
  return {
    /** The due index, the lanes, ids by state, counts: the first keys of every script. */
    indexes: ["due", ...lanes, "states", "counts"].map(key),
    account: key("account"),
    /** Never written. */
    probe: key("probe"),
    user: (id: string): string => key(`users:${id}`),
    /** The log keys of these limits. */
    logs: (...limits: readonly string[]): readonly string[] =>
      limits.flatMap((limit) => [key(`moments:${limit}`), key(`slots:${limit}`)]),
  };
}

function redisStore(connection: Connection, keys: Keys, clock: Clock): MovableStore {
  const run = (
    script: Script,
    more: readonly string[],
    args: readonly string[] = [],
    sinceMs = 0,
  ): Promise<Reply> => connection.run(script, [...keys.indexes, ...more], args, sinceMs);
  /** Runs a script whose answer begins with the server's time. */
  const runTimed = async (...call: Parameters<typeof run>): Promise<readonly Reply[]> => {
    const sentAt = clock.monotonic();
    const reply = list(await run(...call));
    time.observe(Number(reply[0]), sentAt);
    return reply;
  };
  /** Runs a script that takes slots; again, with what was learnt, if a slow request looks like a clock that was set. */
  const runTaking = async (
    script: Script,
    more: readonly string[],
    args: readonly string[],
    start: string,
  ): Promise<Reply> => {
    for (const began = clock.monotonic(); ;) {
      const sentAt = clock.monotonic();
      const known = time.known();
      const all = [...args, known === null ? "" : JSON.stringify(known), start];
      const reply = await run(script, more, all, sentAt - began);
      const [type, now] = list(reply);
      if (type !== "unsure") return reply;
      time.observe(Number(now), sentAt);
    }
  };
  const loads = new Batches<string>(async (rows) => {
    const [now = null, ...texts] = await runTimed(scripts.load, rows);
    return texts.map((text) => [now, text]);
  }, clock);
  const time = new ServerTime(clock);
  const commits = new Batches<{ readonly commit: Commit; readonly fields: Fields }>(async (asked) => {
    const rows: string[] = [];
    const words: string[] = [];
    const limits = new Set<string>();
    for (const { commit, fields } of asked) {
      rows.push(keys.user(commit.id));
      words.push(...fields);
      for (const limit of limitsOf(commit)) limits.add(limit);
    }
    const [{ commit: { identity } } = { commit: {} }] = asked; // all commits of one process
    const [keysOfAll, start] = [[...rows, ...keys.logs(...limits)], accountStart(identity)];
    const takes = asked.some(({ commit: { take } }) => take !== undefined);
    const reply = takes
      ? await runTaking(scripts.commit, keysOfAll, words, start)
      : await run(scripts.commit, keysOfAll, [...words, "", start]);
    return list(reply);
  }, clock);
  /** Corrects rows after the server's clock was set back. If this fails, the next claim continues. */
  const correctRows = async (behind: Behind): Promise<void> => {
    const [, last = null] = list(await run(scripts.correctRows, [], [JSON.stringify(behind)]));
    time.rowsCorrected(last === null ? null : Number(last));
  };
  return {
    load: (id) =>
      loads.ask(
        () => keys.user(id),
        (reply) => {
          const { now, text } = rowIn(reply);
          return loadedFrom(id, text === null ? undefined : decodeRow(text), now);
        },
      ),
    commit: (commit) => commits.ask(() => ({ commit, fields: fieldsOf(commit) }), committed),
    async move({ from, commit }) {
      const left = encodeRow({ renamedTo: commit.id });
      const rows = [keys.user(from), keys.user(commit.id)];
      const logs = keys.logs(...limitsOf(commit));
      const args = [...fieldsOf(commit), from, left];
      return committed(
        await runTaking(scripts.move, [...rows, ...logs], args, accountStart(commit.identity)),
      );
    },
    async erase({ ids, to, identity }) {
      await run(scripts.erase, ids.map(keys.user), [...ids, to, accountStart(identity)]);
    },
    async claim(ask) {
      if (time.behind !== null) await correctRows(time.behind);
      return batch(await runTimed(scripts.claim, [], [JSON.stringify(ask), accountStart(ask.identity)]));
    },
    async grant(ask) {
      const logs = keys.logs(ask.limit.name);
      return batch(await runTaking(scripts.grant, logs, [JSON.stringify(ask)], accountStart(ask.identity)));
    },
    slots: {
      async take(request) {
        const logs = keys.logs(request.limit.name);
        const args = [JSON.stringify(request)];
        const reply = await runTaking(scripts.take, logs, args, accountStart(request.identity));
        const [type, detail] = list(reply);
        return type === "taken"
          ? { type: "taken", slot: slotOf(detail) }
          : { type: "refused", retryInMs: Number(detail) };
      },
      settle: async (slot) => void (await run(scripts.settle, keys.logs(slot.limit), [JSON.stringify(slot)])),
      giveBack: async (slot) =>
        void (await run(scripts.giveBack, keys.logs(slot.limit), [JSON.stringify(slot)])),
      async forecast(ask) {
        const { name } = ask.limit;
        const reply = await runTimed(scripts.forecast, keys.logs(name), [name]);
        const now = Number(reply[0]);
        const [interactive = 0, recovery = 0, bulk = 0] = list(reply[1]).map(Number);
        const first = list(reply[3]);
        const sinceOf = (n: number): number => (first[n] === "" ? now : Number(first[n]));
        const since = { interactive: sinceOf(0), recovery: sinceOf(1), bulk: sinceOf(2) };
        const queues = { waiting: { interactive, recovery, bulk }, since };
        return forecastOf(logOf(list(reply[2])), ask, { now, past: time.past }, queues);
      },
    },
    async page({ state, after = "", limit }) {
      const of = state === undefined ? [] : [state];
      const found = list(await run(scripts.page, [], [after, String(limit), ...of]));
      const ids = found.map((id) => Buffer.from(String(id))); // Redis compares bytes
      return ids.toSorted(Buffer.compare).slice(0, limit).map(String);
    },
    async counts() {
      const pairs = list(await run(scripts.counts, []));
      return Object.fromEntries(
        pairs.flatMap((state, n) => (n % 2 === 0 ? [[String(state), Number(pairs[n + 1])]] : [])),
      );
    },
    async tally() {
      const tallies = list(await run(scripts.tally, [])).map(list);
      return Object.fromEntries(
        tallies.map(([state, all, stale]) => [String(state), { all: Number(all), stale: Number(stale) }]),
      );
    },
    events: redisOutbox((script, args) => run(script, [], args)),
    transfer: redisTransfer({ run, connection, ...keys }),
    account: {
      load: () =>
        loads.ask(
          () => keys.account,
          (reply): AccountRecord | null => {
            const { text } = rowIn(reply);
            const row = text === null ? null : decodeRow(text);
            if (row === null || "renamedTo" in row) return null;
            const { value, revision, identity } = row as Row & { readonly identity?: string };
            return { value, revision, identity };
          },
        ),
      async commit({ value, expectedRevision, writeId, identity }) {
        const text = encodeRow({ revision: expectedRevision + 1, writeId, ...unindexed, value });
        const words = [String(expectedRevision), writeId, text, accountStart(identity)];
        const reply = await run(scripts.commitAccount, [keys.account], words);
        return committed(reply).type === "committed";
      },
    },
    probe: () => connection.probe(scripts.probe, [...keys.indexes, keys.probe]),
    close() {
      loads.leave();
      commits.leave();
      return connection.close();
    },
  };
}

/** The server's time, and the text of a row; `null`: there is none. */
function rowIn(reply: Reply): { readonly now: number; readonly text: string | null } {
  const [now, text = null] = list(reply);
  return { now: Number(now), text: text === null ? null : String(text) };
}

function slotOf(reply: Reply | undefined): Slot {
  return JSON.parse(String(reply)) as Slot; // written by one of our scripts
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
      throw damaged();
  }
}

function batch(reply: Reply): Batch {
  const [now, next, claimed] = list(reply);
  return {
    claimed: list(claimed).flatMap((each) => claimedOf(list(each), Number(now))),
    nextInMs: next === null ? null : Number(next),
  };
}

/** Empty for a row whose value is damaged, which the scripts do not decode: it must not stop the others. */
function claimedOf([id, text, slot = null]: readonly Reply[], now: number): readonly Claimed[] {
  const row = unlessDamaged(() => decodeRow(String(text)));
  if (row === undefined || "renamedTo" in row) return [];
  return [{ record: storedRecordOf(String(id), row, now), slot: slot === null ? null : slotOf(slot) }];
}
