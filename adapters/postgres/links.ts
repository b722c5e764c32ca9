/**
 * Connects to a PostgreSQL server, through a pool made from a URL or a pool supplied by the caller.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { systemClock } from "../../src/clock.ts";
import {
  invalidOption,
  secretless,
  type LifecycleError,
  storeUnavailable,
  storeUnusable,
} from "../../src/errors.ts";
import { shown } from "../../src/store/adapter-options.ts";
import { isMissing, loadPackage } from "../../src/load-package.ts";

/** A statement in the format of `pg`. */
export interface Statement {
  readonly text: string;
  readonly values?: unknown[];
}

/** The part of a pooled `pg` connection that is used. */
export interface PostgresClient {
  query(statement: Statement): Promise<{ readonly rows: readonly unknown[] }>;
  /** @param destroy closes the connection instead of returning it to the pool */
  release(destroy?: boolean): void;
  on?(event: "error", listener: (error: Error) => void): unknown;
}

/** The part of a pool that is used: a `Pool` of `pg` fits. */
export interface PostgresPool {
  connect(): Promise<PostgresClient>;
  on?(event: "error", listener: (error: Error) => void): unknown;
  on?(event: "acquire", listener: (client: PostgresClient) => void): unknown;
}

/** The rows that a statement returns. */
export async function query(
  client: PostgresClient,
  text: string,
  ...values: unknown[]
): Promise<readonly unknown[]> {
  return (await client.query(values.length === 0 ? { text } : { text, values })).rows;
}

/** Where the data is stored, see `postgres()`. */
export type Where = string | PostgresPool;

/** A source of connections to the server. */
export interface Link {
  /** The server without user and password, for error messages. */
  readonly place: string;
  /** Lends a connection. */
  connect(): Promise<PostgresClient>;
  /** Whether the server still carries out the statement of this connection, as far as that can be found out. */
  isRunning(client: PostgresClient): Promise<boolean>;
  /** Closes the connections that have rested for so long, ms: the way to the server may be broken without a word. */
  retire(restedMs: number): void;
  /** While so many connections wait for the end of statements that were not answered, nothing is written. */
  readonly mostKept: number;
  close(): Promise<void>;
}

/** A pool created by the adapter. */
interface OwnPool extends PostgresPool {
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "acquire" | "connect", listener: (client: PostgresClient) => void): unknown;
  on(event: "release", listener: (error: unknown, client: PostgresClient) => void): unknown;
  end(): Promise<void>;
}

/** The part of the package `pg` that is used. */
interface Pg {
  readonly Pool: new (options: object) => OwnPool;
  readonly Client: new (options: object) => Pick<PostgresClient, "query"> & {
    on(event: "error", listener: (error: Error) => void): unknown;
    connect(): Promise<unknown>;
    end(): Promise<void>;
  };
}

/** How to connect. @throws {LifecycleError} `INVALID_OPTION` if it is neither the URL of a PostgreSQL server nor a pool */
export function targetOf(where: Where, connections: number): (timeoutMs: number) => Link {
  if (typeof where === "string") return ownTarget(checkedUrl(where), connections);
  const pool: unknown = where;
  if (isPool(pool)) return () => givenLink(pool);
  throw refused("a postgres: URL or a pool", shown(where));
}

function refused(rule: string, value: string): LifecycleError {
  return invalidOption(`Cannot use a PostgreSQL store: \`where\` must be ${rule}, not ${value}`);
}

function isPool(pool: unknown): pool is PostgresPool {
  return typeof pool === "object" && pool !== null && "connect" in pool && typeof pool.connect === "function";
}

/** Objects that have an error listener. Without one, an error would end the process. */
const withListener = new WeakSet<PostgresClient | PostgresPool>();

/** Ignores errors of idle connections, which the pool replaces. */
function hearPool<T extends PostgresPool>(pool: T): T {
  if (withListener.has(pool)) return pool;
  withListener.add(pool);
  pool.on?.("error", () => {});
  // Listen as soon as the connection is acquired: it may break before `connect()` resolves.
  pool.on?.("acquire", ignoreErrors);
  return pool;
}

/** Ignores the error event: a statement in progress rejects as well. */
function ignoreErrors(client: PostgresClient): PostgresClient {
  if (!withListener.has(client)) client.on?.("error", () => {});
  withListener.add(client);
  return client;
}

/** The query parameters allowed in a URL. */
const settings: readonly string[] = ["sslmode", "sslrootcert", "application_name"];

function checkedUrl(where: string): URL {
  let url: URL;
  try {
    url = new URL(where);
    decodeURIComponent(url.username + url.password + url.pathname); // throws for a stray %
  } catch {
    url = new URL("none:"); // the parser's error would contain the password
  }
  const fits = /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "" && /^\/[^/]+$/.test(url.pathname);
  // Unless it is encoded, a "#", "?" or "/" in a password ends the host.
  const encoded = where.includes("@") ? ", whose user and password are percent-encoded (a # is %23)" : "";
  if (!fits || url.hash !== "" || url.search.includes("@"))
    throw refused(`a URL like postgres://host:5432/database${encoded}`, secretless(where));
  for (const [name, value] of url.searchParams) {
    if (!settings.includes(name)) {
      throw refused(
        `a URL with no parameters other than ${settings.join(", ")}; for others pass a pool`,
        // Behind a "?" in a password, it is the rest of it.
        /^[a-z_]{1,30}$/.test(name) && value !== "" ? name : "another one",
      );
    }
    if (name === "sslmode" && !["disable", "require", "verify-full"].includes(value)) {
      throw refused(
        "a URL whose sslmode is disable, require or verify-full; for others pass a pool",
        "another one",
      );
    }
  }
  return url;
}

/** A pool owned by the caller, who ends it. */
function givenLink(pool: PostgresPool): Link {
  hearPool(pool);
  return {
    place: "PostgreSQL",
    connect: async () => ignoreErrors(await pool.connect()),
    isRunning: async () => false, // the other connections of the pool are the application's
    retire() {}, // likewise
    mostKept: Number.POSITIVE_INFINITY,
    close: async () => {},
  };
}

/** The socket of a connection; `undefined`: of a native client. */
function socketOf(client: PostgresClient): Socket | undefined {
  const { connection } = client as { readonly connection?: { readonly stream: Socket } }; // missing from its types
  return connection?.stream;
}

/** How long to wait for the server's end of the closing handshake, in milliseconds. */
const farewellMs = 1_000;

function ownTarget(url: URL, connections: number): (timeoutMs: number) => Link {
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
  return (timeoutMs) => {
    let dialled: Promise<OwnPool> | undefined;
    const sockets = new Set<Socket>();
    /** The connections in the pool, and since when. */
    const resting = new Map<Socket, number>();
    const dial = async (): Promise<OwnPool> => {
      const { Pool } = await loadPg();
      const pool = hearPool(new Pool({ ...options, connectionTimeoutMillis: timeoutMs }));
      pool.on("connect", (client) => {
        const stream = socketOf(client);
        if (stream === undefined) return;
        sockets.add(stream);
        stream.once("close", () => {
          sockets.delete(stream);
          resting.delete(stream);
        });
      });
      pool.on("acquire", (client) => {
        const stream = socketOf(client);
        if (stream !== undefined) resting.delete(stream);
      });
      pool.on("release", (_, client) => {
        const stream = socketOf(client);
        if (stream !== undefined && sockets.has(stream)) resting.set(stream, systemClock.monotonic());
      });
      return pool;
    };
    let asking: Promise<ReadonlySet<number> | null> | undefined;
    /** The processes of the server that carry out statements, asked over a connection outside of the pool; `null`: unknown. */
    const active = async (): Promise<ReadonlySet<number> | null> => {
      const { Client } = await loadPg();
      const limits = { connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs };
      const client = new Client({ ...options, ...limits });
      client.on("error", () => {});
      try {
        await client.connect();
        const { rows } = await client.query({
          text: "SELECT pid FROM pg_stat_activity WHERE state = 'active'",
        });
        return new Set(rows.map((row) => (row as { readonly pid: number }).pid)); // as selected
      } catch {
        return null;
      } finally {
        client.end().catch(() => {});
      }
    };
    return {
      place: `PostgreSQL at ${url.protocol}//${url.host}${url.pathname}`,
      async connect() {
        const pool = await (dialled ??= dial());
        return ignoreErrors(await pool.connect());
      },
      async isRunning(client) {
        const { processID } = client as { readonly processID?: number }; // missing from its types
        const found = await (asking ??= active().finally(() => (asking = undefined)));
        // While the server cannot be asked, no other connection could take its place either.
        return processID !== undefined && (found?.has(processID) ?? true);
      },
      retire(restedMs) {
        const since = systemClock.monotonic() - restedMs;
        for (const [socket, at] of resting) if (at <= since) socket.destroy(); // the pool drops it
      },
      mostKept: Math.max(1, Math.floor(connections / 2)),
      async close() {
        const pool = await dialled?.catch(() => undefined);
        await pool?.end();
        // pg waits without a limit for the server to close its side, which a frozen server never does.
        for (const socket of sockets) {
          const cancel = systemClock.timer(farewellMs, () => socket.destroy()); // keeps a real process alive
          socket.once("close", cancel);
        }
      },
    };
  };
}

/**
 * The TLS options that the URL asks for. @throws {LifecycleError} `INVALID_OPTION` if its certificate file cannot be
 * read
 */
function encryptionOf(words: URLSearchParams): false | { rejectUnauthorized: true; ca?: string } {
  const certificates = words.get("sslrootcert");
  const mode = words.get("sslmode") ?? (certificates === null ? "disable" : "verify-full");
  if (mode === "disable") return false;
  // Set explicitly, because otherwise `NODE_TLS_REJECT_UNAUTHORIZED=0` would disable verification.
  if (certificates === null) return { rejectUnauthorized: true };
  try {
    return { rejectUnauthorized: true, ca: readFileSync(certificates, "utf8") };
  } catch (cause) {
    throw invalidOption(
      `Cannot use a PostgreSQL store: sslrootcert must be a file that can be read, not ${JSON.stringify(certificates)}`,
      { cause },
    );
  }
}

/**
 * Imported lazily, because `pg` is an optional dependency. @throws {LifecycleError} `STORE_UNUSABLE` if it is not
 * installed, `STORE_UNAVAILABLE` if it cannot be read now
 */
async function loadPg(): Promise<Pg> {
  try {
    const pg = await loadPackage("pg", () => import("pg"));
    return "default" in pg ? pg.default : pg;
  } catch (cause) {
    if (!isMissing(cause))
      throw storeUnavailable("Cannot use a PostgreSQL store: the package pg could not be loaded", { cause });
    throw storeUnusable(
      "Cannot use a PostgreSQL store from a URL: the package pg must be installed (npm install pg)",
      { cause },
    );
  }
}
