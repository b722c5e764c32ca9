/**
 * Connects to a Redis server, through a client made from a URL or a client supplied by the caller.
 *
 * @module
 */
import { onAbort } from "../../src/abort.ts";
import type { Clock } from "../../src/clock.ts";
import { invalidOption, secretless, type LifecycleError } from "../../src/errors.ts";
import { shown } from "../../src/store/adapter-options.ts";
import { clusterLink } from "./cluster-link.ts";
import { ownLink } from "./own-link.ts";
import { endable, type RootNode } from "./root-nodes.ts";
import type { RedisClient, RedisCluster, Where, Link } from "./link.ts";

/** A validated connection target. */
export interface Target {
  link(clock: Clock, timeoutMs: number): Link;
}

/** @throws {LifecycleError} `INVALID_OPTION` if it is neither the URL of a Redis server nor a client */
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
  throw refused("a redis: or rediss: URL, a KeyvRedis, a client or a cluster", shown(where));
}

function refused(rule: string, value: string): LifecycleError {
  return invalidOption(`Cannot use a Redis store: \`where\` must be ${rule}, not ${value}`);
}

function checkedUrl(where: string): URL {
  let withParameters = false;
  try {
    const url = new URL(where);
    decodeURIComponent(url.username + url.password); // throws for a stray %
    const fits = /^rediss?:$/.test(url.protocol) && url.hostname !== "" && /^(\/\d*)?$/.test(url.pathname);
    if (fits && url.hash === "" && !url.search.includes("@")) {
      if (url.search === "") return url;
      withParameters = true; // node-redis would ignore them, and use database 0 for ?db=3
    }
  } catch {} // the parser's error would contain the password
  if (withParameters)
    throw refused(
      "a URL without parameters, with the database as its path (redis://host:6379/3)",
      secretless(where),
    );
  // Unless it is encoded, a "#", "?" or "/" in a password ends the host.
  const encoded = where.includes("@") ? ", whose user and password are percent-encoded (a # is %23)" : "";
  throw refused(`a URL like redis://host:6379/0${encoded}`, secretless(where));
}

function isClient(client: unknown): client is RedisClient | RedisCluster {
  return (
    typeof client === "object" &&
    client !== null &&
    "sendCommand" in client &&
    typeof client.sendCommand === "function" &&
    !("getSentinelNode" in client) // Sentinel clients have a different sendCommand
  );
}

/**
 * A cluster client of our own with the options of the given one. By default, when node-redis refreshes its view of the
 * cluster, it waits for a connection to every master. For a dead master it waits forever, and blocks every command
 * meanwhile. Our client connects to a node on its first command for it.
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
  own.on("error", (error) => (failure = error)); // without a listener an error would end the process
  const link = clusterLink(own, clock, asked.end);
  return {
    place: "Redis",
    failure: () => failure,
    async connect(signal) {
      const removeAbort = onAbort(signal, link.close);
      await own.connect();
      removeAbort();
    },
    ...link,
  };
}

/** The options a cluster was created with, where node-redis exposes them. */
interface ClusterOptions {
  readonly rootNodes?: readonly RootNode[];
  readonly defaults?: object | undefined;
}

function optionsOf(client: RedisCluster): ClusterOptions {
  const { _options = {} } = client as { readonly _options?: ClusterOptions }; // typed, but not public
  return _options;
}

/** One link per client, however often it is opened, so that it gets only one listener. */
const given = new WeakMap<RedisClient, Link>();

/** A client owned by the caller, who closes it. */
function givenLink(client: RedisClient): Link {
  const known = given.get(client);
  if (known !== undefined) return known;
  let hasListener = false;
  let connecting: Promise<unknown> | undefined;
  let failure: unknown;
  const onError = (error: unknown): void => void (failure = error); // without a listener an error would end the process
  const link: Link = {
    place: "Redis",
    failure: () => failure,
    async connect(signal) {
      if (!hasListener) client.on("error", onError);
      hasListener = true;
      const giveUp = (): void => void (client.isOpen && client.destroy());
      const removeAbort = onAbort(signal, giveUp);
      if (!client.isOpen) connecting = client.connect();
      const awaited = connecting;
      try {
        await awaited;
      } catch (error) {
        if (connecting === awaited) connecting = undefined; // its owner may connect it next
        throw error;
      } finally {
        removeAbort();
      }
    },
    send: (_, command, abortSignal) => client.sendCommand(command, { abortSignal, typeMapping: {} }),
    renew() {},
    close() {}, // the listener stays, because the client may lose its connection later
  };
  given.set(client, link);
  return link;
}
