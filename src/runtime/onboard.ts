/**
 * Takes one user from wherever it stands to a token.
 *
 * @module
 */
import { isPurging } from "../../machines/index.ts";
import { LifecycleError } from "../errors.ts";
import { arrive, firstLookMs, within } from "./arrive.ts";
import type { Patience } from "./arrive.ts";
import { drive } from "./drive.ts";
import type { Engine } from "./engine.ts";
import { comeForward } from "./lane.ts";
import type { OnboardOptions } from "./call-options.ts";
import { lookFor } from "./load.ts";
import type { Found, Vacant } from "./load.ts";
import { isGone } from "./offboard.ts";
import { isUsable } from "./status.ts";
import { isUncalled, newUser, stepped } from "./user.ts";
import type { User } from "./user.ts";
import { stillPurged } from "./verdict.ts";

/** How to onboard a user: what was asked for, and what to do with one who was let go. */
export interface Onboarding extends Pick<OnboardOptions, "expect" | "lane"> {
  /** `anew`: it begins again. `stay`: it stays offboarded, or forgotten, for whoever asks may not know of it. */
  readonly letGo: "anew" | "stay";
}

/**
 * The user as it is when `wait` is over, or when there is nothing more to wait for: usable, or refused.
 *
 * @throws {LifecycleError} `USER_OFFBOARDED` for one who was forgotten and stays so, or whose data are still being erased;
 * as {@link arrive}; the signal's reason
 */
export async function onboard(
  engine: Engine,
  id: string,
  { letGo, expect = "new", lane = "interactive" }: Onboarding,
  patience: Patience,
): Promise<User> {
  const wait = { ...patience, lane };
  wait.signal.throwIfAborted();
  for (;;) {
    const found = await findHere(engine, id, wait);
    if (found.user !== null) await comeForward(engine, found, lane);
    else if (found.isForgotten && letGo === "stay") throw forgotten(engine, id);
    const user = firstStep(engine, id, found, { letGo, expect, lane });
    const begun = user === null ? undefined : await within(engine, drive(engine, user), wait);
    if (begun?.type === "rested" && isUsable(begun.user, engine.clock.now())) return begun.user;
    // Somebody had the record in hand: one who was let go still is, and begins anew all the same.
    if (begun?.type !== "lost" || found.user === null) return arrive(engine, id, wait);
    await engine.changes.ofUser(id, firstLookMs, wait.signal);
    wait.signal.throwIfAborted();
  }
}

/** The first step of a user nobody has heard of, or who begins again; `null` for one who is on the way, or stays away. */
function firstStep(
  { clock }: Engine,
  id: string,
  found: Found | Vacant,
  { letGo, expect, lane }: { readonly [Name in keyof Onboarding]-?: NonNullable<Onboarding[Name]> },
): User | null {
  const at = clock.now();
  if (found.user === null) {
    const user = newUser(id, lane, at, found.revision);
    return expect === "existing" ? stepped(user, { type: "EXPECT_EXISTING", at }) : user;
  }
  const { user, record } = found;
  if (user.position.state !== "offboarded" || letGo === "stay") return null;
  // A create from before may still be on its way. The store measures for how long: other processes' clocks differ.
  const waitMs = user.pause === null ? 0 : Math.max(0, record.dueInMs ?? 0);
  const pause = waitMs > 0 && user.pause !== null ? { ...user.pause, until: at + waitMs } : null;
  const isNew = expect === "new" && isUncalled(user);
  return stepped({ ...user, lane, pause }, { type: "ONBOARD", at, isNew });
}

/** The user, once whoever is being let go is gone. */
async function findHere(engine: Engine, id: string, wait: Patience): Promise<Found | Vacant> {
  const found = await lookFor(engine, id);
  if (found.user === null || !isPurging(found.user.position.state)) return found;
  await arrive(engine, id, wait, isGone);
  const after = await lookFor(engine, id);
  if (after.user !== null && isPurging(after.user.position.state)) throw stillPurged(engine, after.user);
  return after;
}

function forgotten({ sealer }: Engine, id: string): LifecycleError {
  return new LifecycleError(
    "USER_OFFBOARDED",
    `Cannot go on with user ${sealer.alias(id)}: it was offboarded and forgotten; onboard() starts anew`,
  );
}
