/** What the tests of joins have at hand: a store in PostgreSQL, and transactions of an application beside it. */
import { isLifecycleError, systemClock, type Lifecycle, type LifecycleOptions } from "oneup-lifecycle";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import type { Sandbox, SandboxOptions } from "oneup-lifecycle/sandbox";
import { Client, type ClientBase } from "pg";
import { anyKey } from "../support/places.ts";
import { afterwards, scene } from "../support/scene.ts";

/** A server that is slow for once is no part of this. */
const patient = { timeoutMs: 30_000 } as const;

/** A server and a schema of its own. */
export interface Where {
  readonly url: string;
  readonly schema: string;
}

/** Lifecycles on a schema, the sandbox, and the application's own connections. */
export interface World {
  readonly sandbox: Sandbox;
  readonly lifecycle: Lifecycle;
  open(options?: Partial<LifecycleOptions>): Promise<Lifecycle>;
  /** A connection of the application, in no transaction yet. */
  client(settings?: string): Promise<Client>;
}

export async function world(
  { url, schema }: Where,
  options: Partial<LifecycleOptions> = {},
  sandboxOptions: SandboxOptions = {},
): Promise<World> {
  await postgres(url, { schema, ...patient }).migrate();
  const { sandbox, open } = await scene(sandboxOptions);
  const opened = (more: Partial<LifecycleOptions> = {}): Promise<Lifecycle> =>
    open({
      store: postgres(url, { schema, ...patient }),
      encryption: { keys: [anyKey] },
      clock: systemClock,
      ...options,
      ...more,
    });
  return {
    sandbox,
    open: opened,
    lifecycle: await opened(),
    async client(settings = "") {
      const client = new Client({ connectionString: url });
      client.on("error", () => {});
      await client.connect();
      afterwards(() => client.end());
      if (settings !== "") await client.query(settings);
      return client;
    },
  };
}

/** A transaction, with the user in it. */
export async function begun(
  lifecycle: Lifecycle,
  client: ClientBase,
  id: string,
  begin = "BEGIN",
): Promise<Awaited<ReturnType<typeof lifecycle.onboard>>> {
  await client.query(begin);
  return lifecycle.onboard(id, { within: client, waitMs: 0 });
}

/** Whether the lifecycle knows the user. */
export async function knows(lifecycle: Lifecycle, id: string): Promise<boolean> {
  try {
    return (await lifecycle.inspect(id)).appUserId === id;
  } catch (error) {
    if (isLifecycleError(error, "USER_UNKNOWN")) return false;
    throw error;
  }
}
