/**
 * A connection to the server in a URL, or to its cluster, over our own clients.
 *
 * @module
 */
import { createClient, createCluster } from "@keyv/redis";
import type { Clock } from "../../src/clock.ts";
import { clusterLink } from "./cluster-link.ts";
import { whyOf } from "./failures.ts";
import type { Link, RedisClient, RedisCluster } from "./link.ts";
import { endable } from "./root-nodes.ts";
import { isError } from "../../src/realms.ts";

/** node-redis makes a class of all commands for each new address, in about 30 ms; a copy of a client shares the class. */
let original: ReturnType<typeof createClient> | undefined;

/** Set explicitly, because otherwise `NODE_TLS_REJECT_UNAUTHORIZED=0` would disable verification. */
const verifying = { tls: true, rejectUnauthorized: true } as const;

/**
 * The link over our own clients. They queue nothing while offline, so no write is sent long after its caller has given
 * up. Once connected, they retry lost connections forever. If the server is part of a cluster, the other nodes are
 * discovered through it.
 */
export function ownLink(url: URL, clock: Clock, timeoutMs: number): Link {
  const password = decodeURIComponent(url.password);
  const usual = { clientInfoTag: "oneup-lifecycle", disableOfflineQueue: true } as const;
  const socket = { connectTimeout: timeoutMs, ...(url.protocol === "rediss:" && verifying) };
  const pauseMs = (failures: number): number =>
    Math.min(1_000, 25 * 2 ** failures) * (0.5 + clock.random() / 2);
  const asked = endable([{ url: url.href }]);
  let opened = false;
  let failure: unknown;
  let current = dial();
  let cluster: ReturnType<typeof clusterLink> | undefined;
  let way: Pick<Link, "send" | "renew"> = {
    send: (_, command, abortSignal) => current.client.sendCommand(command, { abortSignal, typeMapping: {} }),
    renew() {
      if (clock.monotonic() - current.since < timeoutMs) return;
      current.retire();
      current = dial();
      current.client.connect().catch(() => {}); // reported by the "error" event below
    },
  };

  function dial(): { readonly client: RedisClient; readonly since: number; readonly retire: () => void } {
    let connected = false;
    let retired = false;
    original ??= createClient();
    const client = original.duplicate({
      url: url.href,
      ...usual,
      socket: { ...socket, reconnectStrategy: (failures) => opened && !retired && pauseMs(failures) },
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
        else client.once("connect", end); // node-redis 5 would lose track of a socket that is still connecting
      },
    };
  }

  /**
   * A client for the cluster. It connects to a node on its first command for it, so it never waits for unrelated nodes.
   */
  function dialAll(): RedisCluster {
    const all = createCluster({
      rootNodes: asked.rootNodes,
      minimizeConnections: true,
      defaults: {
        ...usual,
        username: decodeURIComponent(url.username),
        password,
        socket: { ...socket, reconnectStrategy: pauseMs },
      },
    });
    const onError = (error: unknown): void => void (failure = secretless(error));
    return all.on("error", onError).on("node-error", onError);
  }

  /** Removes the password: a server without AUTH echoes it in its error. */
  function secretless(error: unknown): unknown {
    const leaks = isError(error) && password !== "" && error.message.includes(password);
    return leaks ? new Error(error.message.replaceAll(password, "***")) : error;
  }

  return {
    place: `Redis at ${url.protocol}//${url.host}${url.pathname}`,
    failure: () => failure,
    async connect(signal) {
      try {
        await current.client.connect();
        opened = true;
        if (!(await isOfCluster(current.client, signal))) return;
        // A cluster client asks the same, and hides why it is refused.
        await current.client.sendCommand(["CLUSTER", "SLOTS"], { abortSignal: signal, typeMapping: {} });
        const all = dialAll();
        cluster = clusterLink(all, clock, asked.end);
        await all.connect();
        way = cluster;
        current.retire();
      } catch (error) {
        throw secretless(error);
      }
    },
    send: (...what) => way.send(...what),
    renew: () => way.renew(),
    close() {
      current.retire();
      cluster?.close();
    },
  };
}

async function isOfCluster(client: RedisClient, abortSignal: AbortSignal): Promise<boolean> {
  try {
    const reply = await client.sendCommand(["INFO", "cluster"], { abortSignal, typeMapping: {} });
    return String(reply).includes("cluster_enabled:1");
  } catch (error) {
    if (whyOf(error) === "NOPERM") return false; // the user lacks the right to read it
    throw error;
  }
}
