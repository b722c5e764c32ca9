/**
 * `oneup-lifecycle inspector`: shows users and the account in a browser, until Ctrl-C.
 *
 * @module
 */
import { userInfo } from "node:os";
import { onAbort } from "../../abort.ts";
import type { Lifecycle } from "../../index.ts";
import { aPersonName, nameOf } from "../../inspector/actions/permission.ts";
import { createInspector } from "../../inspector/index.ts";
import { UsageError } from "../arguments.ts";
import type { Command, Given } from "../command.ts";
import { withStore } from "../open-store.ts";
import { whole } from "../parse-units.ts";
import { printError } from "../screen.ts";
import { reasonOf } from "../system-error.ts";
import { openBrowser } from "./open-browser.ts";
import { serve, type Handle, type Serving } from "./serve.ts";

/** See the module. */
export const inspector: Command = {
  name: "inspector",
  description: "watch users and the account live, in a browser on this machine",
  more: [
    "Listens on 127.0.0.1 and prints a link. The link opens the inspector once, in one browser: start the",
    "command again for another one. Ids are shown in full. Ctrl-C stops it.",
    "",
    "Without --actions it is read-only: it makes no calls and changes nothing. With --actions, the page can also",
    "retry, reauthorize, hold and offboard users, pause the account, and reopen its gates. It asks before each of",
    "these, which is recorded under your user name, or under --as NAME.",
  ],
  example: "inspector --open",
  opens: "act",
  options: {
    port: { type: "string", value: "N", description: "port to listen on (default: any free port)" },
    actions: { type: "boolean", description: "allow actions, beside looking" },
    as: { type: "string", value: "NAME", description: "the name under which actions are recorded" },
    open: { type: "boolean", description: "open the link in the browser" },
  },
  run,
};

async function run(given: Given, signal: AbortSignal): Promise<number> {
  const port = whole("port", given.texts.get("port") ?? "0", 0, 65_535);
  const actions = given.switches.has("actions");
  const who = nameIn(given);
  const use = async (lifecycle: Lifecycle): Promise<number> => {
    const shown = createInspector(lifecycle, { actions, maskIds: false });
    const server = await listen(shown.fetch, port);
    try {
      const link = shown.link(server.origin, who);
      if (actions) console.log(`Actions are recorded under the name ${who}.`);
      console.log(`The inspector is at ${link}\nThe link works once. Ctrl-C stops the inspector.`);
      if (given.switches.has("open"))
        openBrowser(link, () => printError("Cannot open a browser: open the link yourself"));
      await new Promise<void>((resolve) => onAbort(signal, resolve));
      return 0;
    } finally {
      await shown.close();
      await server.close();
    }
  };
  return withStore(given, use, { way: actions ? "act" : "look" });
}

/** The name under which actions are recorded: that of `--as`, or that of this machine's user. */
function nameIn({ texts, switches }: Given): string {
  const name = texts.get("as");
  if (name === undefined) return nameOf(userOfMachine()) ?? "localhost";
  if (!switches.has("actions")) throw new UsageError("--as needs --actions: only actions are recorded");
  if (!aPersonName.holds(name)) throw new UsageError(`--as must be ${aPersonName.must}`);
  return name;
}

function userOfMachine(): string | null {
  try {
    return userInfo().username;
  } catch {
    return null; // this user has no name here, as in some containers
  }
}

async function listen(handle: Handle, port: number): Promise<Serving> {
  try {
    return await serve(handle, port);
  } catch (error) {
    throw new UsageError(
      `Cannot listen on port ${port}: ${reasonOf(error)}; without --port any free one is taken`,
    );
  }
}
