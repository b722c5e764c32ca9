// The sign-up server again, written for Deno.
//
//   deno run -A examples/04-deno.ts
//   curl localhost:8000/sign-up -d '{"email":"ada@example.org"}'     curl localhost:8000/sign-up/ada@example.org
//
// In production fewer permissions than -A suffice: --allow-net for 1upHealth and your port, --allow-env, --allow-read,
// --allow-write for the folder of the store and, on the first start, for that of the key file, and for LMDB --allow-ffi and
// --allow-sys=uid (with uid,statfs it also notices a full disk before it writes).
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

const port = Number(Deno.env.get("PORT") ?? 8_000);
const server = Deno.serve({ hostname: "127.0.0.1", port, onListen }, async (request) => {
  try {
    return await handle(request);
  } catch (error) {
    if (error instanceof URIError) return Response.json({ error: "MALFORMED" }, { status: 400 });
    // Maps the library's errors by their stable codes; messages name users by an alias and contain no secrets.
    if (!isLifecycleError(error)) return Response.json({ error: "UNFORESEEN" }, { status: 500 });
    const passes = error.retryable || error.code === "CLOSED"; // the process shuts down
    console.warn(error.message);
    return Response.json({ error: error.code }, { status: passes ? 503 : (known[error.code] ?? 500) });
  }
});

// Any other code is one that a person has to look at.
const known: Record<string, number> = { INVALID_ID: 400, USER_UNKNOWN: 404, USER_FAILED: 409, RENAMED: 409 };

async function handle(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const id = new URLPattern({ pathname: "/sign-up/:id" }).exec(request.url)?.pathname.groups["id"];
  if (request.method === "POST" && pathname === "/sign-up") {
    const email = await emailIn(request);
    if (email === undefined) return Response.json({ error: "EMAIL_MISSING" }, { status: 400 });
    // Usable within two seconds, or 202: it continues in the background, ask again later.
    const user = await lifecycle.onboard(email, { waitMs: 2_000 });
    return Response.json(shown(user), { status: user.usable ? 201 : 202 });
  }
  if (request.method === "GET" && id !== undefined) {
    return Response.json(shown(await lifecycle.inspect(decodeURIComponent(id))));
  }
  return Response.json({ error: "NO_SUCH_PAGE" }, { status: 404 });
}

const shown = ({ state, usable, pause }: UserStatus): object => ({ state, usable, waitsFor: pause?.reason });

/** Reads the e-mail address from a JSON body of at most 4 kB. */
async function emailIn(request: Request): Promise<string | undefined> {
  if (Number(request.headers.get("content-length") ?? Infinity) > 4_096) return undefined;
  const body: unknown = await request.json().catch(() => null);
  const email = typeof body === "object" && body !== null && "email" in body ? body.email : undefined;
  return typeof email === "string" ? email : undefined;
}

function onListen({ port }: { readonly port: number }): void {
  console.log(`Sign up at http://127.0.0.1:${port}/sign-up`);
}

// Graceful: no new requests, then running users finish their step, then the store closes.
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
