/**
 * The minimum cost of an onboarding whose every step is on disk before the next one: the two calls, two encrypted secrets,
 * and three writes of a record as long as the library's. Waiting writes are sent together. It never reads, so it keeps no
 * promise: no crash recovery, no limit, no exclusion of other processes. Not a peer, but the upper bound of what can be
 * reached.
 *
 * @module
 */
import { createCipheriv, randomBytes } from "node:crypto";
import { createClient } from "@keyv/redis";
import { callsTo } from "./calls.mjs";

const writeAll = "return redis.call('MSET', unpack(ARGV))";

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider, server }) {
  const calls = callsTo(provider);
  const client = await createClient({ url: server }).connect();
  const script = await client.scriptLoad(writeAll);
  const key = randomBytes(32);
  const begun = Date.now();

  /** @type {{ readonly pair: readonly [string, string], readonly resolve: () => void, readonly reject: (why: unknown) => void }[]} */
  let waiting = [];
  let isUnderWay = false;

  /** @param {string} id @param {object} record @returns {Promise<void>} */
  function write(id, record) {
    return new Promise((resolve, reject) => {
      waiting.push({ pair: [id, JSON.stringify(record)], resolve, reject });
      if (!isUnderWay && waiting.length === 1) setImmediate(() => void leave());
    });
  }

  async function leave() {
    const together = waiting;
    waiting = [];
    isUnderWay = true;
    try {
      await client.sendCommand(["EVALSHA", script, "0", ...together.flatMap(({ pair }) => pair)]);
      for (const { resolve } of together) resolve();
    } catch (error) {
      for (const { reject } of together) reject(error);
    }
    isUnderWay = false;
    if (waiting.length > 0) void leave();
  }

  /** @param {string} id @param {object} secrets */
  function sealed(id, secrets) {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(id));
    const text = [cipher.update(JSON.stringify(secrets)), cipher.final()];
    return Buffer.concat([nonce, ...text, cipher.getAuthTag()]).toString("base64url");
  }

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
      client.destroy();
      await calls.close();
    },
  };
}

/** A record of the library's size. @param {string} state @param {string | null} seal @param {number} at */
function recordOf(state, seal, at) {
  const history = ["created", "codeIssued", "tokenActive"].map((reached) => [at, reached, "USER_CREATED"]);
  const context = { oneupUserId: 1_234_567, active: true, codeAt: at, grantedAt: at, expiresAt: at };
  const lease = { id: "0123456789abcdef0123", owner: "0123456789abcdef0123", until: at };
  const value = { format: 2, state, context, intent: null, pause: null, lane: "bulk", history, sealed: seal };
  return { revision: 3, writeId: "0123456789abcdef0123", dueAt: at, lane: null, lease, value };
}
