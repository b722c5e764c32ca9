import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createCluster } from "@keyv/redis";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { redis, type Where } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { clientOf } from "../support/places.ts";
import { listening } from "../support/servers.ts";

/** A server that answers no client; `greets`: once it has told the first that it is part of a cluster. */
async function mute(
  greets: boolean,
): Promise<{ readonly url: string; readonly sockets: ReadonlySet<Socket> }> {
  const sockets = new Set<Socket>();
  let isMute = !greets;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (data) => {
      if (isMute) return;
      const asked = String(data);
      isMute = /\r\nINFO\r\n/.test(asked);
      const commands = asked.match(/^\*\d+\r$/gm) ?? [];
      socket.write(isMute ? "$19\r\ncluster_enabled:1\r\n\r\n" : "+OK\r\n".repeat(commands.length));
    });
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, "close");
  });
  return { url: `redis://127.0.0.1:${await listening(server)}`, sockets };
}

/** Ways to a cluster. */
const ways: Readonly<Record<string, (url: string) => Where>> = {
  "a URL": (url) => url,
  "a cluster": (url) => clientOf([url]),
  "a cluster with options of its own": (url) =>
    createCluster({ rootNodes: [{ url }], defaults: { socket: { noDelay: false } } }),
};

describe("adapters/redis at a cluster's node that takes connections and never answers", () => {
  it.each(Object.keys(ways))("open() of %s that gives up leaves no connection to it", async (way) => {
    const { url, sockets } = await mute(way === "a URL");
    const where = ways[way]?.(url) ?? url;
    const opening = redis(where, { timeoutMs: 1_000 }).open({ account: "account", clock: systemClock });
    let gaveUp = false; // on a slow machine before the second connection stands
    opening.catch(() => (gaveUp = true));
    const asking = way === "a URL" ? 2 : 1; // one asks who is in the cluster
    await vi.waitUntil(() => sockets.size === asking || gaveUp);
    await expect(opening).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    await vi.waitFor(() => expect(sockets.size).toBe(0));
  });
});
