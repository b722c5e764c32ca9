// Hono: a sign-up endpoint, a user's status as server-sent events, and the worker in the same process.
//
//   npm run example 11-hono                  or       deno run -A examples/11-hono.ts      (visits itself, and ends)
//   PORT=3000 npm run example 11-hono        and      curl localhost:3000/sign-up -d '{"email":"ada@example.org"}'
//                                                     curl -N localhost:3000/sign-up/ada@example.org/events
import { once } from "node:events";
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { streamSSE } from "hono/streaming";
import { createLifecycle, isLifecycleError, type UserStatus } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";

// In production: createLifecycle.fromEnv(), which requires a durable store and a key, and no sandbox.
const sandbox = createSandbox({ latencyMs: 100 });
const oneup = await sandbox.listen();
const { credentials } = sandbox;
const lifecycle = await createLifecycle({ credentials, endpoints: oneup.endpoints, store: memory() });

const stopping = new AbortController();
const working = lifecycle.work({ signal: stopping.signal }); // in a process of its own: see 12-express.ts

const shown = ({ state, usable, pause }: UserStatus) => ({ state, usable, waitsFor: pause?.reason });
const app = new Hono().use(bodyLimit({ maxSize: 4_096 }));

// The user is stored and continues in the background: the response does not wait, the page listens to the events.
app.post("/sign-up", async (c) => {
  const body = (await c.req.json().catch(() => null)) as { email: string } | null; // onboard() validates it
  const user = await lifecycle.onboard(body?.email ?? "", { waitMs: 0 });
  return c.json(shown(user), user.usable ? 201 : 202);
});

// In the page: new EventSource("/sign-up/ada@example.org/events").onmessage = …
app.get("/sign-up/:id/events", async (c) => {
  const id = c.req.param("id");
  await lifecycle.inspect(id); // fails here: a stream that has started cannot return 404
  return streamSSE(c, async (stream) => {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    for await (const user of lifecycle.watch(id, { signal: left.signal }))
      await stream.writeSSE({ data: JSON.stringify(shown(user)) });
  });
});

// Errors by their stable codes; messages name users by an alias and contain no secrets.
const known: Record<string, number> = { INVALID_ID: 400, USER_UNKNOWN: 404, USER_FAILED: 409, RENAMED: 409 };
app.onError((error, c) => {
  if (!isLifecycleError(error)) return c.json({ error: "UNFORESEEN" }, 500);
  const passes = error.retryable || error.code === "CLOSED"; // the process shuts down
  return Response.json({ error: error.code }, { status: passes ? 503 : (known[error.code] ?? 500) });
});

const port = Number(process.env["PORT"] ?? 0);
const server = serve({ fetch: app.fetch, hostname: "127.0.0.1", port }, ({ port }) => {
  console.log(`Sign up at http://127.0.0.1:${port}/sign-up`);
  if (process.env["PORT"] === undefined) void visit(`http://127.0.0.1:${port}/sign-up`);
});
await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT"), once(stopping.signal, "abort")]);

// Graceful: running users finish their step, streams end with the lifecycle, the store closes, and then the server.
stopping.abort();
await working;
await lifecycle.close();
await new Promise((resolve) => server.close(resolve));
await oneup.close();
console.log("Stopped");

/** What the page does. */
async function visit(url: string): Promise<void> {
  const { status } = await fetch(url, { method: "POST", body: JSON.stringify({ email: "ada@example.org" }) });
  console.log(`signed up: ${status}`);
  const events = await fetch(`${url}/ada@example.org/events`);
  for await (const text of events.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    console.log(text.trim());
    if (text.includes('"usable":true')) break;
  }
  stopping.abort();
}
