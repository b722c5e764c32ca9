/**
 * The minimum cost of an onboarding whose every step is on disk before the next one: the two calls, two encrypted secrets,
 * and three writes of a record as long as the library's. Waiting writes are sent together. It never reads, so it keeps no
 * promise: no crash recovery, no limit, no exclusion of other processes. Not a peer, but the upper bound of what can be
 * reached.
 *
 * @module
 */
import { createClient } from "@keyv/redis";
import { open as openLmdb } from "lmdb";
import pg from "pg";
import { callsTo } from "./calls.mjs";
import { sealed } from "./sealed.mjs";

/** @typedef {readonly [id: string, text: string]} Pair */

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider, server }) {
  const calls = callsTo(provider);
  const { put, close } = await placeAt(server);
  const begun = Date.now();
  /** @param {string} id @param {object} record @returns {Promise<unknown>} */
  const write = (id, record) => put([id, JSON.stringify(record)]);

  return {
    async onboard(id) {
      await write(id, recordOf("created", null, begun));
      const code = await calls.createUser(id);
      await write(id, recordOf("codeIssued", sealed(id, { code }), begun));
      const tokens = await calls.exchangeCode(code);
      await write(id, recordOf("tokenActive", sealed(id, tokens), begun));
      return true;
    },
    token: async () => null,
    async close() {
      await close();
      await calls.close();
    },
  };
}

/** The place of the writes: Redis, PostgreSQL, or LMDB in a folder. @param {string} server */
async function placeAt(server) {
  if (server.startsWith("redis:")) {
    const client = await createClient({ url: server }).connect();
    const script = await client.scriptLoad("return redis.call('MSET', unpack(ARGV))");
    const put = together((pairs) => client.sendCommand(["EVALSHA", script, "0", ...pairs.flat()]));
    return { put, close: async () => client.destroy() };
  }
  if (server.startsWith("postgres")) {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query("CREATE TABLE IF NOT EXISTS blind (id text PRIMARY KEY, value text NOT NULL)");
    const text =
      "INSERT INTO blind SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT (id) DO UPDATE SET value = excluded.value";
    const put = together((pairs) => {
      const last = [...new Map(pairs)]; // a statement may change a row only once
      const values = [last.map(([id]) => id), last.map(([, value]) => value)];
      return client.query({ name: "blind", text, values });
    });
    return { put, close: () => client.end() };
  }
  const db = openLmdb({ path: server, encoding: "string" });
  /** @param {Pair} pair */
  const put = ([id, text]) => db.put(id, text); // which sends waiting writes together, and syncs them
  return { put, close: () => db.close() };
}

/** Sends waiting writes together. @param {(pairs: readonly Pair[]) => Promise<unknown>} send */
function together(send) {
  /** @type {{ readonly pair: Pair, readonly resolve: () => void, readonly reject: (why: unknown) => void }[]} */
  let waiting = [];
  let isUnderWay = false;

  async function leave() {
    const all = waiting;
    waiting = [];
    isUnderWay = true;
    try {
      await send(all.map(({ pair }) => pair));
      for (const { resolve } of all) resolve();
    } catch (error) {
      for (const { reject } of all) reject(error);
    }
    isUnderWay = false;
    if (waiting.length > 0) void leave();
  }

  /** @param {Pair} pair @returns {Promise<void>} */
  return (pair) =>
    new Promise((resolve, reject) => {
      waiting.push({ pair, resolve, reject });
      if (!isUnderWay && waiting.length === 1) setImmediate(() => void leave());
    });
}

/** A record of the library's size. @param {string} state @param {string | null} seal @param {number} at */
function recordOf(state, seal, at) {
  const history = ["created", "codeIssued", "tokenActive"].map((reached) => [at, reached, "USER_CREATED"]);
  const context = { oneupUserId: 1_234_567, active: true, codeAt: at, grantedAt: at, expiresAt: at };
  const lease = { id: "0123456789abcdef0123", owner: "0123456789abcdef0123", until: at };
  const value = { format: 2, state, context, intent: null, pause: null, lane: "bulk", history, sealed: seal };
  return { revision: 3, writeId: "0123456789abcdef0123", dueAt: at, lane: null, lease, value };
}
