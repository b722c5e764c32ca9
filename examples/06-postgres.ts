// An application with users in PostgreSQL keeps their lifecycles in the same database, in a schema of their own. It is
// killed during an import, and the next process continues.
//
//   POSTGRES_URL=postgres://postgres@127.0.0.1:5432/postgres npm run example 06-postgres
//   (a temporary one: docker run -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres:17)
import { fork } from "node:child_process";
import { once } from "node:events";
import { createLifecycle } from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { Pool } from "pg";

const { POSTGRES_URL: url = "", ONEUP_URL: oneupUrl = "", EXAMPLE_RUN: run = `${Date.now()}` } = process.env;
if (url === "") {
  console.error("Cannot start: POSTGRES_URL must be the URL of a PostgreSQL server");
  process.exit(1);
}
const clientId = `app-${run}`; // an account of its own
const schema = `oneup_example_${run}`; // the application's schema, created for this run: none of your tables is touched
const people = `${schema}.people`;
// Shorter than the defaults, to save time here; leaseMs is how long a silent process counts as alive.
const times = { timeoutMs: 1_000, graceMs: 200, leaseMs: 2_000 };
const pool = new Pool({ connectionString: url, max: 8 }); // the application's pool, also used for its own tables
pool.on("error", (error) => console.error(`A connection was lost: ${error.message}`)); // it would end the process

if (oneupUrl !== "") await application();
else await story();

/** What runs in production, in any number of processes. */
async function application(): Promise<void> {
  const store = postgres(pool);
  await store.migrate(); // or when you deploy: it creates the schema oneup_lifecycle once
  const lifecycle = await createLifecycle({
    credentials: { clientId, clientSecret: "sandbox-secret" },
    endpoints: { api: oneupUrl, auth: oneupUrl },
    store, // in production: createLifecycle.fromEnv(), with ONEUP_STORE=postgres://… and the key from your secret store
    encryption: { keys: ["00".repeat(32)] }, // an example key: never use a key from a repository
    ...times,
  });
  const stopping = new AbortController();
  const working = lifecycle.work({ signal: stopping.signal });
  const { rows } = await pool.query<{ email: string }>(`SELECT email FROM ${people} WHERE NOT connected`);
  const arrivals = rows.map(async ({ email }) => {
    const { usable } = await lifecycle.onboard(email, { lane: "bulk" });
    await pool.query(`UPDATE ${people} SET connected = $2 WHERE email = $1`, [email, usable]);
    process.send?.(email);
  });
  await Promise.all(arrivals);
  stopping.abort();
  await working;
  const { tokenActive = 0, reauthorized = 0 } = await lifecycle.counts();
  console.log(`the lifecycle counts ${tokenActive + reauthorized} with a token`);
  await lifecycle.close(); // before the pool, which the application must end itself
  await pool.end();
  process.disconnect();
}

/** Starts the application, kills it, starts it again, and checks the result. */
async function story(): Promise<void> {
  const sandbox = createSandbox({ clientId, latencyMs: [20, 80] });
  const server = await sandbox.listen();
  const env = { ...process.env, ONEUP_URL: server.url, EXAMPLE_RUN: run };
  await pool.query(`
    CREATE SCHEMA ${schema};
    CREATE TABLE ${people} (email text PRIMARY KEY, connected boolean NOT NULL DEFAULT false);
    INSERT INTO ${people} (email) SELECT 'user-' || n || '@example.org' FROM generate_series(1, 80) AS n`);
  const first = fork(new URL(import.meta.url), { env });
  let arrived = 0;
  await new Promise<void>((enough) => first.on("message", () => void (++arrived === 20 && enough())));
  first.kill("SIGKILL");
  console.log("the application is killed while it processes users");
  await once(fork(new URL(import.meta.url), { env }), "exit");

  const { rows } = await pool.query(`SELECT email FROM ${people} WHERE connected`);
  console.log(`the application counts ${rows.length} who are connected`);
  console.log(`created twice: ${sandbox.journal.createdTwice().length}`);
  await pool.query(`DROP SCHEMA ${schema} CASCADE`);
  await pool.end();
  await server.close();
}
