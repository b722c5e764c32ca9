/** Judges users whose tokens live for a moment, or are refused: they take few of the account's calls. */
import type { Judge } from "./judge.ts";
import type { Scenario } from "./scenario.ts";
import { hour, type Time } from "./time.ts";

/** Management calls of one user in an hour: about fifteen, and what people ask for by themselves. */
const most = 20;

export class RenewalJudge {
  readonly #judge: Pick<Judge, "blame">;
  readonly #scenario: Scenario;
  readonly #time: Time;
  /** When management calls of each user arrived, within an hour. */
  readonly #calls = new Map<string, number[]>();

  constructor(judge: Pick<Judge, "blame">, scenario: Scenario, time: Time) {
    this.#judge = judge;
    this.#scenario = scenario;
    this.#time = time;
  }

  /** A management call for a user arrived. */
  arrived(id: string): void {
    const { alone } = this.#scenario;
    if (alone !== "shortTokens" && alone !== "refusedTokens") return;
    const { now } = this.#time;
    const calls = [...(this.#calls.get(id) ?? []).filter((at) => at > now - hour), now];
    this.#calls.set(id, calls);
    if (calls.length > most)
      this.#judge.blame(
        `P6: ${id} cost ${calls.length} management calls within an hour: its tokens live short or are refused`,
      );
  }
}
