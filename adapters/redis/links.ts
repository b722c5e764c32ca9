/**
 * Ways to a Redis server: a client that the adapter makes from a URL, or one that it was given.
 *
 * @module
 */
import type { Clock } from "../../src/clock.ts";
import { LifecycleError } from "../../src/errors.ts";
import { clusterLink } from "./cluster-link.ts";
import { ownLink } from "./own-link.ts";
import { endable } from "./root-nodes.ts";
import type { RootNode } from "./root-nodes.ts";

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

/** What is used of a cluster's client for one node. */
interface NodeClient extends Pick<RedisClient, "isOpen" | "destroy"> {
  once(event: "connect", listener: () => void): unknown;
  unref(): unknown;
}

/** What is used of a cluster, as `createCluster` makes it. */
export interface RedisCluster extends Omit<RedisClient, "sendCommand" | "on"> {
  readonly slots: unknown;
  readonly nodeByAddress: ReadonlyMap<string, { readonly client?: NodeClient | undefined }>;
  /** Another client with the same options but for these, not connected. */
  duplicate(overrides: { readonly minimizeConnections: true }): RedisCluster;
  on(event: "error" | "node-reconnecting", listener: (error: unknown) => void): unknown;
  sendCommand(
    firstKey: string | undefined,
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
    return { link: (clock) => ("slots" in client ? likeGiven(client, clock) : givenLink(client)) };
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

/**
 * A cluster by a client of our own with the options of the given one. By default node-redis, when it looks where everything
 * is now, waits for a connection to every master, and for one that is gone it waits for ever, and with it whoever asks for
 * anything. Ours connects to a node when it first has something for it.
 */
function likeGiven(client: RedisCluster, clock: Clock): Link {
  const { rootNodes = [], defaults = {} } = optionsOf(client);
  const asked = endable(rootNodes);
  const overrides = {
    minimizeConnections: true,
    ...(rootNodes.length > 0 && { rootNodes: asked.rootNodes, defaults }),
  } as const;
  const own = client.duplicate(overrides);
  let failure: unknown;
  own.on("error", (error) => (failure = error)); // unheard, it would end the process
  const link = clusterLink(own, clock, asked.end);
  return {
    place: "Redis",
    failure: () => failure,
    async connect(signal) {
      signal.addEventListener("abort", link.close, { once: true });
      await own.connect();
      signal.removeEventListener("abort", link.close);
    },
    ...link,
  };
}

/** What a cluster was made with, where node-redis shows it. */
interface ClusterOptions {
  readonly rootNodes?: readonly RootNode[];
  readonly defaults?: object | undefined;
}

function optionsOf(client: RedisCluster): ClusterOptions {
  const { _options = {} } = client as { readonly _options?: ClusterOptions }; // in its types, but not for everybody
  return _options;
}

/** One link serves all who open a client, however many: each listens to it once. */
const given = new WeakMap<RedisClient, Link>();

/** A client of somebody else, who closes it. */
function givenLink(client: RedisClient): Link {
  const known = given.get(client);
  if (known !== undefined) return known;
  let heard = false;
  let connecting: Promise<unknown> | undefined;
  let failure: unknown;
  const hear = (error: unknown): void => void (failure = error); // unheard, it would end the process
  const link: Link = {
    place: "Redis",
    failure: () => failure,
    async connect(signal) {
      if (!heard) client.on("error", hear);
      heard = true;
      const giveUp = (): void => void (client.isOpen && client.destroy());
      signal.addEventListener("abort", giveUp, { once: true });
      if (!client.isOpen) connecting = client.connect();
      const awaited = connecting;
      try {
        await awaited;
      } catch (error) {
        if (connecting === awaited) connecting = undefined; // its owner may connect it next
        throw error;
      } finally {
        signal.removeEventListener("abort", giveUp);
      }
    },
    send: (_, command, abortSignal) => client.sendCommand(command, { abortSignal, typeMapping: {} }),
    renew() {},
    close() {}, // and the listener stays: the client may lose its connection later as well
  };
  given.set(client, link);
  return link;
}
