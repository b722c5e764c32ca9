/** What the judge knows of one user. */
import type { UserState } from "oneup-lifecycle";
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import { isPurging } from "../../machines/index.ts";
import { indexKey } from "../../src/runtime/user/index-key.ts";
import type { Envelope } from "../../src/store/envelope.ts";

/** What the judge knows of one user. */
export class Dossier {
  id: string;
  /** Management calls that it may cost if nothing goes wrong. */
  base = 0;
  /** What went wrong for it; each may cost two calls more. */
  readonly causes: string[] = [];
  /** Management calls that arrived. */
  spent = 0;
  /** A caller got it, or it was in the store. */
  isKnown = false;
  /** As it was last written, and when. */
  envelope: Envelope | null = null;
  writtenAt = 0;
  revision = 0;
  lease: { readonly id: string; readonly by: string; readonly until: number } | null = null;
  lastWriteId = "";
  /** Refusals that 1upHealth gave it, and steps that need one. */
  readonly refusals = { code: 0, grant: 0, other: 0 };
  readonly steps = { code: 0, grant: 0, other: 0 };
  /** Purges that 1upHealth called done, how many of them the record has taken for done, and look-ups anew since the last one. */
  readonly purges = { done: 0, believed: 0, lookUps: 0 };
  /** When its tokens were given up because 1upHealth refused them, and when by the clock of the process that did. */
  readonly rejections: { readonly when: number; readonly at: number }[] = [];
  /** Since when FHIR has accepted none of its tokens; `null`: it refused none since the last one that it accepted. */
  refusedSince: number | null = null;
  /** The application has let it go once. */
  wasLetGo = false;
  /** The number that the application takes for its own, and that is another user's; `null`: it is right. */
  claim: number | null = null;
  /** An answer has named a number that is not its own. */
  wasMisnumbered = false;
  /** The number that its record has had as confirmed. */
  confirmed: number | null = null;
  /** It was renamed at 1upHealth, and the application does not know. */
  wasRenamedThere = false;
  /** When its tokens that stood in the store ended. */
  readonly ends = new Set<number>();
  /** It had a token, and none to renew it with. */
  withoutRefreshToken = 0;

  constructor(id: string) {
    this.id = id;
  }
}

/** Counts what 1upHealth refused. */
export function countRefusal({ refusals }: Dossier, { call, outcome, status, fault }: JournalEntry): void {
  const isRefused = outcome === "invalid_grant" || fault?.includes("invalid grant") === true;
  if (call === "exchangeCode" && isRefused) refusals.code++;
  else if (call === "refreshToken" && outcome === "invalid_grant") refusals.grant++;
  else if (fault !== undefined || (typeof status === "number" && status >= 400)) refusals.other++;
}

/** Is the user idle with a code, which expires in some minutes? */
export function isHeldWithCode({ state, intent }: Envelope): boolean {
  return state === "codeIssued" && intent === null;
}

/** Did this import bring the user, and has it not arrived? */
export function isLeft({ envelope }: Dossier, name: string): boolean {
  const origin = envelope?.origin;
  return origin?.name === name && !origin.arrived;
}

/** The steps that a record shows and the one before did not. */
export function freshSteps(before: Envelope | null, after: Envelope): Envelope["history"] {
  const [known, steps] = [stepsOf(before), stepsOf(after)];
  const isKnown = (count: number): boolean =>
    count <= known.length && steps.slice(0, count).every((step, index) => step === known.at(index - count));
  let kept = steps.length;
  while (!isKnown(kept)) kept--;
  return after.history.slice(kept);
}

/** The steps with their meters: two may have the same time, state and event. */
function stepsOf(envelope: Envelope | null): readonly string[] {
  const { history = [], meters = [] } = envelope ?? {};
  return history.map((step, index) => [step, meters[index - history.length + meters.length]].join());
}

/** The key under which a store counts a user, from its record. */
export function shelfOf(dossier: Dossier): string {
  const { state = "", origin } = dossier.envelope ?? {};
  return origin !== undefined && isLeft(dossier, origin.name)
    ? indexKey(state as UserState, origin.name)
    : state;
}

/** Has the user a token, its own number, and no call under way? */
export function hasArrived({ envelope, claim }: Dossier): boolean {
  if (envelope === null || envelope.intent !== null) return false;
  if (claim !== null && envelope.context["oneupUserId"] === claim) return false;
  const { state } = envelope;
  return state === "tokenActive" || state === "refreshed" || state === "reauthorized" || state === "expiring";
}

/** Has 1upHealth confirmed the number in the record? */
export function isConfirmed(envelope: Envelope | null): boolean {
  return (envelope?.context["unconfirmed"] ?? null) === null;
}

/** Has a user that left begun anew? */
export function isBack({ envelope }: Dossier): boolean {
  const { state = "offboarded" } = envelope ?? {};
  return state !== "offboarded" && state !== "failed" && !isPurging(state);
}
