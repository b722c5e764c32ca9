/**
 * Where a user stands, in one paragraph: what state, why, what happens next and when. Pure, and without its
 * `app_user_id`, so that it can stand in a ticket or a log.
 *
 * @module
 */
import { isPurging } from "../../machines/index.ts";
import type { GateReason, UserState } from "../../machines/index.ts";
import type { GateName } from "../guard/gates.ts";
import type { Lane } from "../store/contract.ts";
import type { PauseReason } from "../store/envelope.ts";
import type { ShutGate } from "./budget.ts";
import { eventInWords } from "./history.ts";
import { callOf, saysOf } from "./step.ts";
import type { UserStatus } from "./status.ts";
import { momentInWords } from "./time-words.ts";

/** What is to be known beside the status. */
export interface Circumstances {
  /** Ms since 1970. */
  readonly now: number;
  /** Gates of the account that are not open. */
  readonly shut: readonly ShutGate[];
  /** Some process has it in hand. */
  readonly isInHand: boolean;
  /** When a worker takes it up by itself; `null`: never, or it waits in a lane. */
  readonly dueAt: Date | null;
  /** The lane it waits in, if it does; with how many users who go first, at most, and how long that takes. */
  readonly queue: { readonly lane: Lane; readonly ahead: number; readonly inMs: number } | null;
}

/** The paragraph. */
export function explainUser(status: UserStatus, circumstances: Circumstances): string {
  return [
    whereItIs(status, circumstances.now),
    howItCame(status),
    ...aboutItsToken(status, circumstances.now),
    ...whatIsOdd(status),
    whatIsNext(status, circumstances),
  ].join(" ");
}

function whereItIs({ state, since }: UserStatus, now: number): string {
  return `The user is ${state} (${saysOf(state)}) since ${momentInWords(since, now)}.`;
}

function howItCame({ failure, history }: UserStatus): string {
  if (failure !== null) {
    return `It failed in ${failure.in}, ${failureInWords(failure.reason)}: ${sentence(failure.why)}`;
  }
  const last = history.at(-1);
  return last === undefined ? "Nothing is kept of how it came there." : `Last, ${eventInWords(last.event)}.`;
}

/** What 1upHealth said, with one full stop. */
function sentence(words: string): string {
  return `${words.trim().replace(/[.\s]+$/, "")}.`;
}

function failureInWords(reason: NonNullable<UserStatus["failure"]>["reason"]): string {
  switch (reason) {
    case "refused":
      return "because 1upHealth refused the call for good";
    case "codesRefused":
      return "because the token endpoint refused three codes in a row";
    case "contradiction":
      return "because 1upHealth says in turn that the user exists and that it does not";
    case "idTaken":
      return "because 1upHealth has it under an app_user_id that another user here has";
    default:
      return reason satisfies never;
  }
}

function aboutItsToken({ state, usable, expiresAt }: UserStatus, now: number): readonly string[] {
  if (usable && expiresAt !== null) return [`Its access token works until ${momentInWords(expiresAt, now)}.`];
  const isOver = state === "failed" || state === "offboarded" || isPurging(state);
  return isOver ? [] : ["It has no access token that works now."];
}

function whatIsOdd({ active, conflict, purge }: UserStatus): readonly string[] {
  const odd: string[] = [];
  if (active === false)
    odd.push("1upHealth calls it inactive; what that means is documented nowhere, and calls are tried.");
  if (conflict !== null)
    odd.push(
      "1upHealth has it under the id of another user here, so both are one there: offboard and forget this one without a purge.",
    );
  if (purge !== null) {
    const { done, left } = purge;
    odd.push(`Of its data at 1upHealth, erased: ${listed(done)}; still to erase: ${listed(left)}.`);
  }
  return odd;
}

function listed(words: readonly string[]): string {
  return words.length === 0 ? "none" : words.join(", ");
}

function whatIsNext(status: UserStatus, circumstances: Circumstances): string {
  const { now, isInHand, queue } = circumstances;
  const { pause, state, underWay } = status;
  if (isInHand) {
    const what = underWay === null ? "a process has it in hand" : `the call ${underWay} is under way`;
    return `Now ${what}; should that process die, another one takes over once its lease has ended.`;
  }
  if (underWay !== null) {
    return `The call ${underWay} was begun and nobody heard how it ended: whoever takes the user up next finds out ${dueInWords(circumstances)}.`;
  }
  const call = callOf(state);
  if (call === undefined) return whatCanCome(state, circumstances);
  const next = `the call ${call}`;
  const isPaused = pause !== null && pause.until.getTime() > now;
  if (isPaused && !(pause.reason === "rateLimit" && queue !== null)) {
    const reason = `It waits because ${whyItWaits(pause.reason, circumstances.shut)}`;
    return `${reason}; ${next} can leave at ${momentInWords(pause.until, now)}, as attempt ${pause.attempt}. ${whoGoesOn}`;
  }
  if (queue !== null) return `${inLine(queue, next, status, now)} ${whoGoesOn}`;
  return `Next is ${next}, ${dueInWords(circumstances)}.`;
}

const whoGoesOn = "Any process that calls work(), or that asks for this user, goes on with it.";

function inLine(
  { lane, ahead, inMs }: NonNullable<Circumstances["queue"]>,
  next: string,
  { pause }: UserStatus,
  now: number,
): string {
  const others = Math.max(0, ahead - 1); // the store counts the user itself among those who wait
  const first =
    others === 0
      ? "nobody goes first"
      : others === 1
        ? "one other goes first"
        : `${others.toLocaleString("en-US")} others go first`;
  // Whoever is first waits for the next slot; of the others the store knows when all of them will have been served.
  const soonest = pause?.reason === "rateLimit" && others === 0 ? pause.until.getTime() - now : inMs;
  const waitMs = Math.min(inMs, soonest);
  const when =
    waitMs <= 0
      ? "a slot is free now"
      : `its turn comes at ${momentInWords(new Date(now + waitMs), now)} at the latest, if nobody more urgent comes`;
  return `It waits in the lane ${lane} for a slot of the account's limit, where ${first}: ${when}. Then comes ${next}.`;
}

/** A state that makes no call by itself. */
function whatCanCome(state: UserState, { dueAt, now }: Circumstances): string {
  switch (state) {
    case "failed":
      return "Nothing happens by itself: retry() takes it back to where it failed.";
    case "offboarded":
      return "Nothing happens by itself: onboard() of the same id begins anew, forget() removes what is left.";
    default:
      return dueAt === null
        ? "Nothing happens by itself: its token is renewed when somebody asks for it."
        : `Its token is renewed when somebody asks for it late in its life, or by a worker at ${momentInWords(dueAt, now)}.`;
  }
}

function dueInWords({ dueAt, now }: Circumstances): string {
  if (dueAt === null || dueAt.getTime() <= now)
    return "as soon as a process calls work() or asks for this user";
  return `when a process that calls work() takes it up at ${momentInWords(dueAt, now)}, or sooner if somebody asks for this user`;
}

function whyItWaits(reason: PauseReason | GateReason, shut: readonly ShutGate[]): string {
  const gate = shut.find((one) => one.reason === reason);
  const forAll = gate === undefined ? "" : ` (${gateInWords(gate.gate)}, for all users of the account)`;
  switch (reason) {
    case "rateLimit":
      return `no slot of the limit is free${forAll}`;
    case "throttled":
      return `1upHealth answered 429 though a slot was free: somebody else spends the account${forAll}`;
    case "unavailable":
      return `1upHealth does not answer, or with errors of its own${forAll}`;
    case "credentials":
      return `1upHealth refuses the client id and secret${gate === undefined ? ` for this user, while others get through` : forAll}`;
    case "forbidden":
      return `1upHealth answered 403, often because of where the call comes from${forAll}`;
    case "codeRegisters":
      return "a fresh code may take a second to register";
    case "codesSpent":
      return "several codes brought no token, and each one takes a slot from others";
    case "purging":
      return "1upHealth erases for 30 s at a time, and the next call goes on";
    default:
      return reason satisfies never;
  }
}

function gateInWords(gate: GateName): string {
  switch (gate) {
    case "management":
      return "user management is shut";
    case "token":
      return "the token endpoint is shut";
    case "fhir":
      return "FHIR is shut";
    case "exchange":
      return "the exchange of codes is shut";
    case "secret":
      return "this secret is suspended";
    case "region":
      return "this process is suspended";
    default:
      return gate satisfies never;
  }
}
