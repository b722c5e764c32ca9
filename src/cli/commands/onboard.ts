/**
 * `oneup-lifecycle onboard FILE`: a whole list of users, with a picture of how far it is.
 *
 * @module
 */
import { basename } from "node:path";
import { systemClock } from "../clock.ts";
import type { ImportProgress, ImportSummary, OnboardManyOptions } from "../index.ts";
import { jsonLinesOption, UsageError } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { importLine, importPicture, importSummary } from "./import-picture.ts";
import { idsIn, usualColumn } from "./list-file.ts";
import {
  endpointOptions,
  environmentSays,
  limitOptions,
  openToWork,
  placeOptions,
  warnsAfter,
} from "./place.ts";
import { Screen } from "./screen.ts";
import { policyOf, refreshOption } from "./working.ts";

/** What `help` says. */
export const onboardHelp: CommandHelp = {
  name: "onboard",
  says: "a whole list of users from a file, durable and resumable",
  more: [
    "FILE is CSV with a header (.csv, .tsv, or any file with --column), or has an app_user_id a line;",
    "- is the standard input, and needs --name. Everybody is written down first and then waits for slots",
    "of the hourly limit, behind people who sign up meanwhile. Ctrl-C, or a crash, leaves everything as",
    "it is: the same command goes on. Workers on the same store help: oneup-lifecycle work.",
    "",
    "An import is known by its name: a new list under an old name goes on with the old import. While it",
    "waits it works for everybody in the store, as a worker does.",
    "",
    ...environmentSays,
  ],
  argument: "FILE",
  options: {
    name: {
      type: "string",
      value: "NAME",
      says: "names the import, to go on with it (the file's; - has none)",
    },
    column: { type: "string", value: "NAME", says: `the column of a CSV file (${usualColumn})` },
    lane: { type: "string", value: "LANE", says: "where users wait: bulk, recovery, interactive (bulk)" },
    expect: {
      type: "string",
      value: "WHAT",
      says: "new or existing, if you know (1upHealth's list is read)",
    },
    ...refreshOption,
    ...jsonLinesOption,
    ...placeOptions,
    ...limitOptions,
    ...endpointOptions,
  },
};

/** Where nothing can be redrawn, a line is printed this often, ms. */
const lineMs = 60_000;
/** Elsewhere the picture is, ms. */
const pictureMs = 500;

/** Runs the import; gives the exit code: 1 if somebody failed, or a row or a record is of no use, 130 if it was stopped. */
export async function onboard(given: Given, signal: AbortSignal): Promise<number> {
  const { argument: path, texts, switches } = given;
  if (path === undefined) throw new UsageError("onboard needs a FILE: oneup-lifecycle onboard users.csv");
  const options = optionsOf(path, texts);
  const screen = new Screen(process.stdout);
  const shows = switches.has("json") ? asJson() : onScreen(screen);
  // A warning stands below the picture, and the next picture below the warning.
  const warns = warnsAfter(() => screen.say());
  const lifecycle = await openToWork(given, { ...warns, ...policyOf(given) });
  try {
    const ids = idsIn({ path, column: texts.get("column") }, signal);
    const summary = await lifecycle.onboardMany(ids, { ...options, ...shows.every, signal });
    shows.end(summary);
    return summary.failed + summary.unreadable + summary.rejected > 0 ? 1 : 0;
  } catch (error) {
    if (!signal.aborted) throw error;
    shows.stopped();
    return 130;
  } finally {
    await lifecycle.close();
  }
}

/** What the lifecycle checks is given as it is. @throws {UsageError} if nothing names the import */
function optionsOf(path: string, texts: Given["texts"]): OnboardManyOptions {
  const name = texts.get("name") ?? nameAfter(path);
  const lane = texts.get("lane") as OnboardManyOptions["lane"];
  const expect = texts.get("expect") as OnboardManyOptions["expect"];
  return { name, ...(lane !== undefined && { lane }), ...(expect !== undefined && { expect }) };
}

function nameAfter(path: string): string {
  // One name for all that comes through a pipe would make a new list go on with the one before.
  if (path === "-") throw new UsageError("onboard - needs a --name for the import: a pipe has none");
  return basename(path)
    .replace(/\.\w+$/, "")
    .replaceAll(/[^\w.-]/g, "_")
    .slice(0, 64);
}

/** How an import is shown. */
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
        else if (isWorthALine(progress) && (progress.phase !== phase || now - saidAt >= lineMs)) {
          screen.say(importLine(progress, systemClock.now()));
          saidAt = now;
        }
        phase = progress.phase;
      },
    },
    end: (summary) => screen.say(...importSummary(summary, paint)),
    stopped: () =>
      screen.say(
        ...(moves ? [""] : []), // the terminal shows what ended it
        paint.busy("Stopped; everybody is kept as they are. The same command goes on."),
      ),
  };
}

/** The beginning and the end say nothing that the other lines do not. */
function isWorthALine({ phase, read }: ImportProgress): boolean {
  return phase !== "done" && read > 0;
}

function asJson(): Shows {
  const say = (what: object): void => console.log(JSON.stringify(what));
  return {
    every: { everyMs: 1_000, onProgress: (progress) => progress.phase !== "done" && say(progress) },
    end: say,
    stopped: () => say({ phase: "stopped" }),
  };
}
