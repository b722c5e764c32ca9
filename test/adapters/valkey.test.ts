import { createClient } from "@keyv/redis";
import { afterAll, it } from "vitest";
import { storeConformance } from "../../src/testing/index.ts";
import { withSharedServer } from "../support/servers.ts";
import { redisOnTestsClock } from "../support/steered-redis.ts";

// The scripts are those that run on Redis' own time in redis.test.ts; here they are told the time.
withSharedServer("valkey", "adapters/redis on valkey", (place) => {
  const clients: { destroy(): void }[] = [];
  afterAll(() => clients.forEach((client) => client.destroy()));
  storeConformance(it, {
    async open() {
      const { where, prefix } = await place();
      const client = await createClient({ url: where }).connect();
      clients.push(client);
      return redisOnTestsClock(client, { prefix });
    },
  });
});
