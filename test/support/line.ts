/** A line to a server that a test can spoil: to Redis, PostgreSQL, or over HTTP. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { listening } from "./servers.ts";

export interface Line {
  /** Where to connect instead. */
  readonly port: number;
  /** Cuts every connection of this moment. */
  cut(): void;
  /** Cuts the connection that carries the next answer, in place of the answer. */
  cutNextAnswer(): void;
  /** The connections of this moment carry nothing any more, without an error. */
  silence(): void;
  /** Everything arrives so much later, in milliseconds, either way. */
  delay(ms: number): void;
  /** Takes no new connections; those that stand stay. */
  refuse(): void;
  /** Takes new connections again, and delays nothing. */
  mend(): Promise<void>;
  close(): void;
}

/** Opens a line to the server at `farPort` of this machine. */
export async function openLine(farPort: number): Promise<Line> {
  const sockets = new Set<Socket>();
  const carrying = new Set<Socket>();
  let cutNext = false;
  let delayMs = 0;
  let closed = false;

  function cut(): void {
    for (const socket of sockets) socket.destroy();
  }

  /** What comes from one side goes to the other, in order. */
  function carry(from: Socket, to: Socket, answers: boolean): void {
    let before = Promise.resolve();
    const next = (task: () => void): void => {
      const ms = delayMs;
      before = before.then(() => (ms > 0 ? pause(ms) : undefined)).then(task);
    };
    sockets.add(from);
    carrying.add(from);
    from.on("data", (data) => {
      if (cutNext && answers) {
        cutNext = false;
        from.destroy();
        to.destroy();
      } else next(() => void (carrying.has(from) && to.write(data)));
    });
    from.on("end", () => next(() => void to.end()));
    from.on("error", () => to.destroy());
    from.on("close", () => {
      sockets.delete(from);
      carrying.delete(from);
      if (!from.readableEnded) to.destroy(); // otherwise what is still on its way arrives first
    });
  }

  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port: farPort, host: "127.0.0.1", allowHalfOpen: true });
    carry(near, far, false);
    carry(far, near, true);
  });
  const port = await listening(server);
  return {
    port,
    cut,
    cutNextAnswer: () => void (cutNext = true),
    silence: () => carrying.clear(),
    delay: (ms) => void (delayMs = ms),
    refuse: () => void (server.listening && server.close()),
    async mend() {
      delayMs = 0;
      while (!server.listening && !closed) {
        server.listen(port, "127.0.0.1");
        await once(server, "listening").catch(() => pause(50)); // another program has the port for a moment
      }
    },
    close() {
      closed = true;
      if (server.listening) server.close();
      cut();
    },
  };
}
