/**
 * Ways to a PostgreSQL server: a pool that the adapter makes from a URL, or one that it was given.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { systemClock } from "../../src/clock.ts";
import { LifecycleError } from "../../src/errors.ts";

/** A statement as the client takes it. */
export interface Statement {
  readonly text: string;
  readonly values?: unknown[];
}

/** What is used of a connection, as a pool of `pg` lends it. */
export interface PostgresClient {
  query(statement: Statement): Promise<{ readonly rows: readonly unknown[] }>;
  /** @param destroy it serves no longer */
  release(destroy?: boolean): void;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

/** What is used of a pool: a `Pool` of `pg` fits. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on?(event: "error", listener: (error: Error) => void): unknown;
  on?(event: "acquire", listener: (client: PostgresClient) => void): unknown;
}

/** Where the data lives, see `postgres()`. */
export type Where = string | PostgresPool;

/** A way to the server. */
export interface Link {
  /** The server, for messages, without user and password. */
  readonly place: string;
  /** Lends a connection. */
  connect(): Promise<PostgresClient>;
  close(): Promise<void>;
}

/** Where and how to connect, checked. */
export interface Target {
  link(timeoutMs: number): Link;
}

/** How a pool of `pg` is made. */
interface PoolOptions {
  readonly host?: string;
  readonly port?: number;
  readonly user?: string;
  readonly password?: string;
  readonly database?: string;
  readonly ssl: false | { readonly rejectUnauthorized: true; readonly ca?: string };
  readonly application_name: string;
  readonly max: number;
  readonly connectionTimeoutMillis: number;
  readonly idleTimeoutMillis: number;
  readonly keepAlive: boolean;
}

/** A pool of our own. */
interface OwnPool extends PostgresPool {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "acquire" | "connect", listener: (client: PostgresClient) => void): unknown;
  end(): Promise<void>;
}

/** @throws {LifecycleError} `INVALID_OPTION` for what is no URL of a PostgreSQL server and no pool */
export function targetOf(where: Where, connections: number): Target {
  if (typeof where === "string") return ownTarget(checkedUrl(where), connections);
  const pool: unknown = where;
  if (isPool(pool)) return { link: () => givenLink(pool) };
  throw refused("a postgres: URL or a pool", typeof where);
}

function refused(rule: string, value: string): LifecycleError {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot use a PostgreSQL store: \`where\` must be ${rule}, not ${value}`,
  );
}

function isPool(pool: unknown): pool is PostgresPool {
  return typeof pool === "object" && pool !== null && "connect" in pool && typeof pool.connect === "function";
}

/** Whose errors are heard: unheard, they would end the process. */
const listened = new WeakSet<PostgresClient | PostgresPool>();

/** A connection at rest that breaks is replaced. */
function hearPool<T extends PostgresPool>(pool: T): T {
  if (listened.has(pool)) return pool;
  listened.add(pool);
  pool.on?.("error", () => {});
  // In the very moment in which it is lent: it may break before whoever asked for it is told that it is there.
  pool.on?.("acquire", hear);
  return pool;
}

/** The statement under way rejects, if there is one. */
function hear(client: PostgresClient): PostgresClient {
  if (!listened.has(client)) client.on?.("error", () => {});
  listened.add(client);
  return client;
}

/** What a URL may say behind its question mark. */
const settings: readonly string[] = ["sslmode", "sslrootcert", "application_name"];

function checkedUrl(where: string): URL {
  const secretless = where.replace(/^([a-z+]+:\/\/)?.*@/is, "$1").replace(/[?#].*/s, "");
  let url: URL;
  try {
    url = new URL(where);
    decodeURIComponent(url.username + url.password + url.pathname); // throws for a stray %
  } catch {
    url = new URL("none:"); // its error would carry the password
  }
  const fits = /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "" && /^\/[^/]+$/.test(url.pathname);
  if (!fits) throw refused("a URL like postgres://host:5432/database", JSON.stringify(secretless));
  for (const [name, value] of url.searchParams) {
    if (!settings.includes(name)) {
      throw refused(`a URL with no setting but ${settings.join(", ")}; for others pass a pool`, name);
    }
    if (name === "sslmode" && !["disable", "require", "verify-full"].includes(value)) {
      throw refused("a URL whose sslmode is disable, require or verify-full; for others pass a pool", value);
    }
  }
  return url;
}

/** A pool of somebody else, who ends it. */
function givenLink(pool: PostgresPool): Link {
  hearPool(pool);
  return {
    place: "PostgreSQL",
    connect: async () => hear(await pool.connect()),
    close: async () => {},
  };
}

/** How long a server may keep the end of a connection to itself, in milliseconds. */
const farewellMs = 1_000;

function ownTarget(url: URL, connections: number): Target {
  const words = url.searchParams;
  const options = {
    host: url.hostname.replaceAll(/^\[|\]$/g, ""),
    ...(url.port !== "" && { port: Number(url.port) }),
    ...(url.username !== "" && { user: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
    database: decodeURIComponent(url.pathname.slice(1)),
    ssl: encryptionOf(words),
    application_name: words.get("application_name") ?? "oneup-lifecycle",
    max: connections,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
  };
  return {
    link(timeoutMs) {
      let dialled: Promise<OwnPool> | undefined;
      const sockets = new Set<Socket>();
      const dial = async (): Promise<OwnPool> => {
        const Pool = await poolOfPg();
        const pool = hearPool(new Pool({ ...options, connectionTimeoutMillis: timeoutMs }));
        pool.on("connect", (client) => {
          const { connection } = client as { readonly connection?: { readonly stream: Socket } }; // not in its types
          if (connection === undefined) return; // the native client
          const { stream } = connection;
          sockets.add(stream);
          stream.once("close", () => sockets.delete(stream));
        });
        return pool;
      };
      return {
        place: `PostgreSQL at ${url.protocol}//${url.host}${url.pathname}`,
        async connect() {
          const pool = await (dialled ??= dial());
          return hear(await pool.connect());
        },
        async close() {
          const pool = await dialled?.catch(() => undefined);
          await pool?.end();
          // pg says good-bye and waits for ever for the other side's, which a server that is frozen never says.
          for (const socket of sockets) {
            const cancel = systemClock.timer(farewellMs, () => socket.destroy()); // it keeps a real process
            socket.once("close", cancel);
          }
        },
      };
    },
  };
}

/** TLS as the URL asks for it. @throws {LifecycleError} `INVALID_OPTION` if its certificates cannot be read */
function encryptionOf(words: URLSearchParams): PoolOptions["ssl"] {
  const certificates = words.get("sslrootcert");
  const mode = words.get("sslmode") ?? (certificates === null ? "disable" : "verify-full");
  if (mode === "disable") return false;
  // Said aloud, because otherwise `NODE_TLS_REJECT_UNAUTHORIZED=0` would switch it off.
  if (certificates === null) return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(certificates, "utf8") };
  } catch (cause) {
    throw new LifecycleError(
      "INVALID_OPTION",
      `Cannot use a PostgreSQL store: sslrootcert must be a file that can be read, not ${JSON.stringify(certificates)}`,
      { cause },
    );
  }
}

/** Only whoever stores there installs it. @throws {LifecycleError} `STORE_UNUSABLE` if it is not there */
async function poolOfPg(): Promise<new (options: PoolOptions) => OwnPool> {
  try {
    const { default: pg } = await import("pg");
    return pg.Pool;
  } catch (cause) {
    throw new LifecycleError(
      "STORE_UNUSABLE",
      "Cannot use a PostgreSQL store from a URL: the package pg must be installed (npm install pg)",
      { cause },
    );
  }
}
