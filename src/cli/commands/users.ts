/**
 * `oneup-lifecycle users`: lists users, one per line.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type { UserFilter, UserStatus } from "../../index.ts";
import { spanInWords } from "../../runtime/options/time-in-words.ts";
import { wholeIn } from "../parse-units.ts";
import { option, type Command } from "../command.ts";
import { fitted, placesIn } from "../columns.ts";
import { paintFor, type Paint } from "../paint.ts";
import { withStore } from "../open-store.ts";
import { printJson, toneOf, waitOf } from "../format.ts";
import { widthOf } from "../screen.ts";
import { escapeControl } from "../escape-control.ts";

export const users: Command = {
  name: "users",
  description: "list all users, or those in one state, one per line",
  example: "users --state failed",
  opens: "look",
  json: "lines",
  options: {
    state: option("STATE", "only users in this state, e.g. failed"),
    first: option("N", "at most N users"),
  },
  /** Prints users as they are read. */
  async run(given, signal) {
    const { texts, switches } = given;
    const first = wholeIn(given, "first", 1) ?? Infinity;
    const state = texts.get("state") as UserFilter["state"]; // checked by users()
    const show = switches.has("json")
      ? printJson
      : asTable(widthOf(process.stdout), paintFor(process.stdout));
    await withStore(given, async (lifecycle) => {
      await lifecycle.budget.refresh(); // loads the gates that are closed for all users
      let shown = 0;
      for await (const user of lifecycle.users(state === undefined ? {} : { state })) {
        show(user);
        if (++shown >= first || signal.aborted) break;
      }
      if (shown === 0 && !switches.has("json")) console.log("No users");
    });
    return signal.aborted ? 130 : 0;
  },
};

/** Widths of the columns beside the user's id. */
const [stateWidth, sinceWidth, tokenWidth, waitsWidth] = [13, 10, 10, 20];
/** On a pipe, ids are never cut; most fit this width. */
const usualId = 32;

/** A row for each user. What does not fit into its column has a line of its own: nothing is cut. */
function asTable(width: number, paint: Paint): (user: UserStatus) => void {
  const left = width - (stateWidth + sinceWidth + tokenWidth + 8);
  const isNarrow = left < usualId;
  const idWidth =
    width === Infinity ? usualId : Math.max(12, Math.min(48, isNarrow ? left : left - waitsWidth));
  const waitsRoom = isNarrow ? 0 : width - idWidth - (width - left);
  const line = (id: string, state: string, since: string, token: string, waitsFor: string): string =>
    `  ${id}  ${state}  ${fitted(since, sinceWidth)}  ${fitted(token, tokenWidth)}  ${waitsFor}`.trimEnd();
  let isFirst = true;
  return (user) => {
    if (isFirst) {
      const waits = isNarrow ? "" : "waits for";
      const title = line(fitted("user", idWidth), fitted("state", stateWidth), "for", "token", waits);
      console.log(paint.quiet(title));
    }
    isFirst = false;
    const now = systemClock.now();
    const id = escapeControl(user.appUserId);
    const isLong = width !== Infinity && placesIn(id) > idWidth;
    const wait = waitOf(user, now);
    const { usable, expiresAt } = user;
    const token = usable && expiresAt !== null ? spanInWords(expiresAt.getTime() - now) : "–";
    const isBeside = width === Infinity || placesIn(wait) <= waitsRoom;
    if (isLong) console.log(`  ${id}`);
    console.log(
      line(
        isLong ? " ".repeat(idWidth) : fitted(id, Math.max(idWidth, placesIn(id))),
        paint[toneOf[user.state]](fitted(user.state, stateWidth)),
        spanInWords(now - user.since.getTime()),
        token,
        isBeside ? wait : "",
      ),
    );
    if (!isBeside) console.log(`    waits for ${wait}`);
  };
}
