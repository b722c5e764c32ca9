/** Judges an outage of the token endpoint: no code is spent that could not be exchanged. */
import type { Envelope } from "../../src/store/envelope.ts";
import type { Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import type { Scenario } from "./scenario.ts";
import { beginning, hour, minute, type Time } from "./time.ts";

/** Kinds that answer the exchanges of some users otherwise: such a user tries again by itself, each time with a code. */
const answeredOtherwise: ReadonlySet<string> = new Set(["refusedAlone", "unansweredAlone"]);

export class OutageJudge {
  readonly #judge: Pick<Judge, "blame">;
  readonly #scenario: Scenario;
  readonly #time: Time;
  #codes = 0;
  /** Exchanges whose process stood still for longer than its lease may have: each may cost a code. */
  #interrupted = 0;

  constructor(judge: Pick<Judge, "blame">, scenario: Scenario, time: Time) {
    this.#judge = judge;
    this.#scenario = scenario;
    this.#time = time;
  }

  /** The process that ran these users stood still or died. */
  interrupted(users: readonly Pick<Dossier, "envelope">[]): void {
    this.#interrupted += users.filter(({ envelope }) => envelope?.intent?.call === "exchangeCode").length;
  }

  /**
   * A user has another code, perhaps: an answer that was lost, or is about another user, brings none. While the token
   * endpoint is down, one further code is spent on finding out; later on a user without a code may try, every ten
   * minutes at most.
   */
  written(before: Envelope | null, after: Envelope): void {
    const { codeAt } = after.context;
    if (typeof codeAt !== "number" || codeAt === before?.context["codeAt"]) return;
    const { spells, rates, kinds } = this.#scenario;
    if (kinds.some((kind) => answeredOtherwise.has(kind))) return;
    const ms = this.#time.now - beginning;
    const down = spells.find(({ type, forMs }) => type === "tokenDown" && forMs >= hour);
    const learnt = rates.storeDown + rates.storeLost + rates.crash === 0 && spells.length === 1;
    if (down === undefined || !learnt || ms < down.atMs + 5 * minute || ms > down.atMs + down.forMs) return;
    if (++this.#codes > 4 + this.#interrupted)
      this.#judge.blame("P6: code after code is spent although the token endpoint is down");
  }
}
