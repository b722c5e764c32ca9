/**
 * `oneup-lifecycle retry ID`, or `--all`: returns failed users to the step that failed.
 *
 * @module
 */
import { systemClock } from "../../clock.ts";
import { duration } from "../parse-units.ts";
import { isLifecycleError } from "../../errors.ts";
import type { Lifecycle } from "../../index.ts";
import { jsonOption, UsageError, userOf } from "../arguments.ts";
import type { CommandHelp, Given } from "../arguments.ts";
import { paintFor } from "../paint.ts";
import {
  endpointOptions,
  environmentSays,
  limitOptions,
  openToGoOn,
  placeOptions,
  using,
  warns,
} from "../open-store.ts";
import { plural, toneOf, waitOf } from "../format.ts";

/** Help of `retry`. */
export const retryHelp: CommandHelp = {
  name: "retry",
  description: "return a failed user, or all of them, to the step that failed",
  more: [
    "ID is the app_user_id. With --all, e.g. after an outage, all failed users are retried: their calls",
    "wait for slots of the limit in the lane recovery, behind users who sign up, and workers process",
    "them.",
    "",
    ...environmentSays,
  ],
  argument: "ID",
  options: {
    all: { type: "boolean", description: "all failed users, instead of ID" },
    wait: { type: "string", value: "TIME", description: "how long to wait for ID, e.g. 10m (default: 30s)" },
    ...placeOptions,
    ...limitOptions,
    ...endpointOptions,
    ...jsonOption,
  },
};

/** Runs it. Exit code: 1 if the user did not recover or, with --all, if a user could not be retried. */
export async function retry(given: Given, signal: AbortSignal): Promise<number> {
  if (!given.switches.has("all")) return retryOne(given, signal);
  if (given.argument !== undefined) throw new UsageError("retry takes an ID or --all, not both");
  if (given.texts.has("wait"))
    throw new UsageError("--wait cannot be combined with --all, which does not wait");
  return retryAll(given, signal);
}

async function retryOne(given: Given, signal: AbortSignal): Promise<number> {
  const id = userOf(given, "retry");
  const waitMs = duration("wait", given.texts.get("wait") ?? "30s");
  const status = await using(openToGoOn(given, warns), (lifecycle) =>
    lifecycle.retry(id, { waitMs, signal }),
  );
  const { state, usable } = status;
  if (given.switches.has("json")) console.log(JSON.stringify(status));
  else {
    const paint = paintFor(process.stdout);
    const waits = waitOf(status, systemClock.now());
    console.log(`${paint[toneOf(state)](state)}${waits === "" ? "" : `, waits: ${waits}`}`);
  }
  return usable || state === "offboarded" ? 0 : 1;
}

async function retryAll(given: Given, signal: AbortSignal): Promise<number> {
  let retried = 0;
  /** How many users could not be retried, by error code. */
  const stay: Record<string, number> = {};
  await using(openToGoOn(given, warns), async (lifecycle) => {
    for await (const { appUserId } of lifecycle.users({ state: "failed" })) {
      if (signal.aborted) break;
      const why = await takeBack(lifecycle, appUserId);
      if (why === null) retried++;
      else stay[why] = (stay[why] ?? 0) + 1;
    }
  });
  if (given.switches.has("json")) console.log(JSON.stringify({ retried, stay }));
  else {
    console.log(retried === 0 ? "No user was retried" : `${plural(retried, "user")} retried`);
    for (const [code, count] of Object.entries(stay))
      console.log(`${plural(count, "user")} could not be retried [${code}]`);
  }
  if (signal.aborted) return 130;
  return Object.keys(stay).length > 0 ? 1 : 0;
}

/** The error code if the user could not be retried, else `null`. Uses the lane `recovery`, because no interactive caller waits for it. */
async function takeBack(lifecycle: Lifecycle, id: string): Promise<string | null> {
  try {
    await lifecycle.retry(id, { waitMs: 0, lane: "recovery" });
    return null;
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    if (error.retryable && error.code !== "USER_NOT_READY") throw error;
    // Behind a closed gate, or if another process was faster, the user is in progress all the same.
    const stays = await lifecycle.inspect(id).then(
      ({ state }) => state === "failed",
      () => true,
    );
    return stays ? error.code : null;
  }
}
