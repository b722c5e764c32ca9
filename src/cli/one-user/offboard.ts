/**
 * `oneup-lifecycle offboard ID`: lets a user go. `forget ID`: deletes the record of a user that was offboarded.
 * `reauthorize ID`: discards a user's grant and gets a new one. Each asks first.
 *
 * @module
 */
import { versionsIn } from "../arguments.ts";
import { option, type Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { actOnUser, actOptions, actIn, isUsable } from "../act-on-user.ts";
import { isLifecycleError } from "../../index.ts";
import { withStore } from "../open-store.ts";
import { visibleId } from "../../visible-id.ts";
import { printResult } from "../results.ts";

export const offboard: Command = {
  name: "offboard",
  description: "let a user go: erase its tokens here, and on request its data at 1upHealth",
  more: [
    "ID is the app_user_id. The tokens are erased at once. With --purge all, or some of dstu2,stu3,r4, the user's",
    "FHIR data at 1upHealth is erased too, also for those it is shared with: it cannot be undone. That may take",
    "longer than --wait; workers continue it. Without --purge a purge that is under way ends. The user stays at",
    "1upHealth; onboarding it again costs one management call.",
  ],
  takes: ["ID"],
  example: "offboard ada@example.org --purge all",
  opens: "act",
  asks: true,
  fails: "data is still to be erased",
  options: {
    purge: option("WHAT", "erase FHIR data: all, or e.g. r4,stu3"),
    ...actOptions,
  },
  async run(given, signal) {
    const { argument: id, texts } = given;
    const purge = texts.get("purge");
    const what = purge === undefined || purge === "all" ? purge === "all" : versionsIn("purge", purge);
    const data = purge === "all" ? "all FHIR data" : `the FHIR data (${purge})`;
    const erased = purge === undefined ? "" : ` and ${data} at 1upHealth, which cannot be undone`;
    const question = `The tokens of ${visibleId(id)} are erased${erased}. Onboarding it again costs one management call.`;
    await confirm(given, question, signal);
    return actOnUser(
      given,
      signal,
      (lifecycle, act) => lifecycle.offboard(id, { ...act, purge: what }),
      ({ state }) => state === "offboarded",
    );
  },
};

export const forget: Command = {
  name: "forget",
  description: "delete the record of a user that was offboarded",
  more: [
    "ID is the app_user_id. Its state, history and number are deleted; a mark without any facts keeps lists from",
    "adding it again. Do it after a purge is done: a purge needs the record.",
  ],
  takes: ["ID"],
  example: "forget ada@example.org",
  opens: "tend",
  asks: true,
  options: actOptions,
  async run(given, signal) {
    const id = given.argument;
    const question = `The record of ${visibleId(id)} is deleted, with its history and its number at 1upHealth. It cannot be undone.`;
    await confirm(given, question, signal);
    const act = actIn(given, signal);
    const known = await withStore(given, async (lifecycle) => {
      const isKnown = await lifecycle.inspect(id).then(
        () => true,
        (error: unknown) => !isLifecycleError(error, "USER_UNKNOWN"), // forget() rejects with any other error
      );
      await lifecycle.forget(id, act);
      return isKnown;
    });
    const told = known ? "forgotten" : "There was no such user here; nothing of it is stored";
    printResult(given, { appUserId: id, known, forgotten: true }, [told]);
  },
};

export const reauthorize: Command = {
  name: "reauthorize",
  description: "discard a user's grant and get a new one, for one management call",
  more: [
    "ID is the app_user_id. For a user whose record is damaged, or whose grant is suspect. The user has no token",
    "until the new one is there.",
  ],
  takes: ["ID"],
  example: "reauthorize ada@example.org",
  opens: "act",
  asks: true,
  fails: "the user has no token yet",
  options: actOptions,
  async run(given, signal) {
    const id = given.argument;
    const question = `The grant of ${visibleId(id)} is discarded, and a new one costs one management call.`;
    await confirm(given, question, signal);
    return actOnUser(given, signal, (lifecycle, act) => lifecycle.reauthorize(id, act), isUsable);
  },
};
