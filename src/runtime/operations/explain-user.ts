/**
 * Explains a user in one paragraph: its state, the reason, what happens next and when. Pure, and without the
 * `app_user_id`, so that the text is safe in a ticket or a log.
 *
 * @module
 */
import { causeInWords, type Cause } from "../../errors.ts";
import { isRefusedAlone, nextStepAfter, nextSteps } from "../../next-step.ts";
import type { FailureReason, GateReason, UserState } from "../../../machines/index.ts";
import type { GateName } from "../../guard/gates.ts";
import type { Lane } from "../../store/contract.ts";
import type { RefusedSecret, ShutGate } from "./budget.ts";
import { leaseInWords, type GateAhead } from "../engine/user-errors.ts";
import { errorOf } from "../gates/gate-rules.ts";
import { callOf, describeState, hasLeft } from "../user/step.ts";
import type { UserPause, UserStatus } from "../user/user-status.ts";
import { distanceInWords, momentInWords } from "../options/time-in-words.ts";

/** What the explanation needs besides the status. */
export interface Circumstances {
  /** Ms since 1970. */
  readonly now: number;
  /** Gates of the account that are not open. */
  readonly shut: readonly ShutGate[];
  /** Secrets of other processes that 1upHealth refuses. */
  readonly refusedSecrets: readonly RefusedSecret[];
  /** The gate among them that its next call must pass, why it is shut, and the failed call that did it, if it is known here. */
  readonly ahead: GateAhead | null;
  /** Why the call of its last step brought nothing, if so. */
  readonly cause: Cause | null;
  /** The text of the response that brought nothing, if texts are kept. */
  readonly text: string | null;
  /** Whether this process is working on it. */
  readonly isRunning: boolean;
  /** When the lease of another process ends, which works on it or has died; `null`: no other has it. */
  readonly leasedUntil: Date | null;
  /** When a worker runs it next; `null`: never, or it waits in a lane. */
  readonly dueAt: Date | null;
  /** Why the store takes no writes; `null`: it takes them. */
  readonly unwritable: string | null;
  /** The lane it waits in, if any, at most how many users are ahead of it, and in how many ms all of them and it have a slot. */
  readonly queue: { readonly lane: Lane; readonly ahead: number; readonly inMs: number } | null;
}

/** Explains a user in one paragraph. */
export function explainUser(status: UserStatus, circumstances: Circumstances): string {
  const { state, since } = status;
  return [
    `The user is ${state} (${describeState(state)}) since ${momentInWords(since, circumstances.now)}.`,
    howItCame(status, circumstances),
    ...aboutItsToken(status, circumstances.now),
    ...howFhirRefusesIt(status, circumstances.now),
    ...whatMayEndIt(status, circumstances.now),
    ...whatIsOdd(status),
    ...howItIsHeld(status, circumstances.now),
    whatIsNext(status, circumstances),
    ...whoCannot(status, circumstances),
    ...whatToDo(status, circumstances),
  ].join(" ");
}

function howItCame({ failure, history }: UserStatus, { cause, text }: Circumstances): string {
  const read = text === null ? "" : `, and the response reads ${JSON.stringify(text)}`;
  const met = cause === null ? "" : `: ${causeInWords(cause)}${read}`;
  if (failure !== null) {
    return `It failed in ${failure.in}, ${failureInWords[failure.reason]}: ${sentence(failure.why + met)}`;
  }
  const last = history.at(-1);
  return last === undefined ? "No history is kept." : `Last, ${last.why}${byWhom(last)}${met}.`;
}

/** A person who was named, as a text that cannot be taken for the explanation's own words. */
function byWhom({ by }: { readonly by: string | null }): string {
  return by === null ? "" : ` (by ${JSON.stringify(by)})`;
}

function operatorOf({ by }: { readonly by: string | null }): string {
  return by === null ? "An operator" : `The operator ${JSON.stringify(by)}`;
}

/** 1upHealth's message, with one full stop. */
function sentence(words: string): string {
  return `${words.trim().replace(/[.\s]+$/, "")}.`;
}

const failureInWords: Readonly<Record<NonNullable<UserStatus["failure"]>["reason"], string>> = {
  refused: "because 1upHealth refused the call for good",
  codesRefused: "because the token endpoint refused every code for a day",
  contradiction: "because 1upHealth has reported in turn for a day that the user exists and that it does not",
  idTaken: "because 1upHealth has it under an app_user_id that another user here has",
  anotherUser:
    "because its oneup_user_id and its app_user_id are two users of 1upHealth, so that nothing of either was used or erased",
};

function aboutItsToken({ state, usable, expiresAt }: UserStatus, now: number): readonly string[] {
  if (usable && expiresAt !== null) return [`Its access token works until ${momentInWords(expiresAt, now)}.`];
  const isOver = state === "failed" || hasLeft(state);
  return isOver ? [] : ["It has no access token that works now."];
}

function howFhirRefusesIt({ refusedTokens, state }: UserStatus, now: number): readonly string[] {
  if (refusedTokens === null || state === "failed" || hasLeft(state)) return [];
  const { since, times, lastAt, replacedFrom } = refusedTokens;
  const many = times === 1 ? "one token of it" : `${times} tokens of it in a row`;
  const said = `But FHIR has refused ${many} since ${momentInWords(since, now)}, the last time at ${momentInWords(lastAt, now)}, and accepted none.`;
  const replaced =
    replacedFrom === null
      ? ""
      : replacedFrom.getTime() <= now
        ? " If it refuses this one, too, it is replaced at once."
        : ` If it refuses this one, too, it is replaced from ${momentInWords(replacedFrom, now)} on.`;
  return [
    `${said}${replaced} After a day of that a fresh code is requested; if FHIR accepts the tokens of other users, reauthorize() requests one now.`,
  ];
}

function whatMayEndIt({ provisionalUntil }: UserStatus, now: number): readonly string[] {
  if (provisionalUntil === null) return [];
  const until = momentInWords(provisionalUntil, now);
  return [
    `Until ${until} that is provisional: an earlier call with the same code or refresh token may still arrive and end it; after a 401 it is replaced at once.`,
  ];
}

function whatIsOdd({ active, conflict, purge }: UserStatus): readonly string[] {
  const odd: string[] = [];
  if (active === false)
    odd.push("1upHealth lists it as inactive; what that means is undocumented, and calls are still made.");
  if (conflict !== null)
    odd.push(
      "1upHealth has it under the id of another user here, so both are the same user there: offboard and forget this one without a purge.",
    );
  if (purge !== null) {
    const { done, left, skipped } = purge;
    odd.push(`Of its data at 1upHealth, erased: ${listed(done)}; still to erase: ${listed(left)}.`);
    if (skipped !== null)
      odd.push(
        `A purge of ${listed(skipped.versions)} was requested and never confirmed: ${whySkipped[skipped.why]}.`,
      );
  }
  return odd;
}

const whySkipped: Readonly<Record<Skipped["why"], string>> = {
  userUnknown: "1upHealth did not know the user (any more)",
  withdrawn:
    "the application offboarded the user without a purge before it was done, and a call without an answer may have erased them",
};
type Skipped = NonNullable<NonNullable<UserStatus["purge"]>["skipped"]>;

function listed(words: readonly string[]): string {
  return words.length === 0 ? "none" : words.join(", ");
}

function whatIsNext(status: UserStatus, circumstances: Circumstances): string {
  const { now, isRunning, leasedUntil, queue } = circumstances;
  const { pause, state, underWay } = status;
  if (isRunning) {
    const what = underWay === null ? "this process is working on it" : `the call ${underWay} is under way`;
    return `Now ${what}; if this process dies, another one takes over when its lease ends.`;
  }
  if (leasedUntil !== null) {
    const begun = underWay === null ? "" : `The call ${underWay} was begun. `;
    return `${begun}Now ${leaseInWords(leasedUntil, now)}. ${continuation}`;
  }
  if (underWay !== null) {
    const begun = `The call ${underWay} was begun and its result is unknown`;
    if (pause?.reason === "held") return `${begun}; that is resolved after unhold().`;
    if (pause?.reason === "paused") return `${begun}. ${whenUnpaused(pause, "finding it out", now)}`;
    return `${begun}; that is resolved ${dueInWords(circumstances)}.`;
  }
  const call = callOf(state);
  if (call === undefined) return whatCanCome(state, circumstances);
  const next = `the call ${call}`;
  if (pause?.reason === "held") return `Next is ${next}, after unhold().`;
  if (pause?.reason === "paused") return whenUnpaused(pause, next, now);
  const until = pause?.until ?? null;
  const isInLine = pause?.reason === "rateLimit" && queue !== null; // it waits for nothing but its turn
  if (pause !== null && until !== null && until.getTime() > now && !isInLine) {
    const { cause } = pause;
    // The cause of its last step has been named.
    const isKnown = cause === null || circumstances.cause?.at.getTime() === cause.at.getTime();
    const met = isKnown ? "" : `: ${causeInWords(cause)}, ${distanceInWords(cause.at, now)}`;
    const reason = `It waits because ${whyItWaits(pause.reason, circumstances)}${met}`;
    return `${reason}; ${next} can leave at ${momentInWords(until, now)}, as attempt ${pause.attempt}. ${continuation}`;
  }
  const gate = aheadInWords(circumstances);
  if (queue !== null) return `${inLine(queue, next, now)}${gate} ${continuation}`;
  return `Next is ${next}, ${dueInWords(circumstances)}.${gate}`;
}

/** The gate that its next call must pass, where nothing else of it tells of that. */
function aheadInWords({ ahead, now }: Circumstances): string {
  if (ahead === null) return "";
  const { gate, cause } = ahead;
  const met = cause === null ? "" : `: ${causeInWords(cause)}, ${distanceInWords(cause.at, now)}`;
  return ` But ${gateInWords[gate]}, for all users of the account${met}; one call at a time finds out whether that is over.`;
}

/** Other processes that cannot continue it: perhaps the workers are among them. */
function whoCannot({ state }: UserStatus, { refusedSecrets, now }: Circumstances): readonly string[] {
  if (refusedSecrets.length === 0 || callOf(state) === undefined) return [];
  const tried = Math.max(...refusedSecrets.map(({ triedAt }) => triedAt.getTime()));
  return [
    `A process with another client secret than this one cannot continue it: 1upHealth refuses that secret, tried last at ${momentInWords(new Date(tried), now)}. If that process is a worker, give it the right one.`,
  ];
}

/** What an operator does about what holds it up. */
function whatToDo({ failure, pause, state, usable }: UserStatus, around: Circumstances): readonly string[] {
  const isOver = state === "offboarded"; // nothing is tried any more
  const met = isOver
    ? null
    : (pause?.cause ?? (usable ? null : (around.cause ?? around.ahead?.cause ?? null)));
  const cause = state === "created" && met?.code === "user_missing" ? null : met; // it is created next
  const alone =
    around.ahead === null && (pause?.reason === "throttled" || isRefusedAlone(pause?.reason, around.shut));
  const step =
    failure === null
      ? cause === null
        ? stepAt(usable ? null : around.ahead)
        : nextStepAfter(cause, { alone })
      : `${failureSteps[failure.reason]}, then call retry()`;
  const refused = around.unwritable === null ? "" : sentence(around.unwritable);
  const isInHand = around.isRunning || around.leasedUntil !== null;
  return [
    ...(refused === ""
      ? []
      : [
          `The store takes no writes, so nothing goes on: ${refused} What to do: ${nextSteps.STORE_UNAVAILABLE}.`,
        ]),
    ...(step === null || (isInHand && failure !== null)
      ? []
      : [`${isInHand ? "If that fails again" : "What to do"}: ${step}.`]),
  ];
}

/** What to do about a gate that a call of another process has shut; an outage is only waited for. */
function stepAt(ahead: GateAhead | null): string | null {
  const error = ahead?.reason ? errorOf[ahead.reason] : null;
  return error && error !== "UNAVAILABLE" ? nextSteps[error] : null;
}

const failureSteps: Readonly<Record<FailureReason, string>> = {
  refused:
    "correct what 1upHealth refuses, or ask its support about that status and code; causes: { text: true } keeps its words",
  codesRefused: "ask 1upHealth's support why its token endpoint refuses the codes of this client",
  contradiction: "ask 1upHealth's support about this app_user_id, which it knows and does not know",
  idTaken: "look at the user that has that app_user_id here, and offboard one of the two without a purge",
  anotherUser:
    "compare both users with 1upHealth's own list (call reconcile()), and offboard the wrong one without a purge",
};

function howItIsHeld({ hold, state }: UserStatus, now: number): readonly string[] {
  if (hold === null) return [];
  const since = momentInWords(hold.since, now);
  const but = state === "renameInDoubt" ? ", except the look-up of its rename" : "";
  return [
    `${operatorOf(hold)} holds it since ${since} ("${hold.reason}"): no management call is made for it before unhold()${but}, and its tokens are refreshed.`,
  ];
}

function whenUnpaused({ until, why, by }: UserPause, next: string, now: number): string {
  const end = until === null ? "account.unpause()" : `${momentInWords(until, now)}, or account.unpause()`;
  return `${operatorOf({ by: by ?? null })} has paused management calls ("${why}"): ${next} waits until ${end}. ${continuation}`;
}

const continuation = "Any process that calls work(), or that asks for this user, continues it.";

function inLine(
  { lane, ahead, inMs }: NonNullable<Circumstances["queue"]>,
  next: string,
  now: number,
): string {
  const others = Math.max(0, ahead - 1); // the store's count includes the user itself
  const first =
    others === 0
      ? "no other user is ahead"
      : others === 1
        ? "one other user is ahead"
        : `${others.toLocaleString("en-US")} other users are ahead`;
  const when =
    inMs <= 0
      ? "a slot is free now"
      : inMs === Infinity
        ? "its turn comes once the lane is unpaused"
        : `its turn comes at ${momentInWords(new Date(now + inMs), now)} at the latest, unless more urgent users arrive`;
  return `It waits in the lane ${lane} for a slot of the account's limit, where ${first}: ${when}. Then comes ${next}.`;
}

/** For a state that makes no call by itself. */
function whatCanCome(state: UserState, { dueAt, now }: Circumstances): string {
  switch (state) {
    case "failed":
      return "Nothing happens by itself: retry() takes it back to where it failed.";
    case "offboarded":
      return "Nothing happens by itself: onboard() starts over, forget() removes what is left.";
    default:
      return dueAt === null
        ? "Nothing happens by itself: its token is renewed when it is requested."
        : `Its token is renewed when it is requested late in its life, or by a worker at ${momentInWords(dueAt, now)}.`;
  }
}

function dueInWords({ dueAt, now }: Circumstances): string {
  if (dueAt === null || dueAt.getTime() <= now)
    return "as soon as a process calls work() or asks for this user";
  return `when a process that calls work() takes it up at ${momentInWords(dueAt, now)}, or sooner if a process asks for this user`;
}

function whyItWaits(reason: UserPause["reason"] | GateReason, { shut, ahead }: Circumstances): string {
  const gates = shut.filter((one) => one.reason === reason);
  const gate = gates.find((one) => one.gate === ahead?.gate) ?? gates[0];
  const forAll = gate === undefined ? "" : ` (${gateInWords[gate.gate]}, for all users of the account)`;
  switch (reason) {
    case "rateLimit":
      return `no slot of the limit is free${forAll}`;
    case "throttled":
      return gate === undefined
        ? "1upHealth answered 429 for this user, while other calls succeed"
        : `1upHealth answered 429 though a slot was free, so its limit is lower than the recorded one, or the client id is used elsewhere too${forAll}`;
    case "unavailable":
      if (gate?.gate === "region")
        return "calls of this process do not reach 1upHealth; it makes none until one does, and leaves its users to others";
      return `${silentIn(gate)} no answer of 1upHealth's own, or a server error${forAll}`;
    case "credentials":
      return `1upHealth refuses the client id and secret${gate === undefined ? ` for this user, while other calls succeed` : forAll}`;
    case "forbidden":
      return `${stopped}${gate === undefined ? " for this user, while other calls succeed" : `, often because of the location of this process${forAll}`}`;
    default:
      return ownReasons[reason];
  }
}

/** Why a user waits for what no gate is shut for. */
const ownReasons: Readonly<Record<Exclude<UserPause["reason"], GateReason>, string>> = {
  codeRegisters: "a fresh code may take a second to register",
  codesSpent: "several codes brought no token, and each one takes a slot from other users",
  unexplained:
    "1upHealth refused its last call without a reason, or contradicts itself about it; after a day of that, the user fails, or its rename counts as not done",
  otherUsers: "1upHealth's response was about another user, or listed others and not this one",
  missing:
    "1upHealth does not list it, although it knew it before; that is believed after a day of such answers, or after an hour where it was to be renamed",
  shortTokens: "its tokens live for so short that renewing them at once would take the slots of other users",
  purging: "1upHealth erases for 30 s at a time, and the next call continues",
  paused: "an operator has stopped it",
  held: "an operator has stopped it",
  lease: "another process has it, or died with it, and others take it over when its lease ends",
};

function silentIn(gate: ShutGate | undefined): string {
  if (gate?.gate === "management") return "calls to user management bring";
  return gate?.gate === "exchange" ? "exchanges of codes bring" : "its call brought";
}

const stopped = "its calls are blocked before they reach 1upHealth (403, a redirect or an HTML page)";

const gateInWords: Readonly<Record<GateName, string>> = {
  management: "user management is shut",
  token: "the token endpoint is shut",
  fhir: "FHIR is shut",
  exchange: "the exchange of codes is shut",
  secret: "this secret is suspended",
  region: "this process is suspended",
};
