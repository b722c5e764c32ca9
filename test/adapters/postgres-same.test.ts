/** The functions of PostgreSQL say in SQL what `src/store` says in TypeScript; here both play the same random sequences. */
import { Pool } from "pg";
import { it, onTestFinished } from "vitest";
import { postgres } from "../../adapters/postgres.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { stopTime } from "./postgres-time.ts";
import { player, search, type Play } from "./same.ts";

withSharedPostgres("adapters/postgres beside adapters/memory", (place) => {
  async function playerOn({ url, schema }: { url: string; schema: string }): Promise<Play> {
    const pool = new Pool({ connectionString: url, max: 4 });
    onTestFinished(() => pool.end());
    const adapter = postgres(pool, { schema });
    await adapter.migrate();
    await stopTime(url, schema);
    return player({
      name: "postgres",
      open: (account, clock) => adapter.open({ account, clock }),
      tellTime: (_account, now) => pool.query(`UPDATE "${schema}".time SET ms = ${now}`),
    });
  }

  it("commit(), move() and claim() answer and keep the same as in memory", async () => {
    await search({ records: 3, slots: 1 }, await playerOn(place()));
  });

  it("grant(), take(), settle(), giveBack() and forecast() answer and keep the same as in memory", async () => {
    await search({ records: 1, slots: 1 }, await playerOn(place()));
  });
});
