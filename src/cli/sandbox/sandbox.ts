/**
 * `oneup-lifecycle sandbox`: a local 1upHealth on this machine, for programs in any language, until Ctrl-C.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import { controlRoutes } from "../../sandbox/control-routes.ts";
import type { JournalEntry, Sandbox, SandboxServer } from "../../sandbox/index.ts";
import { whole } from "../amounts.ts";
import { UsageError } from "../arguments.ts";
import type { CommandHelp, Given } from "../arguments.ts";
import { paintFor } from "../paint.ts";
import { reasonOf } from "../system-error.ts";
import { describeEntry } from "./calls.ts";
import { controlLines, introduction } from "./introduction.ts";
import type { StateFile } from "./state-file.ts";
import { begin } from "./world.ts";

/** What `help` says. */
export const sandboxHelp: CommandHelp = {
  name: "sandbox",
  says: "a local 1upHealth to develop and test against, in any language",
  more: [
    "Listens on 127.0.0.1 and behaves as 1upHealth is documented: users, codes, tokens, FHIR,",
    "the limit of management calls. Prints every call with its secrets masked. Ctrl-C ends it,",
    "and everything in it is gone, unless --state keeps it.",
    "",
    "While it runs, any program may look at it and steer it; such calls are not counted:",
    "",
    ...controlLines(controlRoutes, paintFor({}, { NO_COLOR: "1" })),
  ],
  options: {
    port: { type: "string", value: "N", says: "where to listen (any free port)" },
    "client-id": { type: "string", value: "ID", says: "what the sandbox accepts (sandbox-client)" },
    "client-secret": { type: "string", value: "SECRET", says: "what the sandbox accepts (sandbox-secret)" },
    limit: { type: "string", value: "N", says: "management calls in a window (300)" },
    window: { type: "string", value: "TIME", says: "length of that window: 90s, 30m, 1h (1h)" },
    latency: { type: "string", value: "MS", says: "delay of each call: 80, or 40-120 (0)" },
    "seed-users": {
      type: "string",
      value: "N",
      says: "users who are there already: user-1 to user-N, or the ids of a file",
    },
    clock: {
      type: "string",
      value: "TIME",
      says: "what time it is there: 2026-01-01T00:00:00Z, or +2h from now (now)",
    },
    stopped: { type: "boolean", says: "its clock stands still until it is advanced" },
    faults: {
      type: "string",
      value: "FILE",
      says: 'a JSON list of what goes wrong, e.g. [{ "call": "createUser", "status": 500 }]',
    },
    state: {
      type: "string",
      value: "FILE",
      says: "keeps the world there, its clock too, and goes on with it the next time",
    },
  },
};

/** How often the journal is looked at, ms. */
const lookMs = 50;
/** How often the world is written down, if it is kept and has changed, ms. */
const keepMs = 1_000;

/** Runs the sandbox until `signal` aborts. */
export async function sandbox(given: Given, signal: AbortSignal): Promise<number> {
  const { texts } = given;
  const port = whole("port", texts.get("port") ?? "0", 0, 65_535);
  const { sandbox: world, state } = await begin(given, signal);
  const server = await listen(world, port);
  const paint = paintFor(process.stdout);
  const limit = { calls: texts.get("limit") ?? "300", window: texts.get("window") ?? "1h" };
  try {
    await state?.keep(world); // somebody should hear at once if that cannot be done
    console.log(introduction(world, server, limit, paint));
    await follow(world, state, signal, (entry) => console.log(describeEntry(entry, paint)));
  } finally {
    await server.close();
    await state?.keep(world);
  }
  return 0;
}

async function listen(world: Sandbox, port: number): Promise<SandboxServer> {
  try {
    return await world.listen({ port });
  } catch (error) {
    throw new UsageError(
      `Cannot listen on port ${port}: ${reasonOf(error)}; without --port any free one is taken`,
    );
  }
}

/** Hands every new entry of the journal to `use`, and keeps the world, until `signal` aborts. */
async function follow(
  world: Sandbox,
  state: StateFile | null,
  signal: AbortSignal,
  use: (entry: JournalEntry) => void,
): Promise<void> {
  let seen = 0;
  let keptAt = systemClock.monotonic();
  while (!signal.aborted) {
    const count = world.journal.count();
    if (count < seen) seen = 0; // it was reset
    if (count > seen) for (const entry of world.journal.entries().slice(seen)) use(entry);
    seen = count;
    if (state !== null && systemClock.monotonic() - keptAt >= keepMs) {
      await state.keep(world);
      keptAt = systemClock.monotonic();
    }
    await sleep(systemClock, lookMs, signal).catch(() => {}); // the loop's condition sees the abort
  }
}
