/**
 * `oneup-lifecycle onboard FILE`: onboards a list of users and shows the progress; with `--user ID`, one user.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { lanes } from "../../store/contract.ts";
import type {
  ImportProgress,
  Lifecycle,
  OnboardManyOptions,
  OnboardOptions,
  Reject,
  UserStatus,
} from "../../index.ts";
import { laneOption, nameFrom, UsageError } from "../arguments.ts";
import { flag, option, type Command, type Given } from "../command.ts";
import { importLine, importPicture, importSummary, type SummaryOfFile } from "./import-picture.ts";
import { checkReadable, rowsIn, surveyOf, usualColumn, type ListFile } from "../list-file.ts";
import { actOnUser, isUsable, type Act } from "../act-on-user.ts";
import { withStore } from "../open-store.ts";
import { rejectsFile } from "./rejects-file.ts";
import { Screen } from "../screen.ts";
import { escapeControl, number, plural, print, printJson } from "../format.ts";
import { policyOf, refreshOption } from "../worker-options.ts";
import { visibleId } from "../../visible-id.ts";
import { results } from "../results.ts";

export const onboard: Command = {
  name: "onboard",
  description: "onboard a list of users from a file, durable and resumable, or one user",
  more: [
    "FILE is CSV with a header (.csv, .tsv, or any file with --column), or has one app_user_id per line;",
    "white space around an id is removed. - is the standard input and needs --name. 1upHealth deletes no user:",
    "look at --dry-run first. All users are stored first, then wait for slots of the",
    "hourly limit, behind users who sign up meanwhile. After Ctrl-C or a crash, run the same command",
    "again to continue. Workers on the same store speed it up: oneup-lifecycle work.",
    "",
    "An import is identified by its name: a new list under an old name continues the old import. While it",
    "waits, the command also works as a worker for all users in the store.",
    "",
    "A list leaves out users that were offboarded or forgotten. --user ID starts one of them over, for one management",
    "call.",
  ],
  takes: ["[FILE]"],
  example: "onboard users.csv",
  opens: "work",
  json: "lines",
  fails: "a user failed or has no token yet, or a row or a record was unusable",
  options: {
    name: option("NAME", "name of the import, needed to continue it (default: the file name; - has none)"),
    column: option("NAME", `the column of a CSV file (default: ${usualColumn})`),
    ...laneOption,
    expect: option("WHAT", "new or existing, if known (default: look in 1upHealth's list)"),
    ...refreshOption,
    "dry-run": flag("print how many rows FILE has, its columns and the first ids; nothing is stored or sent"),
    rejects: option("FILE", "write the rows that cannot be used to this file, as CSV; it holds their ids"),
    user: option("ID", "onboard this user instead of a list, also if it was offboarded or forgotten"),
    wait: option("TIME", "with --user: how long to wait for it, e.g. 10m (default: 30s)"),
  },
  async run(given, signal) {
    const { argument: path, texts, switches } = given;
    if (texts.has("user")) return onboardOne(given, signal);
    if (path === "")
      throw new UsageError("onboard needs FILE, or --user ID: oneup-lifecycle onboard users.csv");
    if (texts.has("wait")) throw new UsageError("--wait goes with --user");
    const list = { path, column: texts.get("column") };
    if (switches.has("dry-run")) return survey(given, list, signal);
    const options = optionsOf(path, texts);
    await checkReadable(list, signal);
    const { onReject, lineOf, ids, close } = rowsOf(list, texts.get("rejects"), signal);
    const screen = new Screen(process.stdout);
    const shows = switches.has("json") ? asJson() : onScreen(screen, texts.get("rejects"));
    // A warning goes below the display, and the next display below the warning.
    const more = { beforeWarning: () => screen.say(), options: policyOf(given) };
    try {
      return await withStore(
        given,
        async (lifecycle) => {
          const done = await lifecycle.onboardMany(ids, { ...options, ...shows.every, onReject, signal });
          const summary = {
            ...done,
            rejects: done.rejects.map((one) => ({ line: lineOf(one.row), ...one })),
          };
          shows.end(summary);
          return summary.failed + summary.unreadable + summary.rejected > 0 ? 1 : 0;
        },
        more,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
      shows.stopped();
      return 130;
    } finally {
      close();
    }
  },
};

/** Options of a list, which one user has none of. */
const ofLists = ["name", "column", "rejects", "dry-run"];

async function onboardOne(given: Given, signal: AbortSignal): Promise<number | undefined> {
  const { argument, texts, switches } = given;
  const other = ofLists.find((name) => texts.has(name) || switches.has(name));
  if (argument !== "" || other !== undefined)
    throw new UsageError(`--user cannot be combined with ${other === undefined ? "FILE" : `--${other}`}`);
  const id = texts.get("user") ?? "";
  // 1upHealth deletes no user, and an id that was copied with a space would become a second one there.
  if (id.trim() !== id)
    throw new UsageError(
      `--user must be an id without white space around it, got ${JSON.stringify(escapeControl(id))}; nothing was stored or sent. An id that really has some can be onboarded from code: onboard(id)`,
    );
  const options = callOptionsOf(texts);
  const start = (lifecycle: Lifecycle, { waitMs }: Act): Promise<UserStatus> =>
    lifecycle.onboard(id, { ...options, waitMs, signal });
  return actOnUser(given, signal, start, isUsable, policyOf(given));
}

async function survey(given: Given, list: ListFile, signal: AbortSignal): Promise<number> {
  const found = await surveyOf(list, signal);
  const { rows, unusable, columns, first } = found;
  print(given, found, [
    `${plural(rows, "row")}${unusable === 0 ? "" : `, of which ${number(unusable)} cannot be used`}; nothing was stored or sent`,
    `  ${columns === null ? "one id per line" : `ids in the column ${list.column ?? usualColumn}, of ${columns.map(escapeControl).join(", ")}`}`,
    ...first.map((id) => `  ${visibleId(id)}`),
  ]);
  return unusable > 0 ? 1 : 0;
}

/** The ids of the list, the line of each row, and what becomes of rows that cannot be used. */
function rowsOf(list: ListFile, rejects: string | undefined, signal: AbortSignal) {
  const file = rejects === undefined ? undefined : rejectsFile(rejects, list.path);
  /** Where blank lines, or cells of several lines, shift the lines of the rows that follow. */
  const shifts: { readonly row: number; readonly by: number }[] = [];
  const lineOf = (row: number): number => row + (shifts.findLast((one) => one.row <= row)?.by ?? 0);

  async function* ids(): AsyncGenerator<string, void> {
    let row = 0;
    for await (const { id, line } of rowsIn(list, signal)) {
      const by = line - ++row;
      if (by !== shifts.at(-1)?.by) shifts.push({ row, by });
      yield id;
    }
  }

  return {
    ids: ids(),
    lineOf,
    onReject: ({ row, given, code, why }: Reject<string>) => file?.write(lineOf(row), given, code, why),
    close: () => file?.close(),
  };
}

/** How often a line is printed where the display cannot be redrawn, in ms. */
const lineMs = 60_000;
/** How often the display is redrawn, in ms. */
const pictureMs = 500;

/** The import's options; the lifecycle validates them. @throws {UsageError} if the import has no name */
function optionsOf(path: string, texts: Given["texts"]): OnboardManyOptions {
  const name = texts.get("name");
  // With a shared default name, a new list from a pipe would continue the previous import.
  if (name === undefined && path === "-")
    throw new UsageError("onboard - needs a --name for the import: standard input has no file name");
  return { name: name ?? nameFrom(path), ...callOptionsOf(texts) };
}

/** The options of a list and of one user. */
function callOptionsOf(texts: Given["texts"]): Pick<OnboardOptions, "lane" | "expect"> {
  const lane = lanes.find((one) => one === texts.get("lane"));
  if (lane === undefined && texts.has("lane"))
    throw new UsageError(`--lane must be one of ${lanes.join(", ")}`);
  const expect = (["new", "existing"] as const).find((one) => one === texts.get("expect"));
  if (expect === undefined && texts.has("expect")) throw new UsageError("--expect must be new or existing");
  return { ...(lane !== undefined && { lane }), ...(expect !== undefined && { expect }) };
}

/** How progress is shown. */
interface Shows {
  readonly every: Pick<OnboardManyOptions, "everyMs" | "onProgress">;
  end(summary: SummaryOfFile): void;
  stopped(): void;
}

function onScreen(screen: Screen, rejectsPath: string | undefined): Shows {
  const { moves, paint } = screen;
  let phase: ImportProgress["phase"] | undefined;
  let saidAt = Number.NEGATIVE_INFINITY;
  const say = (...lines: readonly string[]): void => {
    results.push(...lines);
    screen.say(...lines);
  };
  return {
    every: {
      everyMs: pictureMs,
      onProgress(progress) {
        const now = systemClock.monotonic();
        if (moves) screen.draw(importPicture(progress, systemClock.now(), paint));
        else if (
          progress.phase !== "done" &&
          progress.read > 0 &&
          (progress.phase !== phase || now - saidAt >= lineMs)
        ) {
          screen.say(importLine(progress, systemClock.now()));
          saidAt = now;
        }
        phase = progress.phase;
      },
    },
    end: (summary) => say(...importSummary(summary, paint, rejectsPath)),
    stopped: () =>
      say(
        ...(moves ? [""] : []), // after the ^C that the terminal has printed
        paint.busy("Stopped; all progress is saved. Run the same command to continue."),
      ),
  };
}

function asJson(): Shows {
  const say = (data: unknown): void => {
    results.push(JSON.stringify(data));
    printJson(data);
  };
  return {
    every: { everyMs: 1_000, onProgress: (progress) => progress.phase !== "done" && printJson(progress) },
    end: say,
    stopped: () => say({ phase: "stopped" }),
  };
}
