/** Holds look-ups of one user to what they may cost where 1upHealth's list does not apply its filter, or answers 400. */
import type { Search } from "../../machines/index.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import type { World } from "../../src/sandbox/state/world.ts";
import type { Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import { minute, type Time } from "./time.ts";

export class LookUpJudge {
  readonly #judge: Pick<Judge, "all">;
  readonly #time: Time;
  readonly #world: World;
  /** Users by the ids that the application wants them to have. */
  readonly #renamedTo = new Map<string, Dossier>();
  /** When each process looked a user up last. */
  readonly #last = new Map<Life, number>();
  /** Processes that export users, and confirm the number of each before its turn. */
  readonly #exporting = new Set<Life>();

  constructor(judge: Pick<Judge, "all">, time: Time, world: World) {
    this.#judge = judge;
    this.#time = time;
    this.#world = world;
  }

  /** The application renames a user: it may be looked up by that id before it has it. */
  renames(dossier: Dossier, to: string): void {
    this.#renamedTo.set(to, dossier);
  }

  /** Who is looked up by an id that it may not have. */
  soughtAs(id: string): Dossier | undefined {
    return this.#renamedTo.get(id);
  }

  /** A user is another one from now on. */
  forget(dossier: Dossier): void {
    for (const [to, its] of this.#renamedTo) if (its === dossier) this.#renamedTo.delete(to);
  }

  /** A record was written: a look-up that goes on costs one call more, and then one for each page that the list has. */
  written(life: Life, dossier: Dossier, before: Envelope | null, after: Envelope): void {
    if (isLookedUp(after)) this.#last.set(life, this.#time.now);
    const [was, is] = [before === null ? null : searchOf(before), searchOf(after)];
    const skip = is?.form === "pages" ? is.skip : 0;
    const isNew = is !== null && (was?.form !== is.form || (was.form === "pages" && was.skip !== skip));
    if (isNew && skip <= this.#world.users.all.length) dossier.base++;
    // A list that does not page is read once more later: it proved nothing.
    if (was?.form === "pages" && is === null && after.pause?.reason === "otherUsers")
      dossier.causes.push("the list was read in vain");
  }

  /** The users whose look-ups a page of this process may be part of: if there are several, any of them. */
  of(life: Life): readonly Dossier[] {
    return this.#judge
      .all()
      .filter(({ lease, envelope }) => lease?.by === life.name && envelope !== null && isLookedUp(envelope));
  }

  /** A caller asks a process for something that may begin with a look-up, whose pages are in no record. */
  mayBegin(life: Life): void {
    this.#last.set(life, this.#time.now + 5 * minute);
  }

  /** A process exports users from now on, until it dies. */
  exports(life: Life): void {
    this.#exporting.add(life);
  }

  /** Has the process looked a user up, so that a page of it may have been on its way until now? */
  mayBeUnderWay(life: Life): boolean {
    return this.#exporting.has(life) || this.#time.now - (this.#last.get(life) ?? 0) < minute;
  }

  /** A page was lost on its way. */
  noteLostPage(life: Life): void {
    for (const { causes } of this.of(life)) causes.push("a page of the list was lost");
  }
}

function isLookedUp({ intent }: Envelope): boolean {
  return intent?.call === "findUser";
}

/** How far the look-up of a user has come; `null`: it begins, or there is none. */
function searchOf({ context }: Envelope): Search | null {
  return (context["search"] ?? null) as unknown as Search | null;
}
