/**
 * `oneup-lifecycle retry ID`, or `--all`: returns failed users to the step that failed.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import type { Lifecycle, UserStatus } from "../../index.ts";
import { doerIn, UsageError } from "../arguments.ts";
import { flag, type Command, type Given } from "../command.ts";
import { pauseLine, plural } from "../format.ts";
import { withStore } from "../open-store.ts";
import { printError } from "../screen.ts";
import { actOnUser, actOptions, isUsable, type Act } from "../act-on-user.ts";
import { printResult } from "../results.ts";

export const retry: Command = {
  name: "retry",
  description: "return a failed user, or all of them, to the step that failed",
  more: [
    "ID is the app_user_id. With --all, e.g. after an outage, all failed users are retried: their calls",
    "wait for slots of the limit in the lane recovery, behind users who sign up, and workers process",
    "them.",
  ],
  takes: ["[ID]"],
  example: "retry ada@example.org",
  opens: "act",
  fails: "the user has not recovered, or a user could not be retried",
  options: {
    all: flag("all failed users, instead of ID"),
    ...actOptions,
  },
  async run(given, signal) {
    const { argument, switches } = given;
    if (switches.has("all") === (argument !== ""))
      throw new UsageError(
        `retry needs an ID or --all${argument === "" ? "" : ", not both"}: oneup-lifecycle retry ada@example.org`,
      );
    if (!switches.has("all"))
      return actOnUser(given, signal, (lifecycle, act) => retryOne(lifecycle, argument, act), isUsable);
    if (given.texts.has("wait"))
      throw new UsageError("--wait cannot be combined with --all, which does not wait");
    return retryAll(given, signal);
  },
};

/** @throws {LifecycleError} `USER_OFFBOARDED` for a user that was offboarded before; as `retry()` */
async function retryOne(lifecycle: Lifecycle, id: string, act: Act): Promise<UserStatus> {
  const { state } = await lifecycle.inspect(id);
  if (state !== "offboarded") return lifecycle.retry(id, act);
  throw new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot retry user ${lifecycle.alias(id)}: it was offboarded; onboard() starts over`,
  );
}

async function retryAll(given: Given, signal: AbortSignal): Promise<number> {
  const by = doerIn(given);
  let retried = 0;
  /** How many users could not be retried, by error code. */
  const stay: Record<string, number> = {};
  await withStore(given, async (lifecycle) => {
    for await (const { appUserId } of lifecycle.users({ state: "failed" })) {
      if (signal.aborted) break;
      const why = await takeBack(lifecycle, appUserId, by);
      if (why === null) retried++;
      else stay[why] = (stay[why] ?? 0) + 1;
    }
    if (retried > 0) await printPauses(lifecycle);
  });
  printResult(given, { retried, stay }, [
    retried === 0 ? "No user was retried" : `${plural(retried, "user")} retried`,
    ...Object.entries(stay).map(([code, count]) => `${plural(count, "user")} could not be retried [${code}]`),
    ...(signal.aborted ? ["Stopped: the others are as they were. Run the same command to continue."] : []),
  ]);
  if (signal.aborted) return 130;
  return Object.keys(stay).length > 0 ? 1 : 0;
}

/** The lane of users that are retried with others: no interactive caller waits for them. */
const waitsIn = "recovery";

/** The error code if the user could not be retried, else `null`. */
async function takeBack(lifecycle: Lifecycle, id: string, by: string): Promise<string | null> {
  try {
    await lifecycle.retry(id, { waitMs: 0, lane: waitsIn, by });
    return null;
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    // In a pause, behind a closed gate, or if another process was faster, the user is in progress all the same.
    const stays = await lifecycle.inspect(id).then(
      ({ state }) => state === "failed",
      () => true,
    );
    if (stays && error.retryable && error.code !== "USER_NOT_READY") throw error;
    return stays ? error.code : null;
  }
}

/** Prints the pauses in which users wait that were retried. */
async function printPauses(lifecycle: Lifecycle): Promise<void> {
  const { paused } = await lifecycle.budget.refresh();
  for (const pause of paused.filter(({ lane }) => lane === null || lane === waitsIn))
    printError(`Paused: ${pauseLine(pause, systemClock.now())}`);
}
