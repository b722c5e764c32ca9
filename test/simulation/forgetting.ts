/** People who are forgotten once they are offboarded, and come back as if they were new, under any id they had. */
import type { Person } from "./people.ts";
import type { Stage } from "./stage.ts";
import { Dice, minute } from "./time.ts";

/** Of one person. */
export class Forgetting {
  /** The application is about to forget it: it does not sign up meanwhile. */
  isOn = false;
  readonly #stage: Stage;
  readonly #dice: Dice | null;

  constructor(stage: Stage, id: string) {
    this.#stage = stage;
    this.#dice = stage.scenario.kinds.includes("forgetting")
      ? new Dice(stage.scenario.seed, `forgetting ${id}`)
      : null;
  }

  /** What a person does instead of `roll`: where people are forgotten, they are renamed and leave often. */
  instead(roll: number): number {
    return this.#dice?.pick([18, 21, roll, roll]) ?? roll;
  }

  /** It is offboarded: is it forgotten now? Only if no list and no earlier grant refers to it. */
  begins(person: Person): boolean {
    const { judge, handler, time, isOver } = this.#stage;
    const { id, wasRenamedThere } = judge.of(person.id);
    const isPlain = person.list === null && !person.wasConnected && !wasRenamedThere;
    if (this.#dice === null || isOver || !isPlain || !this.#dice.hits(0.7)) return false;
    if (handler.world.users.find(id) === undefined) return false;
    this.isOn = true;
    time.after(this.#dice.between(5 * minute, 10 * minute), () => person.forget());
    return true;
  }

  /** It was forgotten: it starts over under an id that it had. `expects`: the application takes it for one who is at 1upHealth. */
  async ends(person: Person, expects: boolean): Promise<void> {
    const { judge, handler, scenario, trace } = this.#stage;
    const { id } = judge.of(person.id);
    const ids = judge.forget(person.id);
    await judge.forgets.forgotten(ids, this.#stage);
    if (scenario.kinds.includes("events")) await judge.events.forgotten(ids);
    person.id = this.#dice?.pick(ids) ?? id;
    trace.note("", `${id} is forgotten, and will come as ${person.id}`);
    const exists = handler.world.users.find(person.id) !== undefined;
    if (!exists) judge.forgets.orphans++;
    judge.forgets.beginsAnew(person.id);
    judge.expects(person.id, exists === expects ? 1 : 2);
    this.isOn = false;
  }
}
