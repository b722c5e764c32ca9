/**
 * An application that is killed in the middle of an import and restarted a second later. The provider is the sandbox,
 * which records every call.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { createSandbox } from "./product.ts";

/** The users to onboard. */
export const users: readonly string[] = Array.from(
  { length: 2_000 },
  (_, index) => `user-${index}@example.org`,
);

const latencyMs = 20;
const awayMs = 1_000;

/** The provider's address. */
export interface Provider {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
}

/** The outcome, without the verdict of `judge`. */
export interface Crashed {
  /** Users with a `POST /user` after an earlier one had created them. */
  readonly createdTwice: number;
  /** Time from the restart until the application reported that it was done, in ms. */
  readonly allDoneMs: number;
}

/**
 * Starts the application, kills it when half of the calls of an undisturbed import have been made, restarts it, and waits
 * for its message. `judge` receives the message while the provider is still running.
 */
export async function crash<T>(
  start: (provider: Provider) => ChildProcess,
  judge: (provider: Provider, application: ChildProcess) => Promise<T>,
): Promise<T & Crashed> {
  const sandbox = createSandbox({ limit: { calls: Infinity }, latencyMs });
  const server = await sandbox.listen();
  const provider = { url: server.url, credentials: sandbox.credentials };
  try {
    const first = start(provider);
    while (sandbox.journal.count() < users.length) {
      if (first.exitCode !== null) endedEarly([first.exitCode]);
      await wait(1); // half of the two calls per user
    }
    first.kill("SIGKILL");
    await once(first, "exit");
    await wait(awayMs);

    const begun = performance.now();
    const second = start(provider);
    const exit = once(second, "exit");
    await Promise.race([once(second, "message"), exit.then(endedEarly)]);
    const allDoneMs = performance.now() - begun;
    const judged = await judge(provider, second);
    await exit;
    return { ...judged, createdTwice: sandbox.journal.createdTwice().length, allDoneMs };
  } finally {
    await server.close();
  }
}

function endedEarly([code]: readonly unknown[]): never {
  throw new Error(
    `Cannot measure: the application exited with code ${String(code)} before all users had a token`,
  );
}
