/**
 * `oneup-lifecycle demo`: the whole life of forty users in a quarter of a minute, or of one real one.
 *
 * @module
 */
import type { CommandHelp, Given } from "../arguments.ts";
import { UsageError } from "../arguments.ts";
import { live } from "./live.ts";
import { Screen } from "../screen.ts";
import { tellStory } from "./story.ts";

/** What `help` says. */
export const demoHelp: CommandHelp = {
  name: "demo",
  says: "forty users, one kill -9, nobody lost: watch it happen",
  more: [
    "Starts a sandbox and a worker process on this machine, kills the worker in the middle of its",
    "work, and lets another one go on. Nothing leaves this machine, and nothing stays on it.",
    "",
    "With --live: one user at 1upHealth itself, with ONEUP_CLIENT_ID and ONEUP_CLIENT_SECRET from",
    "the environment. It creates a user and a test Patient there; run it again and it goes on with",
    "the same user, or with a new one if that one has failed.",
  ],
  options: {
    keep: { type: "boolean", says: "keep the folder with the store, and say where it is" },
    live: { type: "boolean", says: "use 1upHealth instead of the sandbox" },
    user: { type: "string", value: "ID", says: "with --live: your id of the user (a random one)" },
    store: { type: "string", value: "DIR", says: "with --live: the store (./oneup-lifecycle-demo)" },
    api: { type: "string", value: "URL", says: "with --live: a gateway for https://api.1up.health" },
    auth: { type: "string", value: "URL", says: "with --live: a gateway for https://auth.1up.health" },
  },
};

/** Runs the demo. `self` is the address of the command's main module: worker processes start there. */
export async function demo({ texts, switches }: Given, self: string, signal: AbortSignal): Promise<number> {
  const screen = new Screen(process.stdout);
  if (switches.has("live")) {
    if (switches.has("keep"))
      throw new UsageError("Option --keep does not go with --live: its store is always kept");
    return live(screen, texts, signal);
  }
  const [stray] = texts.keys();
  if (stray !== undefined) throw new UsageError(`Option --${stray} goes with --live only`);
  return tellStory({ screen, self, keep: switches.has("keep"), signal });
}
