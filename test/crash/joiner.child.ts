/**
 * Signs up one user in a transaction and takes it on, and is killed before or after one of the statements that this
 * process sends to PostgreSQL, whichever connection it is on. Without that it ends, and prints how many there were, and
 * which of them committed the transaction.
 */
import { createLifecycle } from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { Client, Pool, type QueryConfig, type QueryResult } from "pg";
import { argument } from "../support/child.ts";
import { die } from "../support/dying.ts";

/** What the process is told. */
export interface SignUp {
  readonly url: string;
  readonly schema: string;
  readonly key: string;
  readonly sandbox: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly times: { readonly timeoutMs: number; readonly graceMs: number; readonly leaseMs: number };
  readonly id: string;
  /** The statement, from 1. */
  readonly instant: { readonly n: number; readonly when: "before" | "after" } | null;
}

const { url, schema, key, sandbox, credentials, times, id, instant } = argument<SignUp>();
let count = 0;
let isCounting = false;

/** The process that sends a statement dies at its instant. */
class Mortal extends Client {
  async sent(text: string | QueryConfig, values?: unknown[]): Promise<QueryResult> {
    const n = isCounting ? ++count : 0;
    if (n > 0 && n === instant?.n && instant.when === "before") die();
    const answer = await super.query(text, values);
    if (n > 0 && n === instant?.n) die();
    return answer;
  }
}

const sendThrough = (client: Mortal) => ({
  query: (text: string | QueryConfig, values?: unknown[]) => client.sent(text, values),
});
const pool = new Pool({ connectionString: url, max: 4, Client: Mortal });
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: sandbox, auth: sandbox },
  store: postgres(
    {
      async connect() {
        const client = await pool.connect();
        return { ...sendThrough(client as unknown as Mortal), release: (destroy) => client.release(destroy) }; // as the pool makes them
      },
    },
    { schema, timeoutMs: 30_000 }, // a server that is slow for once is no part of this
  ),
  encryption: { keys: [key] },
  ...times,
});
const client = new Mortal({ connectionString: url });
await client.connect();
const { query } = sendThrough(client);
isCounting = true;
await query("BEGIN");
await query(`INSERT INTO "${schema}".people VALUES ($1)`, [id]);
await lifecycle.onboard(id, { within: { query }, waitMs: 0 });
await query("COMMIT");
const committed = count;
await lifecycle.resume();
isCounting = false;
await lifecycle.close();
await client.end();
await pool.end();
console.log(`done ${count} ${committed}`);
