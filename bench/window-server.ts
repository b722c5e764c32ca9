/**
 * A provider that counts management calls strictly, and delays every tenth of them.
 *
 * @module
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";

/** A number of calls per rolling window. */
export interface Ceiling {
  readonly calls: number;
  readonly windowMs: number;
}

/** A running provider. */
export interface WindowServer {
  readonly url: string;
  /** Arrival times of management calls, in ms, ascending. */
  readonly came: readonly number[];
  /** The most management calls in any rolling window, by arrival or by the time slow ones were counted, whichever is more. */
  mostInWindow(): number;
  /** Number of refused calls. */
  readonly refused: number;
  close(): Promise<void>;
}

/** Every tenth call is slow: up to a quarter of the window, in ten steps. */
const slowEvery = 10;
const slowSteps = 10;
/** The part of its delay before a slow call is counted; the rest passes before the response is sent. */
const before = [0, 1, 0.5, 0.25, 0.75, 1, 0];

/** Starts the provider in this process. */
export async function startWindowServer({ calls, windowMs }: Ceiling): Promise<WindowServer> {
  const came: number[] = [];
  const counted: number[] = [];
  let refused = 0;

  async function user(response: ServerResponse): Promise<void> {
    const n = came.push(performance.now());
    const slow = n % slowEvery === 0 ? n / slowEvery : 0;
    const delayMs = slow === 0 ? 0 : (windowMs / 4) * (((slow * 3) % slowSteps) + 1) * (1 / slowSteps);
    const share = before[slow % before.length] ?? 0;
    if (delayMs > 0) await wait(delayMs * share);
    const now = performance.now();
    counted.push(now);
    const first = counted[counted.length - 1 - calls];
    if (first !== undefined && first > now - windowMs) {
      refused++;
      return answer(response, 429, { message: "Too Many Requests" });
    }
    if (delayMs > 0) await wait(delayMs * (1 - share));
    answer(response, 200, { success: true, code: `c${n}`, oneup_user_id: n, active: true });
  }

  let tokens = 0;
  const server = createServer((request: IncomingMessage, response) => {
    request.resume();
    request.on("end", () => {
      if (request.url !== "/oauth2/token") return void user(response);
      const n = ++tokens;
      answer(response, 200, {
        access_token: `a${n}`,
        refresh_token: `r${n}`,
        token_type: "bearer",
        expires_in: 7_200,
      });
    });
  });
  server.keepAliveTimeout = 0;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // of a server that listens on TCP
  return {
    url: `http://127.0.0.1:${port}`,
    came,
    mostInWindow: () => Math.max(mostWithin(came, windowMs), mostWithin(counted, windowMs)),
    get refused() {
      return refused;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

/** Two calls exactly one window apart are not in the same window. */
function mostWithin(times: readonly number[], windowMs: number): number {
  let most = 0;
  let first = 0;
  for (const [last, at] of times.entries()) {
    while ((times[first] ?? at) <= at - windowMs) first++;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
