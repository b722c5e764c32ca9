/**
 * The operator of the application stops management calls again and again, of the account, of a lane, or of one user, and
 * lets them go on, through whichever process is up, each of which may die in the middle of it.
 */
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { fairErrors } from "./fair-errors.ts";
import type { Life } from "./life.ts";
import type { Person } from "./people.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

/** What is stopped: all, a lane, or a user. */
type Scope = { readonly lane: "interactive" | "recovery" | "bulk" | undefined } | { user: string };

export class Pausing {
  readonly #stage: Stage;
  readonly #dice: Dice;
  /** What is stopped, or about to be. */
  #open = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#dice = new Dice(stage.scenario.seed, "pausing");
  }

  /** Everything that was stopped goes on. */
  get isDone(): boolean {
    return this.#open === 0;
  }

  begin(people: readonly Person[]): void {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("pausing")) return;
    for (let times = this.#dice.between(3, 12); times > 0; times--) {
      const atMs = this.#dice.between(0, scenario.troubleMs - hour);
      const forMs = this.#dice.pick([20 * second, 5 * minute, 40 * minute, 2 * hour]);
      const lane = this.#dice.pick([undefined, undefined, "interactive", "recovery", "bulk"] as const);
      const person = this.#dice.hits(0.6) ? this.#dice.pick(people) : null;
      this.#open++;
      time.after(atMs, () => this.#stop(person === null ? { lane } : { user: person.id }, forMs));
    }
  }

  #stop(scope: Scope, forMs: number): void {
    const { time } = this.#stage;
    const endsMs = "user" in scope || this.#dice.hits(0.5) ? null : this.#dice.between(minute, forMs + hour);
    const stop = (lifecycle: Lifecycle, { clock }: Life): Promise<unknown> => {
      if ("user" in scope) return lifecycle.hold(scope.user, "a complaint", { waitMs: minute });
      const until = endsMs === null ? undefined : new Date(clock.now() + endsMs);
      return lifecycle.account.pause({ lane: scope.lane, until, reason: "a bill" });
    };
    const goOn = (lifecycle: Lifecycle): Promise<unknown> => {
      if (!("user" in scope)) return lifecycle.account.unpause({ lane: scope.lane });
      this.#stage.judge.pauses.letsGo(scope.user);
      return lifecycle.unhold(scope.user, { waitMs: minute });
    };
    // The process may have died after it was written: it must be let go in any case.
    const end = (): void =>
      void time.after(forMs, () => this.#do("goes on", scope, goOn, () => this.#open--));
    this.#do("stops", scope, stop, end);
  }

  /** Asks some process until one has done it, or the user is gone. */
  #do(
    what: string,
    scope: Scope,
    question: (lifecycle: Lifecycle, life: Life) => Promise<unknown>,
    then: () => void,
  ): void {
    const { time, trace, judge, fit } = this.#stage;
    const again = (): void => void time.after(minute, () => this.#do(what, scope, question, then));
    if (fit.length === 0) return again();
    const { life, lifecycle } = this.#dice.pick(fit);
    const name = `OPERATOR ${what} ${JSON.stringify(scope)}`;
    trace.note(life.name, name);
    let isOpen = true;
    const close = (how: string, next: () => void): void => {
      if (!isOpen) return;
      isOpen = false;
      trace.note(life.name, `${name}: ${how}`);
      next();
    };
    time.after(10 * minute, () => close("no answer", again));
    question(lifecycle, life).then(
      () => close("done", then),
      (error: unknown) => {
        judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
        const isOurs = isLifecycleError(error);
        if (isOurs && error.code === "RENAMED" && "user" in scope)
          scope.user = String(error.facts["renamedTo"]);
        if (isOurs && error.code === "USER_UNKNOWN") return close("there is no such user", then);
        const isFair =
          isOurs && (error.code === "CLOSED" || error.code === "RENAMED" || fairErrors.includes(error.code));
        if (!isFair && life.release >= judge.format)
          judge.blame(`${name} of ${life.name} rejected with ${String(error)}`);
        close(String(error), again);
      },
    );
  }
}
