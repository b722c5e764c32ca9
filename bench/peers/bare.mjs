/**
 * undici and nothing else: no store, no retry. The measure of all others.
 *
 * @module
 */
import { callsTo } from "./calls.mjs";

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider }) {
  const { createUser, exchangeCode, close } = callsTo(provider);
  return {
    onboard: async (id) => (await exchangeCode(await createUser(id))).accessToken !== undefined,
    token: async () => null,
    close,
  };
}
