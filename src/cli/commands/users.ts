/**
 * `oneup-lifecycle users`: lists users, one per line.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { nextStepOf } from "../../next-step.ts";
import type { ErrorCode, UserFilter, UserStatus } from "../../index.ts";
import { internalsOf } from "../../runtime/internals.ts";
import type { UnreadableUser } from "../../runtime/list-users.ts";
import { spanInWords } from "../../runtime/options/time-in-words.ts";
import { wholeIn } from "../arguments.ts";
import { option, type Command, type Given } from "../command.ts";
import { fitted, placesIn, paintFor, type Paint, printError, widthOf } from "../screen.ts";
import { withStore } from "../open-store.ts";
import { plural, printJson, toneOf, waitOf, escapeControl } from "../format.ts";
import { atShell } from "../shell-words.ts";
import { visibleId } from "../../visible-id.ts";

export const users: Command = {
  name: "users",
  description: "list all users, or those in one state, one per line",
  example: "users --state failed",
  opens: "look",
  json: "lines",
  fails: "a user cannot be read",
  options: {
    state: option("STATE", "only users in this state, e.g. failed"),
    first: option("N", "at most N users"),
  },
  /** Prints users as they are read. */
  async run(given, signal) {
    const { texts, switches } = given;
    const first = wholeIn(given, "first", 1) ?? Infinity;
    const state = texts.get("state") as UserFilter["state"]; // checked by users()
    const filter = state === undefined ? {} : { state };
    const isJson = switches.has("json");
    const table = asTable(widthOf(process.stdout), paintFor(process.stdout));
    const unreadable = new Map<ErrorCode, { readonly first: string; users: number }>();
    await withStore(given, async (lifecycle) => {
      await lifecycle.budget.refresh(); // loads the gates that are closed for all users
      let shown = 0;
      for await (const user of internalsOf(lifecycle)?.allUsers(filter) ?? lifecycle.users(filter)) {
        if ("error" in user) {
          const facts = factsOf(user, given);
          const met = unreadable.get(facts.code) ?? { first: facts.why, users: 0 };
          met.users++;
          unreadable.set(facts.code, met);
          if (isJson) printJson(facts);
          else table(unreadableRow(user));
        } else if (isJson) printJson(user);
        else table(rowOf(user));
        if (++shown >= first || signal.aborted) break;
      }
      if (shown === 0 && !isJson) console.log("No users");
    });
    for (const [code, { first: why, users: count }] of unreadable)
      printError(
        escapeControl(
          `${plural(count, "user")} cannot be read${count > 1 ? "; the first" : ""}: ${why} [${code}]`,
        ),
      );
    if (signal.aborted) return 130;
    return unreadable.size > 0 ? 1 : 0;
  },
};

/** What stands in place of the state of a user that cannot be read, and what it waits for. */
const unreadableStates: Readonly<Partial<Record<ErrorCode, readonly [state: string, waitsFor: string]>>> = {
  RECORD_DAMAGED: ["damaged", "reauthorize"],
  RECORD_TOO_NEW: ["tooNew", "a newer release"],
};

function stateOf({ error }: UnreadableUser): readonly [state: string, waitsFor: string] {
  return unreadableStates[error.code] ?? ["unreadable", "a person"];
}

/** All that is known of a user that cannot be read, for `--json`. */
function factsOf(user: UnreadableUser, given: Given) {
  const { appUserId, alias, error } = user;
  const inWords = (text: string): string => atShell(text, given, new Map([[alias, appUserId]]));
  const [state] = stateOf(user);
  const nextStep = inWords(nextStepOf(error));
  return { appUserId, alias, state, code: error.code, why: inWords(error.message), nextStep };
}

/** The cells of a user. */
interface Row {
  readonly id: string;
  readonly state: string;
  readonly tone: keyof Paint;
  readonly since: string;
  readonly token: string;
  readonly wait: string;
}

function rowOf(user: UserStatus): Row {
  const now = systemClock.now();
  const { appUserId, state, since, usable, expiresAt } = user;
  return {
    id: visibleId(appUserId),
    state,
    tone: toneOf[state],
    since: spanInWords(now - since.getTime()),
    token: usable && expiresAt !== null ? spanInWords(expiresAt.getTime() - now) : "–",
    wait: waitOf(user, now),
  };
}

function unreadableRow(user: UnreadableUser): Row {
  const [state, wait] = stateOf(user);
  return { id: visibleId(user.appUserId), state, tone: "bad", since: "–", token: "–", wait };
}

/** Widths of the columns beside the user's id. */
const [stateWidth, sinceWidth, tokenWidth, waitsWidth] = [13, 10, 10, 20];
/** On a pipe, ids are never cut; most fit this width. */
const usualId = 32;

/** A row for each user. What does not fit into its column has a line of its own: nothing is cut. */
function asTable(width: number, paint: Paint): (row: Row) => void {
  const left = width - (stateWidth + sinceWidth + tokenWidth + 8);
  const isNarrow = left < usualId;
  const idWidth =
    width === Infinity ? usualId : Math.max(12, Math.min(48, isNarrow ? left : left - waitsWidth));
  const waitsRoom = isNarrow ? 0 : width - idWidth - (width - left);
  const line = (id: string, state: string, since: string, token: string, waitsFor: string): string =>
    `  ${id}  ${state}  ${fitted(since, sinceWidth)}  ${fitted(token, tokenWidth)}  ${waitsFor}`.trimEnd();
  let isFirst = true;
  return ({ id, state, tone, since, token, wait }) => {
    if (isFirst) {
      const waits = isNarrow ? "" : "waits for";
      const title = line(fitted("user", idWidth), fitted("state", stateWidth), "for", "token", waits);
      console.log(paint.quiet(title));
    }
    isFirst = false;
    const isLong = width !== Infinity && placesIn(id) > idWidth;
    const isBeside = width === Infinity || placesIn(wait) <= waitsRoom;
    if (isLong) console.log(`  ${id}`);
    console.log(
      line(
        isLong ? " ".repeat(idWidth) : fitted(id, Math.max(idWidth, placesIn(id))),
        paint[tone](fitted(state, stateWidth)),
        since,
        token,
        isBeside ? wait : "",
      ),
    );
    if (!isBeside) console.log(`    waits for ${wait}`);
  };
}
