/** Judges renames: none counts as refused that 1upHealth has carried out. */
import { isRenaming } from "../../machines/index.ts";
import type { World } from "../../src/sandbox/state/world.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import type { Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";

/** Steps of which the caller of a rename hears that the user keeps its id. */
const refusing: ReadonlySet<string> = new Set([
  "POSTPONED",
  "REFUSED",
  "REFUSED_WITHOUT_REASON",
  "USER_EXISTS",
  "USER_FOUND",
]);

export class RenameJudge {
  readonly #judge: Pick<Judge, "blame">;
  readonly #world: World;

  constructor(judge: Pick<Judge, "blame">, world: World) {
    this.#judge = judge;
    this.#world = world;
  }

  /** A record was written: if a rename ended where it began, 1upHealth has the user under that id. */
  step(dossier: Dossier, state: string, event: string, before: Envelope | null): void {
    const number = before?.context["oneupUserId"];
    const isEnd = before !== null && isRenaming(before.state) && !isRenaming(state);
    const isMissing = event === "USER_MISSING" && before?.state === "renaming"; // after a look-up it says so
    if (!isEnd || typeof number !== "number" || !(refusing.has(event) || isMissing)) return;
    const there = this.#world.users.byId(number)?.appUserId;
    if (there !== dossier.id && !dossier.wasRenamedThere && dossier.claim === null)
      this.#judge.blame(`P1: ${event} of ${dossier.id} ends its rename, and 1upHealth has it as ${there}`);
  }
}
