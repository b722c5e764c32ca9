/** Judges why users wait: each failed call leaves its cause, which outlasts its process, and no text unless asked for. */
import type { Envelope } from "../../src/store/envelope.ts";
import { freshSteps, type Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import type { Scenario } from "./scenario.ts";

/** Events that follow a call that brought nothing. */
const failed: ReadonlySet<string> = new Set([
  "POSTPONED",
  "IN_DOUBT",
  "CODE_REFUSED",
  "GRANT_LOST",
  "REFUSED",
  "REFUSED_WITHOUT_REASON",
  "FOUND_OTHERS",
  "PURGE_CUT",
]);

/** Reasons to wait that no failed call gave. */
const ownReasons: ReadonlySet<string> = new Set(["rateLimit", "shortTokens"]);

export class CauseJudge {
  readonly #judge: Pick<Judge, "blame">;
  readonly #keepsTexts: boolean;

  constructor(judge: Pick<Judge, "blame">, { keepsTexts }: Scenario) {
    this.#judge = judge;
    this.#keepsTexts = keepsTexts;
  }

  /** A record was written. */
  written({ id }: Dossier, before: Envelope | null, after: Envelope): void {
    const fresh = freshSteps(before, after);
    const causes = causesIn(after);
    fresh.forEach(([, , event], index) => {
      if (!failed.has(event)) return;
      const cause = causes[causes.length - fresh.length + index] ?? null;
      const call = before?.intent?.call;
      if (cause === null) this.#judge.blame(`P7: ${event} of ${id} has no cause`);
      else if (call !== undefined && cause.call !== call)
        this.#judge.blame(`P7: ${event} of ${id} is blamed on ${cause.call}, and the call was ${call}`);
    });
    const had = before === null ? [] : causesIn(before);
    const has = causes.slice(0, causes.length - fresh.length);
    const common = Math.min(had.length, has.length);
    if (common > 0 && JSON.stringify(had.slice(-common)) !== JSON.stringify(has.slice(-common)))
      this.#judge.blame(`P7: causes of ${id} were lost`);
    const isHeld = after.pause !== null && !ownReasons.has(after.pause.reason);
    if (isHeld && causes.every((cause) => cause === null))
      this.#judge.blame(`P7: ${id} waits (${after.pause?.reason}) and no call has failed`);
    if (!this.#keepsTexts && (after.sealed?.fields.includes("causeText") ?? false))
      this.#judge.blame(`P5: the text of a response about ${id} is kept`);
  }
}

/** A cause, or none, for each step of the history. */
function causesIn({ history, causes = [] }: Envelope): NonNullable<Envelope["causes"]> {
  return history.map((_, index) => causes[index - (history.length - causes.length)] ?? null);
}
