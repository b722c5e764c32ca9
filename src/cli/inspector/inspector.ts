/**
 * `oneup-lifecycle inspector`: shows users and the account in a browser, until Ctrl-C.
 *
 * @module
 */
import { onAbort } from "../../abort.ts";
import type { Lifecycle } from "../../index.ts";
import { createInspector } from "../../inspector/index.ts";
import { linkMinutes } from "../../inspector/one-time-links.ts";
import { byOption, cannotListen, doerIn, portOption, UsageError, whole } from "../arguments.ts";
import { flag, type Command } from "../command.ts";
import { withStore } from "../open-store.ts";
import { serveInspector } from "./serve-inspector.ts";

export const inspector: Command = {
  name: "inspector",
  description: "watch users and the account live, in a browser on this machine",
  more: [
    "Listens on 127.0.0.1 and prints a link. The link opens the inspector once, in one browser, within 15 minutes:",
    "start the command again for another one. Ids are shown in full. Ctrl-C stops it.",
    "",
    "Without --actions it is read-only: it makes no calls and changes nothing. With --actions, the page can also",
    "retry, reauthorize, hold and offboard users, pause the account, and reopen its gates. It asks before each of",
    "these, which is recorded under your user name, or under --by NAME.",
  ],
  example: "inspector --open",
  json: null,
  isEndless: true,
  opens: "act",
  options: {
    ...portOption,
    actions: flag("allow actions, beside looking"),
    ...byOption,
    open: flag("open the link in the browser"),
  },
  async run(given, signal) {
    const port = whole("port", given.texts.get("port") ?? "0", 0, 65_535);
    const actions = given.switches.has("actions");
    if (given.texts.has("by") && !actions)
      throw new UsageError("--by needs --actions: only actions are recorded");
    const who = doerIn(given);
    const use = async (lifecycle: Lifecycle): Promise<number> => {
      const shown = createInspector(lifecycle, { actions, maskIds: false });
      const isOpen = given.switches.has("open");
      const served = await serveInspector(shown, { port, isOpen, who }).catch((error: unknown) => {
        throw cannotListen(port, error);
      });
      try {
        if (actions) console.log(`Actions are recorded under the name ${who}.`);
        console.log(
          `The inspector is at ${served.link}\nThe link works once, within ${linkMinutes} minutes. Ctrl-C stops the inspector.`,
        );
        await new Promise<void>((resolve) => onAbort(signal, resolve));
        return 0;
      } finally {
        await served.close();
      }
    };
    return withStore(given, use, { way: actions ? "act" : "look" });
  },
};
