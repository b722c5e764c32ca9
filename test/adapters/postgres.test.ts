import { Client } from "pg";
import { afterAll, beforeAll, it } from "vitest";
import { postgres } from "../../adapters/postgres.ts";
import { storeConformance, type ManualClock } from "../../src/testing/index.ts";
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
  const empty = async (): Promise<void> => {
    const names = ["users", "counts", "slots", "logs", "account", "arrivals", "events", "outboxes"].map(
      (name) => `"${schema}".${name}`,
    );
    await client().query(`TRUNCATE ${names.join(", ")}`);
  };
  storeConformance(it, {
    empty,
    async open() {
      await empty();
      await clock.advance(0);
      return postgres(place().url, { schema });
    },
    jumps: true,
    clock: () => (clock = clockOf(schema, (statement) => client().query(statement))),
  });
});
