import { once } from "node:events";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import { redis } from "../../adapters/redis.ts";
import { systemClock } from "../../src/clock.ts";
import { listening } from "../support/servers.ts";

/** A server that says that it is part of a cluster, and from then on answers nobody. */
async function mute(): Promise<{ readonly url: string; readonly sockets: ReadonlySet<Socket> }> {
  const sockets = new Set<Socket>();
  let isMute = false;
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

it("adapters/redis: open() that gives up leaves no connection to a cluster's node that takes it and never answers", async () => {
  const { url, sockets } = await mute();
  const opening = redis(url, { timeoutMs: 400 }).open({ account: "account", clock: systemClock });
  await vi.waitUntil(() => sockets.size === 2); // one asks who is in the cluster
  await expect(opening).rejects.toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
  await vi.waitFor(() => expect(sockets.size).toBe(0));
});
