/** Judges forgotten users: nothing of them may be left, and they may not reappear before they start over. */
import type { Dossier } from "./dossier.ts";
import type { Judge } from "./judge.ts";
import type { Stage } from "./stage.ts";

/** The placeholder of a forgotten user begins with this. */
const beforeMarks = "\u0001";

/** Is it the place of a mark, and not the id of a user? */
export function isPlaceOfMark(id: string): boolean {
  return id.startsWith(beforeMarks);
}

export class ForgetJudge {
  /** Users at 1upHealth that the application has forgotten and that started over under another id. */
  orphans = 0;
  /** All ids of people who were forgotten; true: one started over under it. */
  readonly #ids = new Map<string, boolean>();
  readonly #judge: Pick<Judge, "blame">;

  constructor(judge: Pick<Judge, "blame">) {
    this.#judge = judge;
  }

  /** Has a user with this id been forgotten? */
  wasForgotten(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Is it a user that was forgotten, and about which a late write was refused? */
  isGone({ id, envelope }: Dossier): boolean {
    return envelope === null && this.#ids.get(id) === false;
  }

  /** A record is written the first time: is it the one of a user who was forgotten, and starts over? */
  isReborn({ id }: Dossier): boolean {
    if (this.#ids.get(id) === false)
      this.#judge.blame(`P2: ${id} was forgotten, and is there although no one signed up with it again`);
    return this.#ids.has(id);
  }

  /** No person is there twice, here or at 1upHealth: there are as many users as people, and none was created twice. */
  lastLook({ handler, scenario }: Stage, people: number): void {
    for (const id of handler.journal.createdTwice())
      if (!this.wasForgotten(id)) this.#judge.blame(`P2: ${id} was created twice`);
    const users = handler.world.users.all.length - scenario.strangers.count - this.orphans;
    if (users !== people) this.#judge.blame(`P2: ${people} people are ${users} users`);
  }

  /** The person signs up with this id, perhaps again. */
  signsUp(id: string): void {
    if (this.#ids.has(id)) this.#ids.set(id, true);
  }

  /** forget() resolved: no row is left, and no row names any of these ids. */
  async forgotten(ids: readonly string[], { store, names }: Stage): Promise<void> {
    for (const id of ids) {
      this.#ids.set(id, false);
      const left = await store.load(names === null ? id : names.key(id));
      if (left.type !== "absent")
        this.#judge.blame(`P5: ${id} was forgotten, and its id leads to a ${left.type}`);
    }
    for (const state of Object.keys(await store.counts())) {
      for (const at of await store.page({ state, limit: 1_000 })) {
        const text = JSON.stringify(await store.load(at));
        const named = ids.find((id) => text.includes(`"${id}"`));
        if (named !== undefined)
          this.#judge.blame(`P5: ${named} was forgotten, and a row of the store names it`);
      }
    }
  }
}
