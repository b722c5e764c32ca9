/**
 * `oneup-lifecycle sandbox`: runs a local 1upHealth on this machine, for programs in any language, until Ctrl-C.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import { controlRoutes } from "../../sandbox/http/control-routes.ts";
import type { JournalEntry, Sandbox } from "../../sandbox/index.ts";
import { whole } from "../parse-units.ts";
import { cannotListen, portOption } from "../arguments.ts";
import { flag, option, type Command } from "../command.ts";
import { paintFor } from "../paint.ts";
import { describeEntry } from "./calls.ts";
import { controlLines, introduction } from "./introduction.ts";
import type { StateFile } from "./state-file.ts";
import { begin } from "./world.ts";

export const sandbox: Command = {
  name: "sandbox",
  description: "a local 1upHealth to develop and test against, in any language",
  more: [
    "Listens on 127.0.0.1 and behaves as 1upHealth's documentation describes: users, codes, tokens, FHIR,",
    "the limit on management calls. Prints every call with secrets masked. Ctrl-C stops it and discards",
    "its data, unless --state is given.",
    "",
    "Programs on this machine can inspect and control it with the calls below, which do not count toward",
    "the limit. Send POST and PUT bodies as JSON, with content-type: application/json:",
    "",
    ...controlLines(controlRoutes, paintFor({}, { NO_COLOR: "1" })),
    "",
    "Control calls from web pages of other origins are refused, and so is any host but localhost,",
    "127.0.0.1 and [::1], because the state contains the client secret.",
  ],
  example: "sandbox --port 8080 --seed-users 100",
  json: null,
  isEndless: true,
  options: {
    ...portOption,
    "client-id": option("ID", "accepted client id (default: sandbox-client)"),
    "client-secret": option("SECRET", "accepted client secret (default: sandbox-secret)"),
    limit: option("N", "management calls per window (default: 300)"),
    window: option("TIME", "length of the window, e.g. 90s or 30m (default: 1h)"),
    latency: option("MS", "delay of each call in ms: 80, or 40-120 (default: 0)"),
    "seed-users": option("N", "users to create at start: user-1 to user-N, or the ids in a file"),
    clock: option("TIME", "the sandbox's time: 2026-01-01T00:00:00Z, or +2h from now (default: now)"),
    stopped: flag("start with a stopped clock that moves only when advanced"),
    faults: option("FILE", 'a JSON list of faults, e.g. [{ "call": "createUser", "status": 500 }]'),
    state: option("FILE", "save the state and clock to FILE, and load them at the next start"),
  },
  /** Runs the sandbox until `signal` aborts. */
  async run(given, signal) {
    const { texts } = given;
    const port = whole("port", texts.get("port") ?? "0", 0, 65_535);
    const { sandbox: world, state } = await begin(given, signal);
    const server = await world.listen({ port }).catch((error: unknown) => {
      throw cannotListen(port, error);
    });
    const paint = paintFor(process.stdout);
    const limit = { calls: texts.get("limit") ?? "300", window: texts.get("window") ?? "1h" };
    try {
      await state?.keep(world); // fails at once if the file cannot be written
      console.log(introduction(world, server, limit, paint));
      await follow(world, state, signal, (entry) => console.log(describeEntry(entry, paint)));
    } finally {
      await server.close();
      await state?.keep(world);
    }
  },
};

/** How often the journal is polled, in ms. */
const pollMs = 50;
/** How often a changed state is saved with `--state`, in ms. */
const keepMs = 1_000;

/** Passes every new entry of the journal to `use`, and saves the state, until `signal` aborts. */
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
    await sleep(systemClock, pollMs, signal).catch(() => {}); // the loop's condition sees the abort
  }
}
