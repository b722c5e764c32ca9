/**
 * Bare undici: no store, no retry. The baseline of the comparison.
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
