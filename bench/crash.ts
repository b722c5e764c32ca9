/**
 * An application that is killed in the middle of an import and started again a second later. The provider is the
 * sandbox, which remembers everything.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import { createSandbox } from "./product.ts";

/** Whom the application onboards. */
export const users: readonly string[] = Array.from(
  { length: 2_000 },
  (_, index) => `user-${index}@example.org`,
);

const latencyMs = 20;
const awayMs = 1_000;

/** Where the provider is. */
export interface Provider {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
}

/** What came of it, beside what the judge says. */
export interface Crashed {
  /** Users for whom a `POST /user` came after an earlier one had created them. */
  readonly createdTwice: number;
  /** From the restart until the application said that it is done. */
  readonly allDoneMs: number;
}

/**
 * Starts the application, kills it when half of the calls of an undisturbed import have been made, starts it again, and
 * waits until it sends a message. The judge hears the message while the provider is still there.
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
      await wait(1); // half of the two calls that each of them takes
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
    `Cannot measure: the application ended with code ${String(code)} before all users had a token`,
  );
}
