/**
 * `oneup-lifecycle offboard ID`: lets a user go.
 *
 * @module
 */
import { versionsIn } from "../arguments.ts";
import { option, type Command } from "../command.ts";
import { confirm } from "../confirm.ts";
import { escapeControl } from "../format.ts";
import { actOnUser, actOptions } from "./act-on-user.ts";

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
    const question = `The tokens of ${escapeControl(id)} are erased${erased}. Onboarding it again costs one management call.`;
    await confirm(given, question, signal);
    return actOnUser(
      given,
      signal,
      (lifecycle, act) => lifecycle.offboard(id, { ...act, purge: what }),
      ({ state }) => state === "offboarded",
    );
  },
};
