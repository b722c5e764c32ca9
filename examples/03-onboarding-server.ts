// A sign-up server that contains the lifecycle: users sign up, a worker in the same process does the rest.
//
//   npm run example 03-onboarding-server
//   curl localhost:3000/sign-up -d '{"email":"ada@example.org"}'     curl localhost:3000/sign-up/ada@example.org
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { createLifecycle, isLifecycleError, type UserStatus } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";

// In production: createLifecycle.fromEnv(), which requires a durable store and a key, and no sandbox.
const sandbox = createSandbox();
const oneup = await sandbox.listen();
const { credentials } = sandbox;
const lifecycle = await createLifecycle({ credentials, endpoints: oneup.endpoints, store: memory() });

// Continues interrupted users and keeps grants alive. Any number of processes may run a worker.
const stopping = new AbortController();
const working = lifecycle.work({ signal: stopping.signal });

const server = createServer((request, response) => {
  void handle(request)
    .catch(refusal)
    .then(([status, body]) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body)),
    );
});

async function handle(request: IncomingMessage): Promise<[status: number, body: object]> {
  const [, page, id] = (request.url ?? "").split("/");
  if (page === "sign-up" && request.method === "POST" && id === undefined) {
    const body = JSON.parse(await read(request)) as { email?: unknown } | null;
    if (typeof body?.email !== "string") return [400, { error: "EMAIL_MISSING" }];
    // Usable within two seconds, or 202: it continues in the background, ask again later.
    const user = await lifecycle.onboard(body.email, { waitMs: 2_000 });
    return [user.usable ? 201 : 202, shown(user)];
  }
  if (page === "sign-up" && request.method === "GET" && id !== undefined) {
    return [200, shown(await lifecycle.inspect(decodeURIComponent(id)))];
  }
  return [404, { error: "NO_SUCH_PAGE" }];
}

const shown = ({ state, usable, pause }: UserStatus): object => ({ state, usable, waitsFor: pause?.reason });

/** Reads a body of at most 4 kB; a longer one is discarded. */
async function read(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const part of request.setEncoding("utf8")) if (body.length <= 4_096) body += String(part);
  return body.length <= 4_096 ? body : "{}";
}

/** Maps the library's errors by their stable codes; messages name users by an alias and contain no secrets. */
function refusal(error: unknown): [status: number, body: object] {
  if (error instanceof SyntaxError || error instanceof URIError) return [400, { error: "MALFORMED" }];
  if (!isLifecycleError(error)) return [500, { error: "UNFORESEEN" }];
  const statuses: Record<string, number> = {
    INVALID_ID: 400,
    USER_UNKNOWN: 404,
    USER_FAILED: 409,
    RENAMED: 409, // perhaps another person's id: facts.renamedTo must not reach the visitor
    USER_OFFBOARDED: 410,
  };
  console.warn(error.message);
  const passes = error.retryable || error.code === "CLOSED"; // the process shuts down
  return [passes ? 503 : (statuses[error.code] ?? 500), { error: error.code }];
}

await once(server.listen(Number(process.env["PORT"] ?? 3_000), "127.0.0.1"), "listening");
const address = server.address();
console.log(`Sign up at http://127.0.0.1:${typeof address === "object" ? address?.port : address}/sign-up`);

// Graceful: no new requests, then running users finish their step, then the store closes.
await Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
await new Promise((resolve) => server.close(resolve));
stopping.abort();
await working;
await lifecycle.close();
await oneup.close();
console.log("Stopped");
