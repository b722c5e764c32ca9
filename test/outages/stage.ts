/** One outage as an operator meets it: what `health()`, the log, and the commands `status` and `explain` show. */
import { join } from "node:path";
import {
  createLifecycle,
  keyFile,
  type Health,
  type Lifecycle,
  type LifecycleOptions,
} from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { vi } from "vitest";
import { causeInWords } from "../../src/errors.ts";
import { performed } from "../cli/operator.ts";
import { loggerTo, type LogLine } from "../support/loggers.ts";
import { afterwards, folder, heldBack } from "../support/scene.ts";

/** What an operator sees, without what differs from run to run. */
export interface Shown {
  readonly health: string;
  readonly status: string;
  readonly explain: string;
  readonly log: string;
}

export const credentials = { clientId: "clientidclientid", clientSecret: "clientsecretclientsecret" };

/** The environment of the commands. */
export type Environment = Readonly<Record<string, string>>;

export const account: Environment = {
  ONEUP_CLIENT_ID: credentials.clientId,
  ONEUP_CLIENT_SECRET: credentials.clientSecret,
};

/** A store on LMDB, and the options and the environment that open it. */
export function onLmdb(): { readonly options: Partial<LifecycleOptions>; readonly env: Environment } {
  const path = folder("outage");
  const [store, key] = [join(path, "store"), join(path, "key")];
  return {
    options: { store: lmdb(store), encryption: keyFile(key) },
    env: { ...account, ONEUP_STORE: store, ONEUP_KEY_FILE: key },
  };
}

/** A lifecycle with a log, closed after the test. */
export async function opened(
  options: Partial<LifecycleOptions>,
): Promise<{ readonly lifecycle: Lifecycle; readonly lines: readonly LogLine[] }> {
  const lines: LogLine[] = [];
  const logger = loggerTo((line) => lines.push(line));
  const lifecycle = await createLifecycle({ credentials, store: lmdb(folder("unused")), logger, ...options });
  afterwards(() => lifecycle.close());
  return { lifecycle, lines };
}

/** A user meets 1upHealth, or what answers in its place. */
export async function metBy(options: Partial<LifecycleOptions>): Promise<Shown> {
  const { options: place, env } = onLmdb();
  const { lifecycle, lines } = await opened({ ...place, ...options });
  await heldBack(lifecycle, "ada");
  // The line of the gate, if one was shut, has the same call and what to do.
  const log = lines.findLast(({ level }) => level === "warn");
  const health = healthLine(await lifecycle.health());
  await lifecycle.close(); // a next attempt that has begun meanwhile ends: what the commands show stands still
  return { health, log: steady(log?.message ?? ""), ...(await looked(env)) };
}

/** What the two commands print. */
export async function looked(env: Environment): Promise<Pick<Shown, "status" | "explain">> {
  const [status, explain] = [await performed(["status"], env), await performed(["explain", "ada"], env)];
  const rows = status.out.slice(Math.max(0, status.out.indexOf("  gates ")));
  return {
    status: steady([status.err, unwrapped(rows)].join("\n")),
    explain: steady([explain.err, explain.out].join("\n")),
  };
}

/** A process that cannot even start. */
export async function notStarted(options: Partial<LifecycleOptions>, env: Environment): Promise<Shown> {
  const health = await opened(options).then(
    () => "it started",
    (error: unknown) => `createLifecycle() rejects: ${String(error)}`,
  );
  const { err } = await performed(["work"], env);
  return { health: steady(health), log: steady(err), ...(await looked(env)) };
}

/** A process whose store fails, while it does what needs the store. */
export async function whileIt(
  does: (lifecycle: Lifecycle, signal: AbortSignal) => Promise<unknown>,
  { lifecycle, lines }: Awaited<ReturnType<typeof opened>>,
  env: Environment,
): Promise<Shown> {
  const stop = new AbortController();
  const done = does(lifecycle, stop.signal).catch(() => {}); // it is stopped
  const line = await vi.waitFor(() => {
    const found = lines.find(({ message }) => message.startsWith("The store does not work"));
    if (found === undefined) throw new Error("no line yet");
    return found;
  });
  const health = await vi.waitFor(async () => {
    const found = await lifecycle.health(); // it reuses what it found for a second
    if (found.ready) throw new Error("still ready");
    return found;
  });
  const shown = { health: healthLine(health), log: steady(line.message), ...(await looked(env)) };
  stop.abort();
  await done;
  return shown;
}

function healthLine({ ready, problem, why, nextStep, endpoints }: Health): string {
  const troubles = endpoints.flatMap(({ endpoint, lastFailure, nextStep: step }) =>
    lastFailure === null || step === null
      ? []
      : [`endpoints, ${endpoint}: ${causeInWords(lastFailure)}; nextStep: ${step}`],
  );
  const own = problem === null ? [] : [`problem: ${problem}`, `why: ${why}`, `nextStep: ${nextStep}`];
  return steady([`ready: ${ready}`, ...own, ...troubles].join("\n"));
}

/** One line for each name, however long it is. */
function unwrapped(rows: string): string {
  return rows.replaceAll(/\n {13}/g, " ").replaceAll(/^ {2}(what to do|\w+) +/gm, "$1: ");
}

/** Without ports, times, keys and aliases. */
function steady(text: string): string {
  return (
    text
      .replaceAll(/\b(127\.0\.0\.1|localhost):\d+/g, "$1:PORT")
      .replaceAll(
        /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC(?:, (?:now|in [\d a-z]*\d (?:ms|s|min|h|d)|[\d a-z]* ago))?/g,
        "TIME",
      )
      .replaceAll(/due since TIME, waits for (?:its turn|a worker)/g, "TIME")
      .replaceAll(/\bin \d+ (?:s|min)\b/g, "in N s")
      .replaceAll(/\b[0-9a-f]{12}\b/g, "HEX")
      .replaceAll(/#[0-9a-f]{20}\b/g, "#ALIAS")
      // A command that is under way as the server ends is lost, a later one gets no answer.
      .replaceAll(
        /the connection to (Redis at \S+) was lost/g,
        "no answer within 1000 ms from $1 (ECONNREFUSED)",
      )
      // A call that could not be sent is soon tried again: what is next depends on how fast this machine is.
      .replaceAll(/(?:It waits because|Next is) .*?(?= What to do: |$)/gm, "…")
      .replaceAll(/\n\s*\n/g, "\n")
      .trim()
  );
}
