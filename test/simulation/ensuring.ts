/**
 * People whose records are ensured: the application calls `ensure()` again and again with the same few identifiers, now and
 * then in two processes at once, which may die, and 1upHealth shows late what was created. None exists twice.
 */
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { latest } from "../../src/sandbox/resources/stored-resource.ts";
import type { Person } from "./people.ts";
import type { Fit, Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

/** Errors that a person may get because of faults, beside those of any call. */
const unfair: readonly string[] = ["FHIR_AMBIGUOUS", "INVALID_OPTION", "INVALID_RESOURCE", "NOT_DECLARED"];
/** Longer than `ensure()` waits, with whole calls and a slow store beside it. */
const patienceMs: number = 12 * minute;

export class Ensuring {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  begin(people: readonly Person[]): void {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("ensuring")) return;
    for (const person of people) {
      const dice = new Dice(scenario.seed, `ensuring ${person.id}`);
      time.after(dice.between(minute, hour), () => this.#visit(person, dice));
      this.#awaits(person, new Dice(scenario.seed, `ensuring ${person.id} early`));
    }
  }

  /** Asks once while the user is on its way to its first token, and once when it has it, in another process perhaps. */
  #awaits(person: Person, dice: Dice, isAsked = false): void {
    const { fit, isOver, judge, time } = this.#stage;
    if (isOver) return;
    const isThere = judge.of(person.id).envelope !== null;
    const asks = person.hasArrived || (isThere && !isAsked);
    if (asks && fit.length > 0) this.#ask(dice.pick(fit), person.id, "9");
    if (!person.hasArrived)
      time.after(dice.between(100, 3 * second), () => this.#awaits(person, dice, isAsked || asks));
  }

  #visit(person: Person, dice: Dice): void {
    const { fit, isOver, time } = this.#stage;
    if (isOver) return;
    time.after(dice.between(2 * second, 40 * minute), () => this.#visit(person, dice));
    const value = String(dice.between(1, 8));
    const clicks = dice.pick([1, 2, 2, 3]);
    for (let click = 0; click < clicks && person.hasArrived && fit.length > 0; click++)
      this.#ask(dice.pick(fit), person.id, value);
  }

  #ask({ life, lifecycle }: Fit, id: string, value: string): void {
    const { judge, time, trace } = this.#stage;
    const what = `ensure ${value} of ${id}`;
    trace.note(life.name, `${what}?`);
    const over = time.after(patienceMs, () => {
      if (life.alive && !life.hasStalled) judge.blame(`P2: ${what} by ${life.name} was never answered`);
    });
    const end = (how: string): void => {
      over();
      trace.note(life.name, `${what}: ${how}`);
      this.#look();
    };
    this.#ensure(lifecycle, id, value).then(
      () => end("done"),
      (error: unknown) => {
        judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
        end(String(error));
        if (!isLifecycleError(error) || unfair.includes(error.code))
          judge.blame(`P7: ${what} rejected with ${String(error)}`);
      },
    );
  }

  async #ensure(lifecycle: Lifecycle, id: string, value: string): Promise<unknown> {
    const identifier = [{ system: "urn:ensured", value }];
    const by = { identifier: `urn:ensured|${value}` };
    return lifecycle.fhir(id, "r4").ensure({ resourceType: "Patient", identifier }, { by });
  }

  /** None exists twice. */
  #look(): void {
    const { handler, judge } = this.#stage;
    const seen = new Set<string>();
    for (const one of handler.world.resources.state) {
      const value = /"system":"urn:ensured","value":"(\d+)"/.exec(latest(one)?.text ?? "")?.[1];
      if (value === undefined) continue;
      const place = `${value} of the user ${one.owner}`;
      if (seen.has(place)) judge.blame(`P2: the resource ${place} was ensured, and exists twice`);
      seen.add(place);
    }
  }
}
