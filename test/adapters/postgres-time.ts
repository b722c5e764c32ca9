/** A schema whose time a test moves: the functions of PostgreSQL take theirs from one of them, and a test may replace it. */
import { manualClock, type ManualClock } from "../../src/testing/index.ts";
import { sql } from "../support/postgres.ts";

/** Lets the schema's time stand still, until {@link clockOf} moves it. */
export async function stopTime(url: string, schema: string): Promise<void> {
  await sql(
    url,
    `CREATE TABLE "${schema}".time (ms float8);
    INSERT INTO "${schema}".time VALUES (0);
    CREATE OR REPLACE FUNCTION "${schema}".now_ms() RETURNS float8 LANGUAGE plpgsql AS $$
      BEGIN RETURN (SELECT ms FROM "${schema}".time); END
    $$`,
  );
}

/** A clock that moves the schema's time with its own. `run` sends a statement there. */
export function clockOf(schema: string, run: (statement: string) => Promise<unknown>): ManualClock {
  const clock = manualClock();
  return {
    ...clock,
    get timers() {
      return clock.timers;
    },
    async advance(ms) {
      await clock.advance(ms);
      await run(`UPDATE "${schema}".time SET ms = ${clock.now()}`);
    },
  };
}
