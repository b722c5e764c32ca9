/**
 * An XState actor per user, whose snapshot is saved to Redis through Keyv on every transition and restored after a crash
 * (stately.ai/docs/persistence). A promise that was pending is invoked again.
 *
 * @module
 */
import { setTimeout as wait } from "node:timers/promises";
import KeyvRedis from "@keyv/redis";
import { Keyv } from "keyv";
import { assign, createActor, fromPromise, setup, toPromise } from "xstate";
import { callsTo, retries } from "./calls.mjs";

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider, server }) {
  const calls = callsTo(provider);
  const store = new KeyvRedis(server, { throwOnErrors: true });
  const keyv = new Keyv({ store, throwOnErrors: true });
  const onboarding = setup({
    actors: {
      createUser: fromPromise(({ input }) => again(() => calls.createUser(input))),
      exchangeCode: fromPromise(({ input }) => again(() => calls.exchangeCode(input))),
    },
  }).createMachine({
    context: ({ input }) => ({ id: input }),
    output: ({ context }) => context.tokens !== undefined,
    initial: "registering",
    states: {
      registering: {
        invoke: {
          src: "createUser",
          input: ({ context }) => context.id,
          onDone: { target: "exchanging", actions: assign({ code: ({ event }) => event.output }) },
          onError: "failed",
        },
      },
      exchanging: {
        invoke: {
          src: "exchangeCode",
          input: ({ context }) => context.code,
          onDone: { target: "done", actions: assign({ tokens: ({ event }) => event.output }) },
          onError: "failed",
        },
      },
      done: { type: "final" },
      failed: { type: "final" },
    },
  });

  return {
    async onboard(id) {
      const snapshot = await keyv.get(id);
      const actor = createActor(onboarding, { input: id, snapshot });
      let written = Promise.resolve();
      actor.subscribe(() => {
        const now = actor.getPersistedSnapshot();
        written = written.then(() => keyv.set(id, now)); // in order
      });
      actor.start();
      const done = await toPromise(actor);
      await written;
      return done;
    },
    token: async (id) => (await keyv.get(id)).context.tokens.accessToken,
    async close() {
      await calls.close();
      await keyv.disconnect();
    },
  };
}

/** @template T @param {() => Promise<T>} call @returns {Promise<T>} */
async function again(call) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (attempt === retries.attempts) throw error;
      await wait(retries.firstMs * retries.factor ** (attempt - 1));
    }
  }
}
