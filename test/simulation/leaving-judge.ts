/** Judges offboarding: which data of which users are erased, and that they are. */
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import { isPurging } from "../../machines/index.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import type { Dossier } from "./dossier.ts";
import type { World } from "../../src/sandbox/state/world.ts";
import type { Judge } from "./judge.ts";

/** So often a user may be looked up anew, where a process died or stood still before each purge. */
const mostLookUps = 6;

export class LeavingJudge {
  readonly #judge: Pick<Judge, "blame">;

  readonly #world: World;
  /** What else is to hold when a purge arrives. */
  onPurge: (dossier: Dossier) => void = () => {};

  constructor(judge: Pick<Judge, "blame">, world: World) {
    this.#judge = judge;
    this.#world = world;
  }

  /** A purge arrived: only the data of a user whose offboarding was requested may be erased. */
  purge(dossier: Dossier, { outcome }: JournalEntry): void {
    const { state } = dossier.envelope ?? {};
    if (state !== "offboarding" && state !== "offboarded")
      this.#judge.blame(`P2: data of ${dossier.id} were erased while it is ${state}`);
    this.onPurge(dossier);
    dossier.purges.lookUps = 0;
    if (outcome === "purged") dossier.purges.done++;
  }

  /** A record was written: if the user is offboarded, that was requested, it has no secrets, and what counts as erased is. */
  written(dossier: Dossier, before: Envelope | null, after: Envelope): void {
    const { id, wasLetGo, purges } = dossier;
    const { state, sealed } = after;
    // Of any event.
    purges.believed += Math.max(0, purgedIn(after) - (before === null ? 0 : purgedIn(before)));
    if (purges.believed > purges.done)
      this.#judge.blame(`P7: a purge of ${id} was taken for done although 1upHealth had not finished`);
    if (state === "offboarded" && before !== null) this.#remembers(id, before, after);
    if (!isPurging(state) && state !== "offboarded") return;
    if (sealed !== null) this.#judge.blame(`P5: ${id} was offboarded and has secrets`);
    if (!wasLetGo) this.#judge.blame(`P2: ${id} was offboarded although no one requested it`);
  }

  /** What was requested of a purge is done, or reads as requested and not carried out. */
  #remembers(id: string, { context: before }: Envelope, { context: after }: Envelope): void {
    const unpurged = (after["unpurged"] ?? null) as { versions: string[] } | null; // written by the library
    const told = [...((after["purged"] ?? []) as string[]), ...(unpurged?.versions ?? [])]; // likewise
    const asked = (before["toPurge"] ?? []) as string[]; // likewise
    if (!asked.every((version) => told.includes(version)))
      this.#judge.blame(`P7: a purge of ${id} was requested, and reads as if it had not been`);
  }

  /** A user changed its state: no purge is given up whose user 1upHealth has. `before`: the state that was stored. */
  step(dossier: Dossier, state: string, event: string, before: string | null): void {
    const { id } = dossier;
    // A rename of one who has left may be given up, too: its user is offboarded again, and was purged before.
    const wasPurged = before !== null && isPurging(before);
    if (
      event === "USER_MISSING" &&
      state === "offboarded" &&
      wasPurged &&
      this.#world.users.find(id) !== undefined
    )
      this.#judge.blame(`P7: a purge of ${id} was given up although 1upHealth has it`);
    // A purge that had to wait before a gate asks once more whose data it would erase.
    if (event !== "DUE" || state !== "identifying") return;
    dossier.base++;
    if (++dossier.purges.lookUps > mostLookUps)
      this.#judge.blame(`P6: ${id} is looked up again and again, and no purge of it leaves`);
  }
}

/** How many versions are erased according to the record. */
function purgedIn({ context }: Envelope): number {
  return ((context["purged"] ?? []) as readonly string[]).length; // written by the library
}
