/**
 * What the same writes cost without the library's runtime: the two calls and two encrypted secrets, as in `blind.mjs`, but
 * every write goes through the library's store, by hand. So a write is made only if the process still has the record, takes
 * a slot of the limit, and keeps the indexes of states and due users; the user and its tombstone are read first. No state
 * machine, no gates, no doubt, no answer that is checked, and after a crash nothing goes on. Not a peer: what is between it
 * and the library is the price of the runtime, and what is between it and blind writes that of a store that checks.
 *
 * @module
 */
import { createHmac, randomBytes } from "node:crypto";
import { systemClock } from "../../dist/lib/index.js";
import { storeAt } from "../store-at.mjs";
import { callsTo } from "./calls.mjs";
import { sealed } from "./sealed.mjs";

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider, server, leaseMs }) {
  const calls = callsTo(provider);
  const adapter = await storeAt(server);
  const store = await adapter.open({ account: provider.credentials.clientId, clock: systemClock });
  const key = randomBytes(32);
  const name = () => Math.random().toString(36).slice(2, 12) + Math.random().toString(36).slice(2, 12);
  const owner = name();
  const limit = { name: "management", calls: 1e9, windowMs: 3_600_000 };
  await store.account.commit({ value: { mark: owner }, expectedRevision: 0, writeId: owner });
  const { identity } = (await store.account.load()) ?? {};

  return {
    async onboard(id) {
      const markId = `\u0001${createHmac("sha256", key).update(id).digest("base64url")}`;
      const found = await store.load(id);
      if (found.type === "absent") await store.load(markId);
      const lease = { id: name(), owner, ms: leaseMs };
      let revision = 0;
      /** @param {string} state @param {string | null} seal @param {object} how */
      const write = async (state, seal, how) => {
        const value = valueOf(state, seal, Date.now());
        const done = await store.commit({
          id,
          value,
          expectedRevision: revision,
          writeId: name(),
          lease,
          state,
          lane: null,
          identity,
          unless: revision === 0 ? markId : undefined,
          ...how,
        });
        if (done.type !== "committed") throw new Error(done.type);
        revision = done.revision;
        return done.slot;
      };
      const take = { limit, holdMs: leaseMs, lane: "bulk" };
      const slot = await write("created", null, { mode: "take", dueInMs: null, take });
      const code = await calls.createUser(id);
      await write("codeIssued", sealed(id, { code }), { mode: "keep", dueInMs: null, settle: slot });
      const tokens = await calls.exchangeCode(code);
      const due = { dueInMs: 6_600_000, staleInMs: 6_600_000 };
      await write("tokenActive", sealed(id, tokens), { mode: "end", ...due });
      return true;
    },
    token: async () => null,
    async close() {
      await store.close();
      await calls.close();
    },
  };
}

/** A value of the library's size. @param {string} state @param {string | null} seal @param {number} at */
function valueOf(state, seal, at) {
  const history = ["created", "codeIssued", "tokenActive"].map((reached) => [at, reached, "USER_CREATED"]);
  const context = { oneupUserId: 1_234_567, active: true, codeAt: at, grantedAt: at, expiresAt: at };
  const meters = history.map(() => [0, 1, 1]);
  return {
    format: 2,
    state,
    context,
    intent: null,
    pause: null,
    lane: "bulk",
    history,
    meters,
    sealed: seal,
  };
}
