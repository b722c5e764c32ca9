/** Holds the library to what it promises of users who are let go: what is erased, of whom, and that it is. */
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import { isPurging } from "../../machines/index.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import type { Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";

/** See the module. */
export class LeavingJudge {
  readonly #judge: Pick<Judge, "blame">;

  constructor(judge: Pick<Judge, "blame">) {
    this.#judge = judge;
  }

  /** A purge arrived: nobody's data are erased but those of a user who was let go. */
  purge(dossier: Dossier, { outcome, fault, status }: JournalEntry): void {
    const { state } = dossier.envelope ?? {};
    if (state !== "offboarding" && state !== "offboarded")
      this.#judge.blame(`P2: data of ${dossier.id} were erased while it is ${state}`);
    if (outcome === "purged" || (fault !== undefined && status === 200)) dossier.purges.done++;
  }

  /** A record was written: whoever was let go was meant to be, and has no secrets. */
  written({ id, wasLetGo }: Dossier, { state, sealed }: Envelope): void {
    if (!isPurging(state) && state !== "offboarded") return;
    if (sealed !== null) this.#judge.blame(`P5: ${id} was let go and has secrets`);
    if (!wasLetGo) this.#judge.blame(`P2: ${id} was let go although nobody asked for it`);
  }

  /** A user took a step: a purge that it takes for done, is. */
  step({ id, purges }: Dossier, event: string): void {
    if (event === "PURGED" && ++purges.believed > purges.done)
      this.#judge.blame(`P7: a purge of ${id} was taken for done although 1upHealth had not finished`);
  }
}
