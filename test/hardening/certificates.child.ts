/** Tries every way of ours to an https server, with the check of certificates switched off by the environment. */
import { get } from "node:https";
import process from "node:process";
import {
  fetchTransport,
  isLifecycleError,
  systemClock,
  TransportError,
  undiciTransport,
  type Transport,
} from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { argument } from "../support/child.ts";

const { port, postgresPort } = argument<{ readonly port: number; readonly postgresPort: number }>();
const url = `https://localhost:${port}/`;
const flag = "NODE_TLS_REJECT_UNAUTHORIZED";

/** Status of the answer, or the code of the error. */
async function tried(task: () => Promise<string>): Promise<string> {
  try {
    return await task();
  } catch (error) {
    return isLifecycleError(error) || error instanceof TransportError ? error.code : String(error);
  }
}

async function sent(transport: Transport): Promise<string> {
  const response = await transport.send({
    method: "POST",
    url,
    headers: { client_secret: "planted" },
    signal: AbortSignal.timeout(5_000),
    maxBytes: 1_000,
    onSending: () => true,
  });
  await transport.close?.();
  return String(response.status);
}

const plain = (): Promise<string> =>
  new Promise((resolve, reject) =>
    get(url, (response) => resolve(String(response.statusCode))).on("error", reject),
  );

const node = await tried(plain);
const undici = await tried(() => sent(undiciTransport()));
const made = await tried(() => sent(fetchTransport()));
delete process.env[flag];
const early = fetchTransport();
process.env[flag] = "0";
const fetched = await tried(() => sent(early));
const stored = await tried(async () => {
  const store = await redis(`rediss://localhost:${port}`).open({ account: "a", clock: systemClock });
  await store.close();
  return "opened";
});
const kept = await tried(async () => {
  const where = `postgres://user:planted@localhost:${postgresPort}/app?sslmode=require`;
  const store = await postgres(where, { timeoutMs: 2_000 }).open({ account: "a", clock: systemClock });
  await store.close();
  return "opened";
});
console.log(JSON.stringify({ node, undici, made, fetched, stored, kept }));
process.exit(0);
