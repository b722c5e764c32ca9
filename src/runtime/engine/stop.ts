/**
 * What an operator has stopped: the management calls of the account or of one lane (a pause), or those of one user (a
 * hold).
 *
 * - **Stopped** are all calls of user management (`createUser`, `issueAuthCode`, `findUser`, `updateUser`, lists) and
 *   `purge`. A user that needs one keeps its state and waits: in its lane, at no cost, or, while it is held, nowhere.
 * - **Not stopped** are calls that were sent before, the exchange of a code that 1upHealth has issued (the code would
 *   expire), refreshes (a grant would be lost), and the application's own calls to FHIR. Nor is the look-up of a rename
 *   in doubt: that call is under way, and the user's token cannot be refreshed before its result is known.
 *
 * @module
 */
import { sleep } from "../../clock.ts";
import { LifecycleError } from "../../errors.ts";
import type { Lane } from "../../store/contract.ts";
import type { UserCall } from "../../../machines/index.ts";
import { scopeOf, unpausing, type AccountPause } from "../account/pauses.ts";
import { momentInWords } from "../options/time-in-words.ts";
import { applyDueNow } from "../user/token-time.ts";
import { callOf, type Position } from "../user/step.ts";
import type { User } from "../user/user.ts";
import type { Engine, Deadline } from "./engine.ts";
import { endpointOf } from "./perform-call.ts";

/** A pause or a hold of an operator, because of which a call is not made now. */
export interface OperatorStop extends Omit<AccountPause, "lane"> {
  readonly type: "paused" | "held";
  /** The paused lane; `null`: all of the account, or this user. */
  readonly lane: Lane | null;
}

/** Whether a pause or a hold stops the next call of a user in this position. */
export function isStoppable({ state }: Position): boolean {
  const call = callOf(state);
  if (call === undefined) return false;
  // seam: refreshes-go-on-in-a-pause
  if (endpointOf(call) === "token") return false;
  return state !== "renameInDoubt";
}

/** What stops the user's next call, as far as this process knows; `null`: nothing does. */
export function stopOf(engine: Engine, user: User): OperatorStop | null {
  const isQuiet = user.hold === null && engine.pauses.all().length === 0;
  if (isQuiet || !isStoppable(applyDueNow(engine, user).position)) return null;
  // seam: a-hold-stops-calls
  if (user.hold !== null) return heldBy(user.hold);
  return stopOfLane(engine, user.position.state === "renaming" ? "interactive" : user.lane); // a rename is in no lane
}

/**
 * Whether the call must not begin, because this process ends or an operator has stopped it; `null`: the account's pauses
 * must be read first, see {@link stopsOnceRead}.
 */
export function stopsAtOnce(
  engine: Engine,
  user: User,
  call: UserCall,
  isShuttingDown: boolean,
): boolean | null {
  if (endpointOf(call) === "token") return false;
  if (isShuttingDown) return true;
  if (!isStoppable(user.position)) return false;
  return knowsPauses(engine) ? stopOf(engine, user) !== null : null;
}

/** Whether an operator has stopped the call. What could not be read of the account's pauses stops it as well. */
export async function stopsOnceRead(engine: Engine, user: User): Promise<boolean> {
  try {
    await knowPauses(engine);
  } catch {
    return true; // the next write gets the error
  }
  return stopOf(engine, user) !== null;
}

/** What stops calls in this lane, as far as this process knows. */
export function stopOfLane({ pauses }: Pick<Engine, "pauses">, lane: Lane): OperatorStop | null {
  const pause = pauses.of(lane);
  // seam: a-pause-stops-calls
  return pause && { ...pause, type: "paused" };
}

/** A hold as an {@link OperatorStop}. */
export function heldBy({ reason, since, by }: NonNullable<User["hold"]>): OperatorStop {
  return { type: "held", lane: null, reason, since: new Date(since), until: null, by: by ?? null };
}

/** Whether this process has read the pauses lately: no call begins on older knowledge. */
function knowsPauses({ account, pauses }: Engine): boolean {
  return account.isFresh(longestRefreshMs) && pauses.isFresh;
}

/**
 * Reads the pauses again, unless this process has read them lately.
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export async function knowPauses({ account, pauses }: Engine): Promise<void> {
  await account.refresh(longestRefreshMs);
  await pauses.renew();
}

/**
 * Resolves once nothing stops the call, if the pause ends by itself before the deadline does.
 *
 * @param cannot as in {@link stoppedError}
 * @throws {LifecycleError} `PAUSED` otherwise; `STORE_UNAVAILABLE`; the signal's reason
 */
export async function whenNotStopped(
  engine: Engine,
  stopNow: () => OperatorStop | null,
  cannot: string,
  { until, signal }: Deadline,
): Promise<void> {
  const { clock } = engine;
  for (;;) {
    await knowPauses(engine);
    const stop = stopNow();
    if (stop === null) return;
    const leftMs = until - clock.monotonic();
    const endMs = stop.until === null ? Infinity : stop.until.getTime() - clock.now();
    if (endMs > leftMs) throw stoppedError(cannot, stop, clock.now());
    await sleep(clock, Math.min(longestSleepMs, Math.max(1, endMs)), signal);
  }
}

/** A pause is looked at again after this time, ms: an operator may have ended it. */
const longestSleepMs = 1_000;

/** The account's record is read again once the last read is this old, ms: as before every call. */
const longestRefreshMs = 5_000;

/**
 * The error for a stopped call. `cannot` begins its message: "Cannot rename user #1234".
 */
export function stoppedError(cannot: string, stop: OperatorStop, now: number): LifecycleError {
  const { type, reason, by, until } = stop;
  const ends = until === null ? "" : ` until ${momentInWords(until, now)}`;
  const what =
    type === "held" ? "an operator holds the user" : `management calls of ${scopeOf(stop)} are paused${ends}`;
  const end = type === "held" ? "unhold()" : unpausing(stop);
  return new LifecycleError("PAUSED", `${cannot}: ${what} (${reason}); ${end} lets it go on`, {
    retryable: true,
    retryAfterMs: until === null ? undefined : Math.max(1, until.getTime() - now),
    facts: { type, reason, by, until: until?.toISOString() ?? null },
  });
}
