import { Client } from "pg";
import { afterAll, beforeAll, it } from "vitest";
import { postgres } from "../../adapters/postgres.ts";
import { storeConformance } from "../../src/testing/index.ts";
import type { ManualClock } from "../../src/testing/index.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { clockOf, stopTime } from "./postgres-time.ts";

withSharedPostgres("adapters/postgres", (place) => {
  const { schema } = place();
  const client = (): Client => connected;
  let connected: Client;
  let clock: ManualClock;
  beforeAll(async () => {
    const { url } = place();
    await postgres(url, { schema }).migrate();
    await stopTime(url, schema);
    connected = new Client({ connectionString: url });
    await connected.connect();
  });
  afterAll(() => connected?.end());
  storeConformance(it, {
    async open() {
      const names = ["users", "counts", "slots", "account"].map((name) => `"${schema}".${name}`);
      await client().query(`TRUNCATE ${names.join(", ")}`);
      await clock.advance(0);
      return postgres(place().url, { schema });
    },
    clock: () => (clock = clockOf(schema, (statement) => client().query(statement))),
  });
});
