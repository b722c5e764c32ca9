/**
 * A connection to a cluster. The cluster client looks for a new master only when a node redirects it (`MOVED`), and a
 * dead node sends no redirects. So a request that gets no answer makes the client refresh its view of the cluster.
 *
 * @module
 */
import type { Clock } from "../../src/clock.ts";
import { whyOf } from "./failures.ts";
import type { Link, RedisCluster } from "./link.ts";

/** Minimum interval between two refreshes of the cluster view, and time limit of one, ms. */
const pollMs = 250;

/**
 * Sends commands to a cluster client, which the caller connects.
 *
 * @param endAsking closes the connection, if there is one, over which the client queries the cluster topology
 */
export function clusterLink(
  cluster: RedisCluster,
  clock: Clock,
  endAsking: () => void,
): Pick<Link, "send" | "renew" | "close"> {
  /** Unanswered requests, oldest first. */
  const waiting = new Set<{ readonly key: string }>();
  let lookedAt = -Infinity;
  let closed = false;

  async function ask(
    key: string | undefined,
    command: readonly string[],
    abortSignal: AbortSignal,
  ): Promise<unknown> {
    try {
      return await cluster.sendCommand(key, false, [...command], { abortSignal, typeMapping: {} });
    } finally {
      if (closed) letGo();
    }
  }

  /**
   * Closes every connection. Each pending command repeats this after it has failed: node-redis 5.12 may have redirected
   * it and connected to another node in the meantime, and that connection would keep the process alive.
   */
  function letGo(): void {
    const clients = [...cluster.nodeByAddress.values()].flatMap(({ client }) => client ?? []);
    // A client that is still connecting loses track of its socket.
    for (const client of clients) client.once("connect", () => client.unref());
    try {
      if (cluster.isOpen) cluster.destroy();
    } catch {} // one client was already closed; the rest are closed below
    for (const client of clients) if (client.isOpen) client.destroy();
    endAsking(); // last, because otherwise the client would query another node
  }

  /**
   * Asks a node for `key`. A node that does not own it answers with a redirect, which makes the client refresh its view
   * of the cluster. Every attempt uses the next node, so a dead node spoils at most one attempt.
   */
  function look(key: string): void {
    const now = clock.monotonic();
    if (now - lookedAt < pollMs || !cluster.isOpen) return;
    lookedAt = now;
    const limit = new AbortController();
    const cancel = clock.timer(pollMs, () => limit.abort());
    ask(undefined, ["EVAL", "return 1", "1", key], limit.signal)
      .catch(() => {}) // the next attempt may succeed
      .finally(cancel);
  }

  function lookForWhoWaits(): void {
    for (const { key } of waiting) return look(key);
  }

  cluster.on("node-reconnecting", lookForWhoWaits);
  return {
    async send(key, command, abortSignal) {
      const wait = { key };
      waiting.add(wait);
      try {
        return await ask(key, command, abortSignal);
      } catch (error) {
        const why = whyOf(error);
        if (why === "lost" || why === "offline" || why === "closed") look(key);
        // Nodes that redirect back and forth have not yet agreed on the owner of the slot.
        if (why === "MOVED" || why === "ASK")
          throw new Error("TRYAGAIN the cluster nodes do not agree on the slot owner", { cause: error });
        // A node's client is closed when the node was replaced; another node now has its slots.
        if (why === "closed" && cluster.isOpen) throw new Error("The client is offline", { cause: error });
        throw error;
      } finally {
        waiting.delete(wait);
      }
    },
    renew: lookForWhoWaits,
    close() {
      closed = true;
      letGo();
    },
  };
}
