/**
 * `oneup-lifecycle retry ID`, or `--all`: takes failed users back to where they failed.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { duration } from "./amounts.ts";
import { isLifecycleError } from "../errors.ts";
import type { Lifecycle } from "../index.ts";
import { jsonOption, UsageError, userOf } from "./arguments.ts";
import type { CommandHelp, Given } from "./arguments.ts";
import { paintFor } from "./paint.ts";
import {
  endpointOptions,
  environmentSays,
  limitOptions,
  openToGoOn,
  placeOptions,
  using,
  warns,
} from "./place.ts";
import { plural, toneOf, waitOf } from "./prose.ts";

/** What `help` says. */
export const retryHelp: CommandHelp = {
  name: "retry",
  says: "take a failed user, or all of them, back to where they failed",
  more: [
    "ID is the app_user_id. With --all everybody who failed is taken back, after an outage, say: their",
    "calls wait for slots of the limit in the lane recovery, behind people who sign up, and workers go on",
    "with them.",
    "",
    ...environmentSays,
  ],
  argument: "ID",
  options: {
    all: { type: "boolean", says: "everybody who failed, instead of ID" },
    wait: { type: "string", value: "TIME", says: "how long to wait for ID: 90s, 10m (30s)" },
    ...placeOptions,
    ...limitOptions,
    ...endpointOptions,
    ...jsonOption,
  },
};

/** Runs it; gives the exit code: 1 if the user did not arrive, or with --all if somebody stays as it is. */
export async function retry(given: Given, signal: AbortSignal): Promise<number> {
  if (!given.switches.has("all")) return retryOne(given, signal);
  if (given.argument !== undefined) throw new UsageError("retry takes an ID or --all, not both");
  if (given.texts.has("wait")) throw new UsageError("retry --all does not wait, so there is no --wait");
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
  /** How many stay as they are, by the code that says why. */
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
    console.log(retried === 0 ? "Nobody was taken back" : `${plural(retried, "user")} taken back`);
    for (const [code, count] of Object.entries(stay))
      console.log(`${plural(count, "user")} failed still [${code}]`);
  }
  if (signal.aborted) return 130;
  return Object.keys(stay).length > 0 ? 1 : 0;
}

/** The code that says why the user stays as it is, or `null`. Nobody at a screen waits for it. */
async function takeBack(lifecycle: Lifecycle, id: string): Promise<string | null> {
  try {
    await lifecycle.retry(id, { waitMs: 0, lane: "recovery" });
    return null;
  } catch (error) {
    if (!isLifecycleError(error)) throw error;
    if (error.retryable && error.code !== "USER_NOT_READY") throw error;
    // Before a shut gate, or if another process was faster, the user is on its way all the same.
    const stays = await lifecycle.inspect(id).then(
      ({ state }) => state === "failed",
      () => true,
    );
    return stays ? error.code : null;
  }
}
