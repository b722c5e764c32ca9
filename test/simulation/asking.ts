/** Asks processes that may die, on behalf of an application that asks again. */
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { fairErrors } from "./fair-errors.ts";
import type { Stage } from "./stage.ts";
import { minute, second, type Dice } from "./time.ts";

/** What came of a request: its answer, or the code of its error. */
export type Told<T> = { readonly answer: T } | { readonly code: string };

/** An error that is not fair goes to `blamed`. */
export class Asking {
  readonly #stage: Stage;
  readonly #dice: Dice;
  readonly #blamed: string[];

  constructor(stage: Stage, dice: Dice, blamed: string[]) {
    this.#stage = stage;
    this.#dice = dice;
    this.#blamed = blamed;
  }

  /** Asks until the answer is there and is not `false`. */
  async until(id: string, verb: string, question: (lifecycle: Lifecycle) => Promise<unknown>): Promise<void> {
    for (;;) {
      const told = await this.ask(id, verb, question);
      if ("answer" in told && told.answer !== false) return;
      await this.wait(this.#dice.between(second, minute));
    }
  }

  /** Asks one process; one that dies answers nothing, and after a while another is asked. */
  async ask<T>(id: string, verb: string, question: (lifecycle: Lifecycle) => Promise<T>): Promise<Told<T>> {
    const { fit, time, trace } = this.#stage;
    if (fit.length === 0) {
      await this.wait(10 * second);
      return { code: "CLOSED" };
    }
    const { life, lifecycle } = this.#dice.pick(fit);
    trace.note(life.name, `${verb} ${id}?`);
    const told = await new Promise<Told<T>>((resolve) => {
      time.after(5 * minute, () => resolve({ code: "CLOSED" }));
      question(lifecycle).then(
        (answer) => resolve({ answer }),
        (error: unknown) => resolve({ code: isLifecycleError(error) ? error.code : String(error) }),
      );
    });
    trace.note(life.name, `${verb} ${id}: ${"answer" in told ? "done" : told.code}`);
    const isFair =
      "answer" in told || told.code === "CLOSED" || fairErrors.some((code) => code === told.code);
    if (!isFair) this.#blamed.push(`P7: ${verb}(${id}) rejected with ${told.code}`);
    return told;
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#stage.time.after(ms, resolve));
  }
}
