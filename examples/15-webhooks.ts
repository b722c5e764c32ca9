// Webhooks: each step of a user is posted to another service, at least once and in order, with a signature. The sender
// is stopped in the middle, and the next one continues behind the cursor that was stored.
//
//   npm run example 15-webhooks       or       deno run -A examples/15-webhooks.ts
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { createLifecycle, type LifecycleEvent } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { post, verified } from "./webhooks.ts";

// The receiver: it verifies the signature, and handles each event once. Every third request fails.
const handled = new Map<string, string>();
let requests = 0;

async function receive(request: IncomingMessage): Promise<number> {
  const body = await verified(request);
  if (body === null) return 401;
  if (++requests % 3 === 0) return 503;
  const { cursor, appUserId, type } = JSON.parse(body) as LifecycleEvent;
  if (handled.has(cursor)) console.log(`${appUserId} ${type}: again, and ignored`);
  else console.log(`${appUserId} ${type}`);
  handled.set(cursor, type);
  return 204;
}

const receiver = createServer((request, response) => {
  void receive(request).then((status) => response.writeHead(status).end());
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;

// In production: a row in your database.
let stored: string | undefined;

const sandbox = createSandbox();
const server = await sandbox.listen();
const lifecycle = await createLifecycle({
  credentials: sandbox.credentials,
  endpoints: server.endpoints,
  store: memory(), // in production a durable store, such as lmdb("./data/lifecycle")
  events: { keep: "7d" },
});

/** Sends events until there is none. `dies`: behind which one it ends, before its cursor is stored. */
async function send(dies = Infinity): Promise<void> {
  let sent = 0;
  for await (const event of lifecycle.events({ after: stored, follow: false })) {
    if (!(await post(url, event))) console.log(`${event.type}: refused, to be looked into`);
    if (++sent === dies) return;
    stored = event.cursor;
  }
}

try {
  for (const id of ["ada@example.org", "bob@example.org"]) await lifecycle.onboard(id);
  await send(4);
  console.log("the sender has died; the next one continues");
  await send();
  const forged = await fetch(url, { method: "POST", headers: { "x-signature": "00" }, body: "{}" });
  console.log(`a request without the secret: ${forged.status}`);
  await forged.body?.cancel();
  console.log(`events: ${handled.size}`);
} finally {
  await lifecycle.close();
  await server.close();
  receiver.closeAllConnections();
  receiver.close();
}
