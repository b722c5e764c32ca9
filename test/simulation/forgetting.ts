/** People who are forgotten once they are offboarded, and come back as if they were new, under any id they had. */
import { isBack } from "./dossier.ts";
import type { Person } from "./people.ts";
import type { Stage } from "./stage.ts";
import { Dice, minute, second } from "./time.ts";

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
    const late = this.#dice.hits(0.4);
    time.after(this.#dice.between(5 * minute, 10 * minute), () =>
      late ? this.#signsUpLate(person) : person.forget(),
    );
    return true;
  }

  /** A process stands still in a sign-up, just before its first write, and another one forgets the user. */
  #signsUpLate(person: Person): void {
    const { fit, time, trace } = this.#stage;
    const place = fit.length === 0 ? undefined : this.#dice?.pick(fit);
    if (place === undefined) return person.forget();
    const { life, lifecycle } = place;
    const { id } = person;
    let stands = false;
    life.standsBefore = {
      id,
      told() {
        stands = true;
        time.after(second, () => person.forget());
      },
    };
    trace.note(life.name, `onboard ${id}, late?`);
    let isOver = false;
    const ended = (how: string): void => {
      if (isOver) return;
      isOver = true;
      trace.note(life.name, `onboard ${id}, late: ${how}`);
      if (stands) return;
      if (life.standsBefore?.id === id) life.standsBefore = null;
      this.#givesUp(person); // it did not come to a write
    };
    lifecycle.onboard(id, { waitMs: 10 * minute }).then(
      () => ended("done"),
      (error) => ended(String(error)),
    );
    time.after(15 * minute, () => ended("no answer")); // its process has died
  }

  /** It was not forgotten yet. */
  triesAgain(person: Person, attempts: number): void {
    const { judge, time } = this.#stage;
    if (isBack(judge.of(person.id))) this.#givesUp(person);
    else time.after(minute * attempts, () => person.forget(attempts + 1));
  }

  /** The user has begun anew meanwhile. */
  #givesUp(person: Person): void {
    this.isOn = false;
    person.signUp();
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
    judge.expects(person.id, exists === expects ? 1 : 2);
    this.isOn = false;
  }
}
