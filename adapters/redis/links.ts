/**
 * Ways to a Redis server: a client that the adapter makes from a URL, or one that it was given.
 *
 * @module
 */
import { createClient } from "@keyv/redis";
import type { Clock } from "../../src/clock.ts";
import { LifecycleError } from "../../src/errors.ts";

/** What is used of the options of a command. */
export interface CommandOptions {
  readonly abortSignal: AbortSignal;
  readonly typeMapping: object;
}

/** What is used of a client, as `createClient` makes it. */
export interface RedisClient {
  readonly isOpen: boolean;
  connect(): Promise<unknown>;
  destroy(): unknown;
  sendCommand(command: readonly string[], options: CommandOptions): Promise<unknown>;
  on(event: "error", listener: (error: unknown) => void): unknown;
}

/** What is used of a cluster, as `createCluster` makes it. */
export interface RedisCluster extends Omit<RedisClient, "sendCommand"> {
  readonly slots: unknown;
  sendCommand(
    firstKey: string,
    isReadonly: boolean,
    command: string[],
    options: CommandOptions,
  ): Promise<unknown>;
}

/** What is used of `KeyvRedis`: its client. */
export interface HasClient {
  readonly client: unknown;
}

/** Where the data lives, see `redis()`. */
export type Where = string | RedisClient | RedisCluster | HasClient;

/** A way to the server. */
export interface Link {
  /** The server, for messages, without user and password. */
  readonly place: string;
  /** What went wrong last with the connection, if it is gone. */
  failure(): unknown;
  /** Connects, or gives up when `signal` aborts. */
  connect(signal: AbortSignal): Promise<void>;
  /** Sends a command to the server that has `key`. What is not written when `signal` aborts never will be. */
  send(key: string, command: readonly string[], signal: AbortSignal): Promise<unknown>;
  /** Nothing came back for a long time, or the server is no longer the one to write to: connects anew. */
  renew(): void;
  close(): void;
}

/** Where and how to connect, checked. */
export interface Target {
  link(clock: Clock, timeoutMs: number): Link;
}

/** @throws {LifecycleError} `INVALID_OPTION` for what is no URL of a Redis server and no client */
export function targetOf(where: Where): Target {
  if (typeof where === "string") {
    const url = checkedUrl(where);
    return { link: (clock, timeoutMs) => ownLink(url, clock, timeoutMs) };
  }
  const client: unknown =
    typeof where === "object" && where !== null && "client" in where ? where.client : where;
  if (isClient(client)) {
    const link = givenLink(client);
    return { link: () => link };
  }
  throw refused("a redis: or rediss: URL, a KeyvRedis, a client or a cluster", typeof where);
}

function refused(rule: string, value: string): LifecycleError {
  return new LifecycleError(
    "INVALID_OPTION",
    `Cannot use a Redis store: \`where\` must be ${rule}, not ${value}`,
  );
}

function checkedUrl(where: string): URL {
  const secretless = where.replace(/^([a-z+]+:\/\/)?.*@/is, "$1").replace(/[?#].*/s, "");
  try {
    const url = new URL(where);
    decodeURIComponent(url.username + url.password); // throws for a stray %
    const fits = /^rediss?:$/.test(url.protocol) && url.hostname !== "" && /^(\/\d*)?$/.test(url.pathname);
    if (fits) return url;
  } catch {} // its error would carry the password
  throw refused("a URL like redis://host:6379/0", JSON.stringify(secretless));
}

function isClient(client: unknown): client is RedisClient | RedisCluster {
  return (
    typeof client === "object" &&
    client !== null &&
    "sendCommand" in client &&
    typeof client.sendCommand === "function" &&
    !("getSentinelNode" in client) // another sendCommand
  );
}

/** A client of somebody else, who closes it. One link serves all who open it. */
function givenLink(client: RedisClient | RedisCluster): Link {
  let heard = false;
  let connecting: Promise<unknown> | undefined;
  let failure: unknown;
  const hear = (error: unknown): void => void (failure = error); // unheard, it would end the process
  return {
    place: "Redis",
    failure: () => failure,
    async connect(signal) {
      if (!heard) client.on("error", hear);
      heard = true;
      const giveUp = (): void => void (client.isOpen && client.destroy());
      signal.addEventListener("abort", giveUp, { once: true });
      if (!client.isOpen) connecting = client.connect();
      await connecting;
      signal.removeEventListener("abort", giveUp);
    },
    send(key, command, abortSignal) {
      const options = { abortSignal, typeMapping: {} };
      return "slots" in client
        ? client.sendCommand(key, false, [...command], options)
        : client.sendCommand(command, options);
    },
    renew() {},
    close() {}, // and the listener stays: the client may lose its connection later as well
  };
}

/** Said aloud, because otherwise `NODE_TLS_REJECT_UNAUTHORIZED=0` would switch it off. */
const verifying = { tls: true, rejectUnauthorized: true } as const;

/**
 * A client of our own. It queues nothing while it is offline, so no write is sent long after its caller gave up, and
 * once it was connected it tries to connect again for ever.
 */
function ownLink(url: URL, clock: Clock, timeoutMs: number): Link {
  const password = decodeURIComponent(url.password);
  let opened = false;
  let failure: unknown;
  let current = dial();

  function dial(): { readonly client: RedisClient; readonly since: number; readonly retire: () => void } {
    let connected = false;
    let retired = false;
    const client = createClient({
      url: url.href,
      clientInfoTag: "oneup-lifecycle",
      disableOfflineQueue: true,
      socket: {
        connectTimeout: timeoutMs,
        ...(url.protocol === "rediss:" && verifying),
        reconnectStrategy: (failures) =>
          opened && !retired ? Math.min(1_000, 25 * 2 ** failures) * (0.5 + clock.random() / 2) : false,
      },
    });
    client.on("connect", () => (connected = true));
    client.on("ready", () => (failure = undefined));
    client.on("error", (error: unknown) => {
      connected = false;
      failure = secretless(error);
    });
    return {
      client,
      since: clock.monotonic(),
      retire() {
        retired = true;
        const end = (): void => void (client.isOpen && client.destroy());
        if (connected || client.isReady) end();
        else client.once("connect", end); // node-redis 5 would forget the socket that is still connecting
      },
    };
  }

  /** A server without AUTH repeats in its error what it was sent. */
  function secretless(error: unknown): unknown {
    const tells = error instanceof Error && password !== "" && error.message.includes(password);
    return tells ? new Error(error.message.replaceAll(password, "***")) : error;
  }

  return {
    place: `Redis at ${url.protocol}//${url.host}${url.pathname}`,
    failure: () => failure,
    async connect() {
      try {
        await current.client.connect();
        opened = true;
      } catch (error) {
        throw secretless(error);
      }
    },
    send: (_, command, abortSignal) => current.client.sendCommand(command, { abortSignal, typeMapping: {} }),
    renew() {
      if (clock.monotonic() - current.since < timeoutMs) return;
      current.retire();
      current = dial();
      current.client.connect().catch(() => {}); // heard as "error" above
    },
    close: () => current.retire(),
  };
}
