/** The conformance suite on a server that speaks Redis' protocol, on the time of the tests. */
import { afterAll, it } from "vitest";
import type { StoreAdapter } from "../../src/store/contract.ts";
import { storeConformance } from "../../src/testing/index.ts";
import { clientAt } from "../support/servers.ts";
import { redisOnTestsClock } from "../support/steered-redis.ts";

/** Registers it; `place` is a server and a prefix for one test alone. */
export function conformance(place: () => Promise<{ readonly where: string; readonly prefix: string }>): void {
  type Client = Awaited<ReturnType<typeof clientAt>>;
  const opened = new Map<StoreAdapter, { readonly client: Client; readonly prefix: string }>();
  afterAll(() => opened.forEach(({ client }) => client.destroy()));
  storeConformance(it, {
    async open() {
      const { where, prefix } = await place();
      const client = await clientAt(where);
      const adapter = redisOnTestsClock(client, { prefix });
      opened.set(adapter, { client, prefix });
      return adapter;
    },
    async empty(adapter) {
      const { client, prefix } = opened.get(adapter) ?? {};
      const found = (await client?.keys(`${prefix}:*`)) ?? [];
      if (found.length > 0) await client?.del(found);
    },
  });
}
