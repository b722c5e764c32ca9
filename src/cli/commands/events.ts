/**
 * `oneup-lifecycle events`: lists the events that are kept, and follows them.
 *
 * @module
 */
import type { EventOptions, LifecycleEvent } from "../../index.ts";
import { timeInWords } from "../../runtime/options/time-in-words.ts";
import { flag, option, type Command } from "../command.ts";
import { printJson } from "../format.ts";
import { withStore } from "../open-store.ts";
import { isSystemError } from "../system-error.ts";
import { visibleId } from "../../visible-id.ts";

export const events: Command = {
  name: "events",
  description: "list the steps of all users as events, oldest first, and follow them",
  more: [
    "It makes no calls. The application turns events on, with its option events, or ONEUP_EVENTS_KEEP=7d does.",
    "--json prints the cursor of each event: --after continues behind it.",
  ],
  example: "events --follow --json",
  opens: "tend",
  json: "lines",
  options: {
    follow: flag("wait for new events until it is interrupted"),
    after: option("CURSOR", "only events behind this one"),
    types: option("TYPES", "only these, e.g. TOKEN_GRANTED,GRANT_LOST"),
  },
  /** Prints events as they are read. */
  async run(given, signal) {
    const { texts, switches } = given;
    const types = texts.get("types")?.split(",") as EventOptions["types"]; // checked by events()
    const follow = switches.has("follow");
    const show = switches.has("json") ? printJson : asLine;
    await withStore(given, async (lifecycle) => {
      for await (const event of lifecycle.events({ after: texts.get("after"), types, follow, signal }))
        show(event);
    });
    const reason: unknown = signal.reason;
    const isLeft = isSystemError(reason) && reason.code === "EPIPE"; // `events --follow | head`
    return signal.aborted && !isLeft ? 130 : 0;
  },
};

function asLine({ alias, appUserId, at, cause, from, to, type }: LifecycleEvent): void {
  const user = visibleId(appUserId ?? alias);
  const states = from === null || from === to ? to : `${from} → ${to}`;
  console.log(`${timeInWords(at)}  ${user}  ${type}  ${states}${cause === null ? "" : `  (${cause})`}`);
}
