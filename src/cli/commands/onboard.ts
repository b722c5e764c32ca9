/**
 * `oneup-lifecycle onboard FILE`: onboards a list of users and shows the progress.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { lanes } from "../../store/contract.ts";
import type { ImportProgress, ImportSummary, OnboardManyOptions } from "../../index.ts";
import { laneOption, nameFrom, UsageError } from "../arguments.ts";
import { option, type Command, type Given } from "../command.ts";
import { importLine, importPicture, importSummary } from "../import-picture.ts";
import { checkReadable, idsIn, usualColumn } from "../list-file.ts";
import { withStore } from "../open-store.ts";
import { Screen } from "../screen.ts";
import { printJson } from "../format.ts";
import { policyOf, refreshOption } from "../worker-options.ts";

export const onboard: Command = {
  name: "onboard",
  description: "onboard a list of users from a file; durable and resumable",
  more: [
    "FILE is CSV with a header (.csv, .tsv, or any file with --column), or has one app_user_id per line;",
    "white space around an id is removed. - is the standard input and needs --name.",
    "All users are stored first, then wait for slots of the",
    "hourly limit, behind users who sign up meanwhile. After Ctrl-C or a crash, run the same command",
    "again to continue. Workers on the same store speed it up: oneup-lifecycle work.",
    "",
    "An import is identified by its name: a new list under an old name continues the old import. While it",
    "waits, the command also works as a worker for all users in the store.",
  ],
  takes: ["FILE"],
  example: "onboard users.csv",
  opens: "work",
  json: "lines",
  fails: "a user failed, or a row or a record was unusable",
  options: {
    name: option("NAME", "name of the import, needed to continue it (default: the file name; - has none)"),
    column: option("NAME", `the column of a CSV file (default: ${usualColumn})`),
    ...laneOption,
    expect: option("WHAT", "new or existing, if known (default: look in 1upHealth's list)"),
    ...refreshOption,
  },
  async run(given, signal) {
    const { argument: path, texts, switches } = given;
    const options = optionsOf(path, texts);
    await checkReadable(path);
    const screen = new Screen(process.stdout);
    const shows = switches.has("json") ? asJson() : onScreen(screen);
    // A warning goes below the display, and the next display below the warning.
    const more = { beforeWarning: () => screen.say(), options: policyOf(given) };
    try {
      return await withStore(
        given,
        async (lifecycle) => {
          const ids = idsIn({ path, column: texts.get("column") }, signal);
          const summary = await lifecycle.onboardMany(ids, { ...options, ...shows.every, signal });
          shows.end(summary);
          return summary.failed + summary.unreadable + summary.rejected > 0 ? 1 : 0;
        },
        more,
      );
    } catch (error) {
      if (!signal.aborted) throw error;
      shows.stopped();
      return 130;
    }
  },
};

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
  const lane = lanes.find((one) => one === texts.get("lane"));
  if (lane === undefined && texts.has("lane"))
    throw new UsageError(`--lane must be one of ${lanes.join(", ")}`);
  const expect = texts.get("expect") as OnboardManyOptions["expect"];
  return {
    name: name ?? nameFrom(path),
    ...(lane !== undefined && { lane }),
    ...(expect !== undefined && { expect }),
  };
}

/** How progress is shown. */
interface Shows {
  readonly every: Pick<OnboardManyOptions, "everyMs" | "onProgress">;
  end(summary: ImportSummary): void;
  stopped(): void;
}

function onScreen(screen: Screen): Shows {
  const { moves, paint } = screen;
  let phase: ImportProgress["phase"] | undefined;
  let saidAt = Number.NEGATIVE_INFINITY;
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
    end: (summary) => screen.say(...importSummary(summary, paint)),
    stopped: () =>
      screen.say(
        ...(moves ? [""] : []), // after the ^C that the terminal has printed
        paint.busy("Stopped; all progress is saved. Run the same command to continue."),
      ),
  };
}

function asJson(): Shows {
  return {
    every: { everyMs: 1_000, onProgress: (progress) => progress.phase !== "done" && printJson(progress) },
    end: printJson,
    stopped: () => printJson({ phase: "stopped" }),
  };
}
