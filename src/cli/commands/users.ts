/**
 * `oneup-lifecycle users`: everybody, a line each.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import type { UserFilter, UserStatus } from "../index.ts";
import { spanInWords } from "../runtime/time-words.ts";
import { whole } from "./amounts.ts";
import { jsonLinesOption } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { fitted, placesIn } from "./columns.ts";
import { paintFor } from "./paint.ts";
import type { Paint } from "./paint.ts";
import { limitOptions, lookingSays, openToLook, placeOptions, using } from "./place.ts";
import { toneOf, tokenLeft, waitOf } from "./prose.ts";
import { widthOf } from "./screen.ts";
import { visible } from "./visible.ts";

/** What `help` says. */
export const usersHelp: CommandHelp = {
  name: "users",
  says: "everybody, or those in one state, a line each",
  more: lookingSays,
  options: {
    state: { type: "string", value: "STATE", says: "only those in it, e.g. failed" },
    first: { type: "string", value: "N", says: "no more than so many" },
    ...placeOptions,
    ...limitOptions,
    ...jsonLinesOption,
  },
};

/** Prints them as they are read; gives the exit code. */
export async function users(given: Given, signal: AbortSignal): Promise<number> {
  const { texts, switches } = given;
  const first = texts.has("first") ? whole("first", texts.get("first") ?? "", 1) : Infinity;
  const state = texts.get("state") as UserFilter["state"]; // checked by users()
  const show = switches.has("json") ? asJson : asTable(widthOf(process.stdout), paintFor(process.stdout));
  await using(openToLook(given), async (lifecycle) => {
    await lifecycle.budget.look(); // so that what is shut for all is known
    let shown = 0;
    for await (const user of lifecycle.users(state === undefined ? {} : { state })) {
      show(user);
      if (++shown >= first || signal.aborted) break;
    }
    if (shown === 0 && !switches.has("json")) console.log("Nobody");
  });
  return signal.aborted ? 130 : 0;
}

function asJson(user: UserStatus): void {
  console.log(JSON.stringify(user));
}

/** Widths of the columns beside the user's id. */
const [stateWidth, sinceWidth, tokenWidth, waitsWidth] = [13, 10, 10, 20];
/** An id on a pipe is never cut; most fit into this. */
const usualId = 32;

function asTable(width: number, paint: Paint): (user: UserStatus) => void {
  const others = stateWidth + sinceWidth + tokenWidth + 8;
  const left = width - others;
  const idWidth = width === Infinity ? usualId : Math.max(12, Math.min(48, left - waitsWidth));
  const waits = Math.max(0, left - idWidth);
  const line = (id: string, state: string, since: string, token: string, waitsFor: string): string =>
    `  ${id}  ${state}  ${fitted(since, sinceWidth)}  ${fitted(token, tokenWidth)}  ${waitsFor}`.trimEnd();
  let isFirst = true;
  return (user) => {
    if (isFirst) {
      const title = line(fitted("user", idWidth), fitted("state", stateWidth), "for", "token", "waits for");
      console.log(paint.quiet(title));
    }
    isFirst = false;
    const now = systemClock.now();
    const id = visible(user.appUserId);
    const place = width === Infinity ? Math.max(idWidth, placesIn(id)) : idWidth;
    const wait = waitOf(user, now);
    console.log(
      line(
        fitted(id, place),
        paint[toneOf(user.state)](fitted(user.state, stateWidth)),
        spanInWords(now - user.since.getTime()),
        tokenLeft(user, now),
        width === Infinity ? wait : fitted(wait, waits).trimEnd(),
      ),
    );
  };
}
