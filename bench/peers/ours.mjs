/**
 * The library, as an application uses it. Without a server, users are in a folder, with LMDB.
 *
 * @module
 */
import { createLifecycle } from "../../dist/lib/index.js";
import { storeAt } from "../store-at.mjs";

/** @type {import("./side.ts").Peer["open"]} */
export async function open({ provider, server, leaseMs, users, atATime }) {
  const { url, credentials } = provider;
  const lifecycle = await createLifecycle({
    credentials,
    store: await storeAt(server),
    encryption: { keys: ["0f".repeat(32)] },
    endpoints: { api: url, auth: url },
    limits: { management: { calls: 1e9, windowMs: 3_600_000 } },
    leaseMs,
    timeoutMs: leaseMs - 500,
    graceMs: 400,
  });
  if (users.length > 0) void lifecycle.work({ concurrency: atATime / 4 });
  return {
    async onboard(id) {
      const { usable } = await lifecycle.onboard(id, { lane: "bulk" });
      return usable;
    },
    token: (id) => lifecycle.accessToken(id),
    close: () => lifecycle.close(),
  };
}
