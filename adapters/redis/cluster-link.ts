/**
 * A way to a cluster. Its client looks for another master only when a node tells it that the keys have moved (`MOVED`),
 * and a node that died tells nobody anything. So whoever gets no answer makes the client look around.
 *
 * @module
 */
import type { Clock } from "../../src/clock.ts";
import { whyOf } from "./failures.ts";
import type { Link, RedisCluster } from "./links.ts";

/** Between two looks at how the cluster stands, at least, ms; one has so long to end. */
const lookMs = 250;

/**
 * What is sent to a cluster that is opened elsewhere.
 *
 * @param endAsking ends the connection, if there is one, over which the client asks who is in the cluster
 */
export function clusterLink(
  cluster: RedisCluster,
  clock: Clock,
  endAsking: () => void,
): Pick<Link, "send" | "renew" | "close"> {
  /** Keys whose answers have not come, the one that waits longest first. */
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
   * Ends every connection. Each command that was under way does so again when it has failed: node-redis 5.12 may have
   * told it in the meantime that its key has moved, and have connected to that node; the process would never end.
   */
  function letGo(): void {
    const clients = [...cluster.nodeByAddress.values()].flatMap(({ client }) => client ?? []);
    // One that is connecting at this moment forgets its socket.
    for (const client of clients) client.once("connect", () => client.unref());
    try {
      if (cluster.isOpen) cluster.destroy();
    } catch {} // one client was closed already; the others follow
    for (const client of clients) if (client.isOpen) client.destroy();
    endAsking(); // only now: while it is open, the client would ask another node
  }

  /**
   * Asks any node for `key`. One that has it not says so, whereupon the client asks it where everything is now. It takes
   * the next node each time, so one that is gone stands in the way of one look at most.
   */
  function look(key: string): void {
    const now = clock.monotonic();
    if (now - lookedAt < lookMs || !cluster.isOpen) return;
    lookedAt = now;
    const limit = new AbortController();
    const cancel = clock.timer(lookMs, () => limit.abort());
    ask(undefined, ["EVAL", "return 1", "1", key], limit.signal)
      .catch(() => {}) // the next look may hear more
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
        // Nodes that send it to and fro have not agreed yet on who has the keys.
        if (why === "MOVED" || why === "ASK")
          throw new Error("TRYAGAIN the cluster does not agree", { cause: error });
        // A node's client is closed when the node has lost its place, and then another one has it.
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
