/**
 * `oneup-lifecycle leave`: purges users and keeps receipts.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import type {
  DryLeaveOptions,
  LeaveForecast,
  LeaveProgress,
  Lifecycle,
  OffboardManyOptions,
} from "../../index.ts";
import { momentInWords } from "../../runtime/options/time-in-words.ts";
import { byOption, doerIn, nameFrom, UsageError, versionsIn, wholeIn } from "../arguments.ts";
import { flag, option, type Command, type Given } from "../command.ts";
import { confirm } from "../confirm.ts";
import { escapeControl, number, plural, print } from "../format.ts";
import { withStore } from "../open-store.ts";
import { stoppable, type Standing } from "../stopped.ts";
import { checkUsers, listOption, showing, unfinishedLines, unlistableLines, usersOf } from "./list-option.ts";
import { printResult } from "../results.ts";

export const leave: Command = {
  name: "leave",
  description: "offboard all users, or a list, erase their data at 1upHealth, and keep signed receipts",
  more: [
    "It counts the users and tells when it would end; with --dry-run that is all. Then it asks, or with --yes it demands",
    "the same number as --count. Their tokens are erased at once, their FHIR data is purged one after the other, at one",
    "management call a user: it cannot be undone. Each purge that 1upHealth confirmed gets a receipt in FILE.",
    "",
    "After Ctrl-C or a crash, run the same command again to continue, also once users that it names are exported or",
    "fixed. While it waits, it also works as a worker for all users in the store. Verify with: receipts FILE",
  ],
  example: "leave --receipts ./receipts.ndjson --dry-run",
  opens: "act",
  json: "lines",
  asks: true,
  fails: "a user has no receipt",
  options: {
    receipts: option("FILE", "where receipts are kept"),
    name: option("NAME", "name of the leave (default: that of the file)"),
    purge: option("WHAT", "all, none, or e.g. r4,stu3 (default: all)"),
    "only-after-export": option("NAME", "only users that the export of this name has finished"),
    "allow-partial-export": flag(
      "with --only-after-export: also if it left out types or versions, which are purged",
    ),
    "take-over": option("NAME", "also the users of this leave, which was given up, that have no receipt"),
    "dry-run": flag("count the users, and change nothing"),
    count: option("N", "the number that the dry run printed"),
    forget: flag("also forget each user once its receipt is kept"),
    ...listOption,
    ...byOption,
  },
  async run(given, signal) {
    const { switches, texts } = given;
    const receipts = texts.get("receipts");
    if (receipts === undefined) throw new UsageError("No file given: use --receipts FILE");
    const count = wholeIn(given, "count", 0, 1e9);
    if (switches.has("yes") && count === undefined && !switches.has("dry-run"))
      throw new UsageError("leave --yes needs the number that --dry-run prints: add --count N");
    const by = doerIn(given);
    await checkUsers(given, signal);
    const dry = optionsOf(given, receipts, signal);
    const use = async (lifecycle: Lifecycle): Promise<number | undefined> => {
      const forecast = await lifecycle.offboardMany(usersOf(given, signal), dry);
      const { count: ready, exportBegun } = forecast;
      if (exportBegun === false) throw unknownExport(dry.onlyAfterExport ?? "");
      if (switches.has("dry-run")) {
        print(given, forecast, [...forecastLines(forecast), `To do it: the same with --count ${ready}`]);
        return 0;
      }
      if (!switches.has("yes")) {
        const question = [
          ...forecastLines(forecast),
          whatIsErased(forecast, dry.purge, switches.has("forget")),
        ];
        await confirm(given, question.join("\n"), signal);
      }
      const shows = showing(given, lineOf);
      let isHalfDone = false;
      const options: OffboardManyOptions = {
        ...dry,
        ...shows,
        onProgress(progress) {
          isHalfDone = true; // it is called first when the first user is about to be marked
          shows.onProgress(progress);
        },
        forget: switches.has("forget"),
        receipts,
        by,
        count: count ?? ready,
      };
      return stoppable(
        given,
        signal,
        () => ({ ...standing, isHalfDone }),
        () => act(lifecycle, options),
      );
    };
    const act = async (lifecycle: Lifecycle, options: OffboardManyOptions): Promise<number> => {
      const summary = await lifecycle.offboardMany(usersOf(given, signal), options);
      const { closed, failed, waiting, left, lost, leavingBy, unfinished, publicKey } = summary;
      const open = failed + waiting + left;
      printResult(given, summary, [
        `${plural(summary.receipts, "receipt")} of ${plural(summary.count, "user")} in ${receipts}${closed ? ", closed" : ""}`,
        `Keep their public key apart from them: ${publicKey}`,
        ...(open > 0
          ? [`${plural(open, "user")} without a receipt:`, ...unfinishedLines(unfinished, open)]
          : []),
        ...elsewhereLines(leavingBy),
        ...(lost > 0
          ? [
              `${plural(lost, "user")} no longer part of it, without a receipt in ${receipts}: taken over by a leave of another name, forgotten first, or with a receipt that was lost from the file`,
              "What to do: run leave with another --name and another --receipts file, which gets the receipts of all that were not forgotten, and that no other leave has",
            ]
          : []),
      ]);
      // Another leave may have taken some of them since they were counted.
      return closed && summary.count === options.count ? 0 : 1;
    };
    return withStore(given, use, switches.has("dry-run") ? { way: "look" } : {}); // a dry run changes no limit
  },
};

const standing: Standing = {
  line: "users that were marked to leave go on with any worker. Run the same command to continue, and to get their receipts.",
};

function optionsOf(
  { texts, switches }: Given,
  receipts: string,
  signal: AbortSignal,
): DryLeaveOptions & { count?: undefined } {
  const purge = texts.get("purge") ?? "all";
  return {
    name: texts.get("name") ?? nameFrom(receipts),
    purge: purge === "all" || purge === "none" ? purge === "all" : versionsIn("purge", purge),
    onlyAfterExport: texts.get("only-after-export"),
    allowPartialExport: switches.has("allow-partial-export"),
    takeOver: texts.get("take-over"),
    signal,
  };
}

function forecastLines(forecast: LeaveForecast): readonly string[] {
  const { count, done, unexported, leftOut, leavingBy, unusable, unlistable, calls, endsAt } = forecast;
  const end =
    endsAt === null ? "once they are no longer paused" : `until ${momentInWords(endsAt, systemClock.now())}`;
  return [
    `${plural(count, "user")} would leave, ${number(done)} of them have left already`,
    `${plural(calls, "management call")}, ${end}`,
    ...(unexported > 0 ? [`${plural(unexported, "user")} would wait: not exported yet`] : []),
    ...(leftOut > 0
      ? [`${plural(leftOut, "user")} would stay out: offboarded before, with data that is not exported`]
      : []),
    ...elsewhereLines(leavingBy),
    ...(unusable > 0 ? [`${plural(unusable, "row")} without a user here`] : []),
    ...unlistableLines(
      unlistable,
      "at most those are exported that other resources refer to, and all are purged",
    ),
  ];
}

function elsewhereLines(leavingBy: LeaveForecast["leavingBy"]): readonly string[] {
  return Object.entries(leavingBy).map(
    ([name, users]) =>
      `${plural(users, "user")} left out: the leave "${name}" goes on with them. Run its own command to its end, or, if it was given up, add --take-over ${name}`,
  );
}

/** What the question names before a leave: all that is gone after a yes. */
function whatIsErased(
  { count, done }: LeaveForecast,
  purge: DryLeaveOptions["purge"],
  forgets: boolean,
): string {
  const data =
    purge === true ? "all FHIR data" : `the FHIR data (${Array.isArray(purge) ? purge.join(",") : ""})`;
  const erased = purge === false ? "" : ` and ${data} at 1upHealth, also for those it is shared with`;
  const forgotten = forgets ? "; each record is deleted once its receipt is kept" : "";
  return `The tokens of ${plural(count - done, "user")} are erased${erased}${forgotten}. It cannot be undone.`;
}

function unknownExport(name: string): UsageError {
  return new UsageError(
    `--only-after-export must be the name of an export that was begun on this store, and none is called ${JSON.stringify(escapeControl(name))}; nothing was done`,
  );
}

function lineOf({ phase, count, receipts, left, failed, waiting, endsAt }: LeaveProgress): string {
  const more = [
    ...(phase === "marking" ? ["noting who leaves"] : [`${number(left)} left`]),
    ...(failed > 0 ? [`${number(failed)} failed`] : []),
    ...(waiting > 0 ? [`${number(waiting)} stay for now`] : []),
    ...(endsAt === null ? [] : [`until ${momentInWords(endsAt, systemClock.now())}`]),
  ];
  return `${number(receipts)} of ${plural(count, "receipt")} (${more.join(", ")})`;
}
