/** The application brings lists of people in: now and then twice at once, or called off, and always until it is done. */
import { isLifecycleError, type ImportSummary } from "oneup-lifecycle";
import { lacksRight } from "./fair-errors.ts";
import type { ListPlan } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { Dice, minute, second } from "./time.ts";

export class List {
  /** The import has resolved. */
  isDone = false;
  #begun = 0;
  readonly #stage: Stage;
  readonly #plan: ListPlan;
  readonly #ids: readonly string[];
  readonly #dice: Dice;

  constructor(stage: Stage, plan: ListPlan, ids: readonly string[]) {
    this.#stage = stage;
    this.#plan = plan;
    this.#ids = ids;
    this.#dice = new Dice(stage.scenario.seed, `list ${plan.name}`);
    for (let process = 0; process < plan.processes; process++)
      stage.time.after(plan.atMs + process * second, () => this.#bringIn());
  }

  /** Some process brings the list in; if it does not come to an end with it, another one goes on. */
  #bringIn(): void {
    const { time, judge, trace } = this.#stage;
    const { name, expect } = this.#plan;
    const again = (): void => {
      if (!this.isDone)
        time.after(this.#dice.pick([20 * second, 5 * minute, 20 * minute]), () => this.#bringIn());
    };
    const there = this.#stage.fit;
    if (there.length === 0) return again();
    const { life, lifecycle } = this.#dice.pick(there);
    const stop = new AbortController();
    const calledOff = new Error("called off");
    if (!this.#stage.isOver && this.#dice.hits(0.2))
      life.hear(this.#dice.between(1, 30 * minute), () => stop.abort(calledOff));
    trace.note(life.name, `onboardMany ${name}?`);
    judge.lists.bringsIn(life, this.#plan, this.#ids);
    this.#begun++;
    let open = true;
    const close = (how: string): void => {
      open = false;
      trace.note(life.name, `onboardMany ${name}: ${how}`);
    };
    const watch = (): void => {
      if (!open) return;
      if (life.alive) return void time.after(minute, watch);
      close("died");
      again();
    };
    watch();
    const done = lifecycle.onboardMany(this.#ids, {
      name,
      ...(expect && { expect }),
      everyMs: 30 * second,
      signal: stop.signal,
    });
    const hears = (summary: ImportSummary): void => {
      judge.lists.broughtIn(life, name, summary, this.#begun === 1);
      this.isDone = true;
      close("done");
    };
    done.then(hears, (error: unknown) => {
      if (!open) return;
      judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
      const isClosed = isLifecycleError(error, "CLOSED") || isLifecycleError(error, "STORE_MOVED");
      const fair = isClosed || lacksRight(error) || life.release < judge.format;
      if (error !== calledOff && !fair)
        judge.blame(`P7: the import of ${name} rejected with ${String(error)}`);
      close(String(error));
      again();
    });
  }
}
