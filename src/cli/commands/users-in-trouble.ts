/**
 * Why users wait or have failed, counted over the first of them: never a scan of all users.
 *
 * @module
 */
import type {
  BudgetView,
  Cause,
  FailureReason,
  Lifecycle,
  UserPause,
  UserState,
  UserStatus,
} from "../../index.ts";
import { isRefusedAlone, nextStepAfter } from "../../next-step.ts";
import { callOf } from "../../runtime/user/step.ts";

/** At most this many users that wait, and as many that have failed, are looked at. */
export const mostLooked = 100;

/** Why users wait: a failed call, how many of the users that were looked at it holds up, and when the first goes on. */
export interface MetCause {
  readonly cause: Cause;
  readonly users: number;
  readonly nextAt: Date;
  /** Whether the next attempt of one of them is under way. */
  readonly underWay: boolean;
  /** What to do about it. */
  readonly nextStep: string;
}

/** The failed calls because of which users wait, most users first. */
export async function causesOf(lifecycle: Lifecycle, view: BudgetView): Promise<readonly MetCause[]> {
  const met = new Map<string, MetCause>();
  const troubles = (await waitingOf(lifecycle, view)).flatMap((status) => troubleOf(status, view));
  for (const { cause, until, underWay, alone } of troubles) {
    const key = [cause.call, cause.host, cause.code].join(" ");
    const before = met.get(key);
    const nextAt = before !== undefined && before.nextAt < until ? before.nextAt : until;
    const latest = before === undefined || before.cause.at < cause.at ? cause : before.cause;
    met.set(key, {
      cause: latest,
      users: (before?.users ?? 0) + 1,
      nextAt,
      underWay: underWay || before?.underWay === true,
      nextStep: nextStepAfter(latest, { alone }),
    });
  }
  return mostFirst(met);
}

/** What users wait for, how many of those that were looked at, and until when the last of them does. */
export interface MetPause {
  readonly reason: UserPause["reason"];
  readonly users: number;
  /** `null`: no time is known. */
  readonly lastAt: Date | null;
}

/** What users wait for, of those that were looked at; most users first. */
export async function waitsOf(lifecycle: Lifecycle, view: BudgetView): Promise<readonly MetPause[]> {
  const met = new Map<string, MetPause>();
  for (const { pause } of await waitingOf(lifecycle, view)) {
    if (pause === null) continue;
    const { reason, until } = pause;
    const { users = 0, lastAt = until } = met.get(reason) ?? {};
    const isLater = lastAt === null || until === null || lastAt < until;
    met.set(reason, { reason, users: users + 1, lastAt: isLater ? until : lastAt });
  }
  return mostFirst(met);
}

/** A failed call, and when the next attempt leaves. */
interface Trouble {
  readonly cause: Cause;
  readonly until: Date;
  /** It has left already. */
  readonly underWay: boolean;
  /** Calls of other users succeed. */
  readonly alone: boolean;
}

/** Why a user waits. While its next attempt is in flight, that is the cause of its last step. */
function troubleOf(
  { history, pause, ...status }: UserStatus,
  { shut }: Pick<BudgetView, "shut">,
): readonly Trouble[] {
  if (pause !== null && pause.reason !== "lease") {
    const { cause, until, reason } = pause;
    return cause === null || until === null
      ? []
      : [{ cause, until, underWay: false, alone: isRefusedAlone(reason, shut) }];
  }
  const cause = history.at(-1)?.cause ?? null;
  const underWay = status.underWay !== null;
  return cause === null ? [] : [{ cause, until: cause.retryAt ?? cause.at, underWay, alone: false }];
}

/** The first users that need a call. */
async function waitingOf(lifecycle: Lifecycle, { users }: BudgetView): Promise<readonly UserStatus[]> {
  const waiting: UserStatus[] = [];
  const states = (Object.keys(users) as UserState[]).filter((state) => callOf(state) !== undefined); // its keys
  for (const state of states) {
    for await (const user of lifecycle.users({ state })) {
      if (waiting.push(user) >= mostLooked) return waiting;
    }
  }
  return waiting;
}

/** Why users have failed, of those that were looked at. */
export interface Failures {
  /** How many were looked at: the first of all. */
  readonly looked: number;
  readonly causes: readonly MetFailure[];
}

/** A way to fail: in which state, why, and how many users did. */
export interface MetFailure {
  readonly in: UserState;
  readonly reason: FailureReason;
  readonly why: string;
  readonly users: number;
}

/** Why the first failed users failed, most users first. */
export async function failuresOf(lifecycle: Lifecycle): Promise<Failures> {
  const { users } = await lifecycle.userPage({ state: "failed", limit: mostLooked });
  const met = new Map<string, MetFailure>();
  for (const { failure } of users) {
    if (failure === null) continue;
    const key = [failure.in, failure.reason, failure.why].join(" ");
    met.set(key, { ...failure, users: (met.get(key)?.users ?? 0) + 1 });
  }
  return { looked: users.length, causes: mostFirst(met) };
}

function mostFirst<T extends { readonly users: number }>(met: ReadonlyMap<string, T>): readonly T[] {
  return [...met.values()].toSorted((one, other) => other.users - one.users);
}
