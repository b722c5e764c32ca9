/** The operator of the application: rolls a new release out, raises the format, replaces keys, all while people work. */
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { ringOf, type RingKey } from "../../src/store/sealing/keys.ts";
import { lacksRight } from "./fair-errors.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { Dice, minute } from "./time.ts";

const [oldKey, newKey] = ringOf({ keys: ["5a".repeat(32), "a5".repeat(32)] }, false) as readonly [
  RingKey,
  RingKey,
];

/** The ring with which every application begins. */
export const firstRing: readonly RingKey[] = [oldKey];

/** Every key that an application ever holds. */
export const allKeys: readonly RingKey[] = [newKey, oldKey];

export class Operator {
  ring: readonly RingKey[] = firstRing;
  /** Everything that was begun is done. */
  isDone = false;
  readonly #stage: Stage;
  readonly #processes: readonly Process[];
  readonly #dice: Dice;

  constructor(stage: Stage, processes: readonly Process[]) {
    this.#stage = stage;
    this.#processes = processes;
    this.#dice = new Dice(stage.scenario.seed, "operator");
  }

  /** Lets it happen when the scenario says so. */
  begin(): void {
    const { judge, kinds, scenario, time, trace } = this.#stage;
    for (const ms of kinds.restarts()) time.after(ms, () => this.#dice.pick(this.#processes).restart());
    const { releases, rekey } = scenario;
    if (releases.to === releases.from) {
      for (const process of this.#processes) process.isDeployed = true;
      if (rekey === null) this.isDone = true;
      else time.after(rekey.atMs, () => this.#rekey());
      return;
    }
    const gapMs = this.#dice.between(minute, 30 * minute);
    for (const [n, process] of this.#processes.entries()) {
      time.after(releases.atMs + n * gapMs, () => process.deploy());
    }
    // Sometimes in haste, while a process of the last release is still at work.
    const afterMs = releases.inHaste ? gapMs / 2 : this.#processes.length * gapMs + 5 * minute;
    const raise = async (): Promise<void> => {
      if (this.#stage.isMoving) return void time.after(minute, () => void raise()); // the new record would be left behind
      await judge.raiseFormat(releases.to);
      trace.note("OPERATOR", `the store's format is ${releases.to}`);
      if (rekey === null) this.isDone = true;
      else time.after(minute, () => this.#rekey());
    };
    time.after(releases.atMs + afterMs, () => void raise());
  }

  /** A new key of the ring, then everything wrapped by it, perhaps sealed again, and the old one taken away. */
  #rekey(): void {
    const { time, scenario } = this.#stage;
    this.ring = [newKey, oldKey];
    const retire = (): void =>
      this.#do(
        "keys.retire",
        (lifecycle) => lifecycle.keys.retire(oldKey.id),
        () => {
          this.ring = [newKey];
          this.isDone = true;
        },
      );
    const records = scenario.rekey?.records ?? false;
    const options = records ? { records: true } : {};
    time.after(minute, () =>
      this.#do(
        `rotateKeys${records ? " of records" : ""}`,
        (lifecycle) => lifecycle.rotateKeys(options),
        retire,
      ),
    );
  }

  /** Asks some process until one has done it. */
  #do(what: string, question: (lifecycle: Lifecycle) => Promise<unknown>, then: () => void): void {
    const { time, trace, judge } = this.#stage;
    const again = (): void => void time.after(2 * minute, () => this.#do(what, question, then));
    const there = this.#stage.fit.filter(({ life }) => life.release === this.#stage.scenario.releases.to);
    if (there.length === 0) return again();
    const { life, lifecycle } = this.#dice.pick(there);
    trace.note(life.name, `${what}?`);
    let open = true;
    const close = (how: string): boolean => {
      const first = open;
      open = false;
      trace.note(life.name, `${what}: ${how}`);
      return first;
    };
    time.after(30 * minute, () => {
      if (open && close("no answer")) again();
    });
    question(lifecycle).then(
      () => void (close("done") && then()),
      (error: unknown) => {
        judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
        if (
          !isLifecycleError(error) ||
          !(
            error.retryable ||
            error.code === "CLOSED" ||
            error.code === "STORE_MOVED" ||
            lacksRight(error) ||
            life.release < judge.format
          )
        )
          judge.blame(`${what} of ${life.name} rejected with ${String(error)}`);
        if (close(String(error))) again();
      },
    );
  }
}
