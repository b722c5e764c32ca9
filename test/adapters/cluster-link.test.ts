import { EventEmitter } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { clusterLink } from "../../adapters/redis/cluster-link.ts";
import type { RedisCluster } from "../../adapters/redis/link.ts";
import { systemClock } from "../../src/clock.ts";

/** A client of node-redis for one node, as far as its end goes: it throws when it is ended a second time. */
class Node extends EventEmitter {
  isOpen = true;
  isHeld = true; // the process waits for it

  destroy(): void {
    if (!this.isOpen) throw new Error("The client is closed");
    this.isOpen = false;
    this.isHeld = false;
  }

  unref(): void {
    this.isHeld = false;
  }
}

/** A cluster of these, as far as its end goes. Commands are answered when `answer` is called. */
function clusterOf(nodes: Record<string, Node>) {
  const nodeByAddress = new Map(Object.entries(nodes).map(([address, client]) => [address, { client }]));
  let answer = (): void => {};
  const cluster = Object.assign(new EventEmitter(), {
    isOpen: true,
    nodeByAddress,
    sendCommand: () => new Promise((resolve) => (answer = () => resolve("OK"))),
    destroy() {
      cluster.isOpen = false;
      for (const { client } of nodeByAddress.values()) client.destroy();
      nodeByAddress.clear();
    },
  });
  return { cluster: cluster as unknown as RedisCluster, nodeByAddress, answer: () => answer() };
}

describe("adapters/redis/cluster-link", () => {
  it("close() ends the connection that a command makes which was under way", async () => {
    const [old, promoted] = [new Node(), new Node()];
    const { cluster, nodeByAddress, answer } = clusterOf({ old });
    const link = clusterLink(cluster, systemClock, () => {});
    const sent = link.send("key", ["GET", "key"], new AbortController().signal);
    link.close();
    expect(old.isOpen).toBe(false);
    nodeByAddress.set("promoted", { client: promoted }); // it was told that the key has moved
    answer();
    await sent;
    await pause(0);
    expect(promoted.isOpen).toBe(false);
  });

  it("close() ends the others when one was closed before, and waits for none that is connecting", () => {
    const [gone, other, connecting] = [new Node(), new Node(), new Node()];
    gone.destroy();
    const { cluster } = clusterOf({ gone, other, connecting });
    clusterLink(cluster, systemClock, () => {}).close();
    expect([other.isOpen, connecting.isOpen]).toEqual([false, false]);
    connecting.isHeld = true; // node-redis 5.12 keeps a socket that connects only now
    connecting.emit("connect");
    expect(connecting.isHeld).toBe(false);
  });
});
