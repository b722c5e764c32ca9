/**
 * Runs a method of one user, waits, and prints what became of the user.
 *
 * @module
 */
import { systemClock } from "../clock.ts";
import { isLifecycleError, type Lifecycle, type LifecycleOptions, type UserStatus } from "../index.ts";
import { byOption, doerIn, duration } from "./arguments.ts";
import { option, type Given, type Options } from "./command.ts";
import { byWhom, escapeControl, toneOf, waitOf } from "./format.ts";
import { withStore } from "./open-store.ts";
import { paintFor } from "./screen.ts";
import { stoppable, type Standing } from "./stopped.ts";
import { printResult } from "./results.ts";

export const actOptions: Options = {
  wait: option("TIME", "how long to wait for it, e.g. 10m (default: 30s)"),
  ...byOption,
};

/** How long a call waits, and who makes it. */
export interface Act {
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly by: string;
}

/** @throws {UsageError} */
export function actIn(given: Given, signal: AbortSignal): Act {
  return { waitMs: duration("wait", given.texts.get("wait") ?? "30s"), signal, by: doerIn(given) };
}

/** Acts, prints the status, and returns the exit code: 0 if the user `isDone`. */
export async function actOnUser(
  given: Given,
  signal: AbortSignal,
  act: (lifecycle: Lifecycle, options: Act) => Promise<UserStatus>,
  isDone: (status: UserStatus) => boolean = () => true,
  settings: Partial<LifecycleOptions> = {},
): Promise<number | undefined> {
  const options = actIn(given, signal);
  const id = given.texts.get("user") ?? given.argument;
  let isUnchanged = true; // until the store is open
  return stoppable(
    given,
    signal,
    () => (isUnchanged ? notRecorded : perhapsRecorded),
    async () => {
      const use = async (lifecycle: Lifecycle): Promise<UserStatus> => {
        const before = await recordOf(lifecycle, id);
        try {
          return await act(lifecycle, options);
        } catch (error) {
          isUnchanged = signal.aborted && before !== null && before === (await recordOf(lifecycle, id));
          throw error;
        }
      };
      const status = await withStore(given, use, { options: settings });
      printResult(given, status, [
        standing(status) + (given.command.name === "unhold" ? ", not held any more" : ""),
      ]);
      return isDone(status) ? 0 : 1;
    },
  );
}

const notRecorded: Standing = {
  line: "nothing new was recorded of the user. Run the same command again.",
  facts: { recorded: false },
};

const perhapsRecorded: Standing = {
  line: "what has begun is kept, and any worker continues it. oneup-lifecycle inspect ID shows how far it is.",
};

/** What the user's record tells of what was done with it, as text; `null`: it cannot be read. */
async function recordOf(lifecycle: Lifecycle, id: string): Promise<string | null> {
  return lifecycle.inspect(id).then(
    ({ state, history, hold, purge, underWay }) => JSON.stringify([state, history, hold, purge, underWay]),
    (error: unknown) => (isLifecycleError(error, "USER_UNKNOWN") ? error.code : null),
  );
}

function standing(status: UserStatus): string {
  const { state, purge, hold } = status;
  const waits = waitOf(status, systemClock.now());
  const left = purge === null || purge.left.length === 0 ? "" : `, still to erase: ${purge.left.join(", ")}`;
  const held = hold === null ? "" : `, held${byWhom(hold.by)}: ${escapeControl(hold.reason)}`;
  return `${paintFor(process.stdout)[toneOf[state]](state)}${waits === "" ? "" : `, waits: ${waits}`}${left}${held}`;
}

/** Whether the user has a token that works, or needs none. */
export function isUsable({ usable, state }: UserStatus): boolean {
  return usable || state === "offboarded";
}
