// Express: a sign-up endpoint, and a user's status as server-sent events (express-application.ts); the worker runs in a
// process of its own. They share only the store, and the page sees what the worker does.
//
//   npm run example 12-express               or       deno run -A examples/12-express.ts   (visits itself, and ends)
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLifecycle, keyFile, type Lifecycle } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { createApplication } from "./express-application.ts";

const [, , url, folder] = process.argv;
if (url !== undefined && folder !== undefined) await worker(url, folder);
else await server();

// The same options in both processes. In production: createLifecycle.fromEnv().
function open(url: string, folder: string): Promise<Lifecycle> {
  return createLifecycle({
    credentials: { clientId: "sandbox-client", clientSecret: "sandbox-secret" },
    endpoints: { api: url, auth: url },
    store: lmdb(join(folder, "store")), // on several machines: redis() or postgres()
    encryption: keyFile(join(folder, "lifecycle.key")),
  });
}

/** Processes users that are due, and keeps grants alive. Any number of processes may run a worker. */
async function worker(url: string, folder: string): Promise<void> {
  const stopping = new AbortController();
  process.once("disconnect", () => stopping.abort()); // in production: SIGTERM
  if (!process.connected) stopping.abort(); // the server has ended already
  const lifecycle = await open(url, folder);
  lifecycle.subscribe(({ state }) => console.log(`the worker: ${state}`));
  await lifecycle.work({ signal: stopping.signal });
  await lifecycle.close();
}

async function server(): Promise<void> {
  const sandbox = createSandbox();
  sandbox.fail({ call: "exchangeCode", status: 503 }); // a temporary fault: the worker continues the user
  const oneup = await sandbox.listen();
  const folder = await mkdtemp(join(tmpdir(), "express-"));
  const lifecycle = await open(oneup.url, folder);
  const working = fork(new URL(import.meta.url), [oneup.url, folder]);
  try {
    const listening = createApplication(lifecycle).listen(Number(process.env["PORT"] ?? 0), "127.0.0.1");
    await once(listening, "listening");
    const address = listening.address();
    const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : address}/sign-up`;
    console.log(`Sign up at ${url}`);
    if (process.env["PORT"] === undefined) await visit(url);
    else await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
    listening.close(); // no new requests
    await lifecycle.close(); // streams end, running users finish their step
    working.disconnect();
    await once(working, "exit");
    console.log("Stopped");
  } finally {
    working.kill();
    await oneup.close();
    await rm(folder, { recursive: true });
  }
}

/** What the page does. */
async function visit(url: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ email: "ada@example.org" });
  const { status } = await fetch(url, { method: "POST", headers, body });
  console.log(`signed up: ${status}`);
  const events = await fetch(`${url}/ada@example.org/events`);
  for await (const text of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    console.log(text.trim());
    if (text.includes('"usable":true')) break;
  }
}
