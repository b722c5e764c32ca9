/**
 * `oneup-lifecycle demo`: the lifecycle of forty users in 15 to 20 seconds, or of one user at 1upHealth itself.
 *
 * @module
 */
import { flag, option, type Command } from "../command.ts";
import { UsageError } from "../arguments.ts";
import { live } from "./live.ts";
import { Screen } from "../screen.ts";
import { tellStory } from "./story.ts";

export const demo: Command = {
  name: "demo",
  description: "forty users, one kill -9, no user lost: watch it happen",
  more: [
    "Starts a sandbox and a worker process on this machine, kills the worker in the middle of its",
    "work, and lets a second worker continue. Prints a link that shows it in a browser; on a terminal the",
    "page stays until Enter is pressed. Nothing leaves this machine, and no files are kept.",
    "",
    "With --live: onboards one user at 1upHealth itself, with ONEUP_CLIENT_ID and ONEUP_CLIENT_SECRET",
    "from the environment. This creates a user and a test Patient there. Run it again to continue with",
    "the same user, or with a new one if that one has failed.",
  ],
  example: "demo",
  json: null,
  options: {
    keep: flag("keep the store's folder and print its path"),
    open: flag("open the page of the demo in the browser"),
    live: flag("use 1upHealth instead of the sandbox"),
    user: option("ID", "with --live: the app_user_id (default: that of the last run, or a random one)"),
    store: option("DIR", "with --live: folder of the store (default: ./oneup-lifecycle-demo)"),
    api: option("URL", "with --live: as in onboard --help"),
    auth: option("URL", "with --live: as in onboard --help"),
  },
  /** Runs the demo. `self` is the path of the command's main module, from which it starts worker processes. */
  async run({ texts, switches }, signal, self) {
    const screen = new Screen(process.stdout);
    if (switches.has("live")) {
      if (switches.has("keep"))
        throw new UsageError("Option --keep cannot be combined with --live: its store is always kept");
      if (switches.has("open")) throw new UsageError("Option --open cannot be combined with --live");
      return live(screen, texts, signal);
    }
    const [stray] = texts.keys();
    if (stray !== undefined) throw new UsageError(`Option --${stray} is only valid with --live`);
    return tellStory({ screen, self, keep: switches.has("keep"), open: switches.has("open"), signal });
  },
};
