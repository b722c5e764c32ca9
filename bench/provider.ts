/**
 * Starts the provider that both sides call, in a process of its own, so that its CPU time is not counted as theirs.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A running provider. */
export interface Provider {
  /** `http://127.0.0.1:…` */
  readonly url: string;
  /** The number of calls that it has answered. */
  calls(): Promise<number>;
  close(): Promise<void>;
}

/**
 * Starts a provider with a latency of `latencyMs`. `pages`: the length of a walk over its Observations. `links`: the form
 * of the URL of a next page.
 */
export async function startProvider(
  latencyMs: number,
  pages = 200,
  links: "absolute" | "relative" = "relative",
): Promise<Provider> {
  const script = fileURLToPath(new URL("provider-server.ts", import.meta.url));
  const server = fork(script, [String(latencyMs), String(pages), links]);
  const [url] = (await Promise.race([once(server, "message"), failed(once(server, "exit"))])) as [string];
  return {
    url,
    async calls() {
      const answer = once(server, "message");
      server.send("calls");
      return Number((await answer)[0]);
    },
    async close() {
      const exit = once(server, "exit");
      server.disconnect(); // it then exits by itself, as it does when this process dies
      await exit;
    },
  };
}

async function failed(exit: Promise<readonly unknown[]>): Promise<never> {
  throw new Error(`Cannot start the provider: its process exited with code ${String((await exit)[0])}`);
}
