// Webhooks: each step of a user is posted to another service, at least once and in order, with a signature. The sender
// is stopped in the middle, and the next one continues behind the cursor that was stored.
//
//   npm run example 15-webhooks       or       deno run -A examples/15-webhooks.ts
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle, type LifecycleEvent } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";

const secret = "a secret of the two services";

/** The signature covers the time as well, so that an old request cannot be sent again later. */
function signatureOf(time: string, body: string): string {
  return createHmac("sha256", secret).update(`${time}.${body}`).digest("hex");
}

// The receiver: it verifies the signature, and handles each event once. Every third request fails.
const handled = new Map<string, string>();
let requests = 0;

async function receive(request: IncomingMessage): Promise<number> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { "x-time": time = "", "x-signature": signature = "" } = request.headers;
  const expected = Buffer.from(signatureOf(String(time), body));
  const given = Buffer.from(String(signature));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return 401;
  if (Math.abs(Date.now() - Number(time)) > 300_000) return 401;
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

/** Posts an event until the receiver has it. An event that it refuses for good must not hold up the others for ever. */
async function post(event: LifecycleEvent): Promise<void> {
  const body = JSON.stringify(event);
  for (let waitMs = 10; ; waitMs = Math.min(2 * waitMs, 60_000)) {
    const time = String(Date.now());
    const headers = { "x-time": time, "x-signature": signatureOf(time, body) };
    const response = await fetch(url, { method: "POST", headers, body }).catch(() => null); // it is away
    await response?.body?.cancel();
    if (response?.ok === true) return;
    if (response !== null && response.status < 500)
      throw new Error(`The receiver answers ${response.status}`);
    await pause(waitMs);
  }
}

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
    await post(event);
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
