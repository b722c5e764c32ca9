/** The application's side: people who sign up, come back, change their address; and what they are told. */
import { isLifecycleError } from "oneup-lifecycle";
import type { ErrorCode, Lifecycle, UserStatus } from "oneup-lifecycle";
import type { Life } from "./life.ts";
import type { Fit, Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

/** How a person stands to 1upHealth before it signs up, and what the application believes. */
type Kind = "new" | "unexpected" | "existing" | "believedToExist";

/** What an application may hear when things go wrong, without anything being wrong with the library. */
const fairErrors: readonly ErrorCode[] = [
  "STORE_UNAVAILABLE",
  "CREDENTIALS_REFUSED",
  "FORBIDDEN",
  "USER_NOT_READY",
  "UNAVAILABLE",
  "RATE_LIMITED",
  "IN_DOUBT",
  "BAD_ANSWER",
  "FHIR_REFUSED",
  "USER_CONFLICT",
];

/** How long a call may take beside the time it was told to wait: slow stores and networks, whole calls. */
const slackMs = 5 * minute;

/** One person with one account at the application. */
export class Person {
  id: string;
  /** It has a token, as far as it was told. */
  hasArrived = false;
  #signedUp = false;
  #names = 0;
  #attempts = 0;
  readonly #kind: Kind;
  readonly #dice: Dice;
  readonly #stage: Stage;

  constructor(stage: Stage, number: number) {
    this.#stage = stage;
    this.id = `user-${number}`;
    this.#dice = new Dice(stage.scenario.seed, this.id);
    this.#kind = this.#dice.pick(["new", "new", "new", "new", "unexpected", "existing", "believedToExist"]);
    if (this.#kind === "unexpected" || this.#kind === "existing")
      stage.handler.world.users.add(this.id, true);
    stage.time.after(this.#dice.between(0, stage.scenario.arrivalMs), () => this.signUp());
  }

  /** Signs up, or asks again whether it is ready. */
  signUp(): void {
    const { judge } = this.#stage;
    if (!this.#signedUp) {
      this.#signedUp = true;
      judge.expects(this.id, this.#kind === "unexpected" || this.#kind === "believedToExist" ? 2 : 1);
    }
    const expect = this.#kind === "existing" || this.#kind === "believedToExist" ? "existing" : "new";
    const lane = this.#dice.pick(["interactive", "interactive", "recovery", "bulk"] as const);
    const waitMs = this.#dice.pick([0, 2 * second, 10 * second, 30 * second]);
    const again = (): void => {
      const ms = ++this.#attempts < 4 ? this.#dice.between(second, 10 * minute) : 2 * hour;
      this.#later(ms, () => this.signUp());
    };
    const onboard = (lifecycle: Lifecycle): Promise<UserStatus> =>
      lifecycle.onboard(this.id, { expect, lane, waitMs });
    this.#ask("onboard", waitMs, onboard, again, (life, status) => {
      judge.told(life, status);
      this.hasArrived ||= status.usable;
      if (status.usable) this.#comeBack();
      else again();
    });
    // Some press the button twice, and the second time another process hears it.
    if (this.#dice.hits(0.3)) {
      this.#ask(
        "onboard",
        waitMs,
        onboard,
        () => {},
        (life, status) => judge.told(life, status),
      );
    }
  }

  #comeBack(): void {
    this.#later(this.#dice.between(5 * minute, 3 * hour), () => {
      if (!this.#stage.isOver) this.#visit();
    });
  }

  /** Does something that people do. */
  #visit(): void {
    const { judge, handler } = this.#stage;
    const next = (): void => this.#comeBack();
    const waitMs = 20 * second;
    const roll = this.#dice.between(1, 20);
    if (roll <= 10) {
      this.#ask(
        "accessToken",
        waitMs,
        (lifecycle) => lifecycle.accessToken(this.id, { waitMs }),
        next,
        (life, token) => {
          judge.handedOut(life, this.id, token);
          next();
        },
      );
    } else if (roll <= 14) {
      const write = (lifecycle: Lifecycle): Promise<unknown> =>
        lifecycle.fhir(this.id, "r4").create({ resourceType: "Patient" });
      this.#ask("fhir.create", 70 * second, write, next, next);
    } else if (roll <= 16) {
      this.#ask(
        "inspect",
        0,
        (lifecycle) => lifecycle.inspect(this.id),
        next,
        (life, status) => {
          judge.told(life, status);
          next();
        },
      );
    } else if (roll === 17) {
      judge.expects(this.id, 1);
      this.#ask("reauthorize", waitMs, (lifecycle) => lifecycle.reauthorize(this.id, { waitMs }), next, next);
    } else if (roll === 18) {
      const to = `${this.id.replace(/~.*/, "")}~${++this.#names}`;
      judge.expects(this.id, 1);
      this.#ask("rename", waitMs, (lifecycle) => lifecycle.rename(this.id, to, { waitMs }), next, next);
    } else if (roll === 19) {
      const user = handler.world.users.find(judge.of(this.id).id);
      if (user !== undefined) handler.world.grants.revoke(user.oneupUserId);
      judge.expects(this.id, 1);
      this.#stage.trace.note("1up", `the grant of ${this.id} is revoked`);
      next();
    } else {
      this.#ask("resume", 0, (lifecycle) => lifecycle.resume(), next, next);
    }
  }

  /** The last look, when everything is in order: FHIR must work. Repeated as an application would. */
  checkUp(done: () => void): void {
    const again = (): void => void this.#stage.time.after(2 * minute, () => this.checkUp(done));
    const write = (lifecycle: Lifecycle): Promise<unknown> =>
      lifecycle.fhir(this.id, "r4").create({ resourceType: "Patient" });
    this.#ask("fhir.create", 40 * second, write, again, done);
  }

  /** Asks some process, and goes on with what it hears; `otherwise` when that is an error or nothing at all. */
  #ask<T>(
    what: string,
    waitMs: number,
    question: (lifecycle: Lifecycle) => Promise<T>,
    otherwise: () => void,
    then: (life: Life, answer: T) => void,
  ): void {
    const { time, judge, trace } = this.#stage;
    const somebody = this.#somebody();
    if (somebody === undefined) return this.#later(10 * second, otherwise);
    const { life, lifecycle } = somebody;
    trace.note(life.name, `${what} ${this.id}?`);
    let open = true;
    const over = time.after(waitMs + slackMs, () => {
      if (!open) return;
      open = false;
      // resume() has no time limit: it waits for a store that is away, and for whoever it works on.
      if (life.alive && !life.hasStalled && what !== "resume")
        judge.blame(`P2: ${what}(${this.id}) of ${life.name} was never answered`);
      otherwise();
    });
    const close = (how: string): boolean => {
      const first = open;
      open = false;
      over();
      trace.note(life.name, `${what} ${this.id}: ${how}`);
      return first;
    };
    question(lifecycle).then(
      (answer) => close("done") && then(life, answer),
      (error: unknown) => {
        if (!close(String(error))) return;
        this.#hear(life, what, error);
        otherwise();
      },
    );
  }

  #hear(life: Life, what: string, error: unknown): void {
    const { judge, time } = this.#stage;
    judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
    if (!isLifecycleError(error))
      return judge.blame(`P7: ${what}(${this.id}) rejected with ${String(error)}`);
    if (error.code === "CLOSED" || life.release < judge.format) return; // it is stopped, or too old for the store
    const { renamedTo } = error.facts;
    if (error.code === "RENAMED" && typeof renamedTo === "string") this.id = renamedTo;
    else if (error.code === "USER_UNKNOWN") {
      if (judge.of(this.id).isKnown) judge.blame(`P1: ${life.name} does not know ${this.id} any more`);
    } else if (error.code === "USER_FAILED") {
      judge.expects(this.id, 2);
      time.after(minute, () =>
        this.#ask(
          "retry",
          0,
          (lifecycle) => lifecycle.retry(this.id, { waitMs: 0 }),
          () => {},
          () => {},
        ),
      );
    } else if (!fairErrors.includes(error.code)) {
      judge.blame(`P7: ${what}(${this.id}) rejected with ${error.code}: ${error.message}`);
    }
  }

  #later(ms: number, task: () => void): void {
    this.#stage.time.after(ms, task);
  }

  #somebody(): Fit | undefined {
    const there = this.#stage.fit;
    return there.length === 0 ? undefined : this.#dice.pick(there);
  }
}
