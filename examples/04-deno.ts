// The sign-up server once more, as Deno people write it.
//
//   deno run -A examples/04-deno.ts
//   curl localhost:8000/sign-up -d '{"email":"ada@example.org"}'     curl localhost:8000/sign-up/ada@example.org
//
// In production less than -A is enough: --allow-net for 1upHealth and your port, --allow-env, --allow-read and
// --allow-write for the folder of the store, --allow-ffi for LMDB.
import { createLifecycle, isLifecycleError } from "oneup-lifecycle";
import type { UserStatus } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";

// In production: createLifecycle.fromEnv(), which wants a durable store and a key, and no sandbox.
const sandbox = createSandbox();
const oneup = await sandbox.listen();
const { credentials } = sandbox;
const lifecycle = await createLifecycle({ credentials, endpoints: oneup.endpoints, store: memory() });

// Goes on with interrupted users and keeps grants alive. Any number of processes may do this.
const stopping = new AbortController();
const working = lifecycle.work({ signal: stopping.signal });

const port = Number(Deno.env.get("PORT") ?? 8_000);
const server = Deno.serve({ hostname: "127.0.0.1", port, onListen }, async (request) => {
  try {
    return await handle(request);
  } catch (error) {
    if (error instanceof URIError) return Response.json({ error: "MALFORMED" }, { status: 400 });
    // Errors of the library by their stable code; messages name users by an alias and hold no secret.
    if (!isLifecycleError(error)) return Response.json({ error: "UNFORESEEN" }, { status: 500 });
    const statuses: Record<string, number> = { INVALID_ID: 400, USER_UNKNOWN: 404, USER_FAILED: 409 };
    console.warn(error.message);
    return Response.json({ error: error.code }, { status: statuses[error.code] ?? 503 });
  }
});

async function handle(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const id = new URLPattern({ pathname: "/sign-up/:id" }).exec(request.url)?.pathname.groups["id"];
  if (request.method === "POST" && pathname === "/sign-up") {
    const email = await emailIn(request);
    if (email === undefined) return Response.json({ error: "EMAIL_MISSING" }, { status: 400 });
    // Usable within two seconds, or 202: it goes on by itself, ask again later.
    const user = await lifecycle.onboard(email, { waitMs: 2_000 });
    return Response.json(shown(user), { status: user.usable ? 201 : 202 });
  }
  if (request.method === "GET" && id !== undefined) {
    return Response.json(shown(await lifecycle.inspect(decodeURIComponent(id))));
  }
  return Response.json({ error: "NO_SUCH_PAGE" }, { status: 404 });
}

const shown = ({ state, usable, pause }: UserStatus): object => ({ state, usable, waitsFor: pause?.reason });

/** The e-mail address in a JSON body of at most 4 kB. */
async function emailIn(request: Request): Promise<string | undefined> {
  if (Number(request.headers.get("content-length") ?? Infinity) > 4_096) return undefined;
  const body: unknown = await request.json().catch(() => null);
  const email = typeof body === "object" && body !== null && "email" in body ? body.email : undefined;
  return typeof email === "string" ? email : undefined;
}

function onListen({ port }: { readonly port: number }): void {
  console.log(`Sign up at http://127.0.0.1:${port}/sign-up`);
}

// Graceful: no new requests, then the users in hand come to rest, then the store closes.
await new Promise<void>((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, resolve);
});
await server.shutdown();
stopping.abort();
await working;
await lifecycle.close();
await oneup.close();
console.log("Stopped");
Deno.exit();
