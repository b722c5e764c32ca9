/** The application's side: people who sign up, come back, change their address; and the results they get. */
import {
  isLifecycleError,
  type Grant,
  type Lifecycle,
  type Reconciliation,
  type UserStatus,
} from "oneup-lifecycle";
import type { SandboxUser } from "../../src/sandbox/state/users.ts";
import { Connected, hasWrongNumbers } from "./connected.ts";
import { hasArrived, isConfirmed } from "./dossier.ts";
import { fairErrors } from "./fair-errors.ts";
import { Forgetting } from "./forgetting.ts";
import type { Life } from "./life.ts";
import type { ListPlan } from "./scenario.ts";
import type { Fit, Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";
import { firstIdOf } from "./first-id.ts";

/** What 1upHealth has of a person before it signs up, and what the application believes. */
type Kind = "new" | "unexpected" | "existing" | "believedToExist" | "connected";

/** How long a call may take beside the time it was told to wait: slow stores and networks, whole calls. */
const slackMs = 5 * minute;

const nothing = (): void => {};

/** One person with one account at the application. */
export class Person {
  id: string;
  /** The last result had a token. */
  hasArrived = false;
  #signedUp = false;
  #names = 0;
  #attempts = 0;
  /** The list that brings it, if one does. */
  readonly list: ListPlan | null;
  /** What the application has of a person that it connected before. */
  readonly #connected: Connected | null;
  readonly #kind: Kind;
  readonly #dice: Dice;
  readonly #stage: Stage;
  readonly #forgetting: Forgetting;

  constructor(stage: Stage, number: number) {
    this.#stage = stage;
    this.id = `user-${number}`;
    this.#forgetting = new Forgetting(stage, this.id);
    this.#dice = new Dice(stage.scenario.seed, this.id);
    const kinds = ["new", "new", "new", "new", "unexpected", "existing", "believedToExist"] as const;
    const isWrong = hasWrongNumbers(stage) && new Dice(stage.scenario.seed, `wrong ${this.id}`).hits(0.4);
    const kind = this.#dice.pick([...kinds, "connected"] as const);
    this.#kind = isWrong ? "connected" : kind;
    if (this.#kind === "unexpected" || this.#kind === "existing")
      stage.handler.world.users.add(this.id, true);
    this.#connected = this.#kind === "connected" ? new Connected(stage, this.id, this.#dice) : null;
    const { imports, arrivalMs } = stage.scenario;
    this.list = imports.length > 0 && this.#dice.hits(0.5) ? this.#dice.pick(imports) : null;
    if (this.list !== null) this.#standsIn(this.list);
    if (this.#connected?.isWrong === true)
      stage.time.after(stage.scenario.troubleMs + hour, () => this.#lookAtNumber());
    const arrivesMs = this.#dice.between(0, arrivalMs);
    // Some of the list come by themselves, too; people who were connected before are adopted in any case.
    if (this.list === null || this.wasConnected || this.#dice.hits(0.4))
      stage.time.after(arrivesMs, () => this.signUp());
    else stage.time.after(this.list.atMs + arrivesMs, () => this.#comeBack());
  }

  /** The application brings a grant from before. */
  get wasConnected(): boolean {
    return this.#connected !== null;
  }

  get #grant(): Grant | null {
    return this.#connected?.grant ?? null;
  }

  /** What its import costs, with what the list expects of it. */
  #standsIn({ expect }: ListPlan): void {
    const exists = this.#stage.handler.world.users.find(this.id) !== undefined;
    this.#stage.judge.expects(this.id, exists === (expect === "existing") ? 1 : 2);
  }

  /** Signs up, or asks again whether it is ready. */
  signUp(): void {
    if (this.#forgetting.isOn) return;
    const { judge } = this.#stage;
    judge.forgets.signsUp(this.id);
    if (!this.#signedUp) {
      this.#signedUp = true;
      const twice = this.#kind === "unexpected" || this.#kind === "believedToExist";
      if (this.#kind !== "connected") judge.expects(this.id, twice ? 2 : 1);
    }
    const expect = this.#expectsItself ? "existing" : "new";
    const lane = this.#dice.pick(["interactive", "interactive", "recovery", "bulk"] as const);
    const waitMs = this.#dice.pick([0, 2 * second, 10 * second, 30 * second]);
    const again = (): void => {
      const ms = ++this.#attempts < 4 ? this.#dice.between(second, 10 * minute) : 2 * hour;
      this.#later(ms, () => this.signUp());
    };
    const grant = this.#grant;
    const verb = grant === null ? "onboard" : "adopt";
    const onboard = (lifecycle: Lifecycle): Promise<UserStatus> =>
      grant === null
        ? lifecycle.onboard(this.id, { expect, lane, waitMs })
        : lifecycle.adopt(this.id, grant, { waitMs });
    this.#ask(verb, waitMs, onboard, again, (life, status) => {
      judge.told(life, status);
      judge.blocks.signedUp(life, this.id, waitMs, status);
      this.hasArrived ||= status.usable;
      if (status.usable) this.#comeBack();
      else again();
    });
    // Some press the button twice, and the second request goes to another process.
    if (this.#dice.hits(0.3)) {
      this.#ask(verb, waitMs, onboard, nothing, (life, status) => judge.told(life, status));
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
    const drawn = this.#forgetting.instead(this.#dice.between(1, 24));
    const roll = this.#connected?.instead(drawn) ?? drawn;
    const grant = this.#grant;
    if (grant !== null && roll <= 3) {
      // The application goes through its old list once more.
      const adopt = (lifecycle: Lifecycle): Promise<UserStatus> =>
        lifecycle.adopt(this.id, grant, { waitMs });
      this.#ask("adopt", waitMs, adopt, next, (life, status) => {
        judge.told(life, status);
        next();
      });
    } else if (roll <= 10) {
      const get = (lifecycle: Lifecycle): Promise<string> => lifecycle.accessToken(this.id, { waitMs });
      this.#ask("accessToken", waitMs, get, next, (life, token) => {
        judge.grants.handedOut(life, this.id, token);
        next();
      });
    } else if (roll <= 14) {
      this.#write(next);
    } else if (roll <= 16) {
      const inspect = (lifecycle: Lifecycle): Promise<UserStatus> => lifecycle.inspect(this.id);
      this.#ask("inspect", 0, inspect, next, (life, status) => {
        judge.told(life, status);
        next();
      });
    } else if (roll === 17) {
      judge.expects(this.id, 1);
      this.#ask("reauthorize", waitMs, (lifecycle) => lifecycle.reauthorize(this.id, { waitMs }), next, next);
    } else if (roll === 18) {
      const to = `${firstIdOf(this.id)}~${++this.#names}`;
      judge.expects(this.id, isConfirmed(judge.of(this.id).envelope) ? 1 : 2); // to which user its number belongs, once
      judge.lookUps.renames(judge.of(this.id), to);
      const rename = (lifecycle: Lifecycle, life: Life): Promise<UserStatus> => {
        judge.lookUps.mayBegin(life);
        return lifecycle.rename(this.id, to, { waitMs });
      };
      this.#ask("rename", waitMs, rename, next, next);
    } else if (roll === 19) {
      const user = handler.world.users.find(judge.of(this.id).id);
      if (user !== undefined) handler.world.grants.revoke(user.oneupUserId);
      judge.expects(this.id, 1);
      this.#stage.trace.note("1up", `the grant of ${this.id} is revoked`);
      next();
    } else if (roll === 20) {
      this.#ask("resume", 0, (lifecycle) => lifecycle.resume(), next, next);
    } else if (roll <= 22) {
      this.#leave(waitMs, next);
    } else if (roll === 23) {
      const { id, envelope } = judge.of(this.id);
      const user = handler.world.users.find(id);
      // If its number is not confirmed here, it may be another user; if it is about to be forgotten, it stays under its id.
      if (
        !this.#forgetting.isOn &&
        isConfirmed(envelope) &&
        user !== undefined &&
        envelope?.context["oneupUserId"] === user.oneupUserId
      )
        this.#isRenamedThere(user);
      next();
    } else {
      const compare = (lifecycle: Lifecycle, life: Life): Promise<Reconciliation> => {
        judge.reconciles(life);
        return lifecycle.reconcile({ repair: ["move"], pageSize: 500 });
      };
      this.#ask("reconcile", 0, compare, next, (_, { counts }) => {
        if ((counts.hereOnly > 0 || counts.anotherNumber > 0) && !judge.numbers.areWrong)
          judge.blame(`P1: reconcile() misses users who are there: ${JSON.stringify(counts)}`);
        next();
      });
    }
  }

  /** Closes the account, with all data or without, and opens it again, as people do. */
  #leave(waitMs: number, next: () => void): void {
    const { judge } = this.#stage;
    const purge = this.#dice.pick([false, true, ["r4"], ["dstu2", "r4"]] as const);
    judge.expects(this.id, purge === false ? 1 : 2); // which user it is, and a fresh code once it is onboarded again
    judge.of(this.id).wasLetGo = true;
    this.hasArrived = false;
    const leave = (lifecycle: Lifecycle): Promise<UserStatus> =>
      lifecycle.offboard(this.id, { purge, waitMs });
    this.#ask("offboard", waitMs, leave, next, (life, status) => {
      judge.told(life, status);
      if (!this.#forgetting.begins(this)) this.#comeAgain();
    });
  }

  /** The application forgets it; it signs up again, under one of its ids. */
  forget(attempts = 1): void {
    const again = (): void => this.#forgetting.triesAgain(this, attempts);
    const ask = (lifecycle: Lifecycle): Promise<void> => lifecycle.forget(this.id, { waitMs: second });
    this.#ask("forget", second, ask, again, () => {
      void this.#forgetting.ends(this, this.#expectsItself);
      this.#comeAgain();
    });
  }

  get #expectsItself(): boolean {
    return this.#kind === "existing" || this.#kind === "believedToExist";
  }

  #comeAgain(): void {
    this.#later(this.#dice.between(0, 10 * minute), () => this.signUp());
  }

  /** The user gets another id at 1upHealth itself, and the application does not know. */
  #isRenamedThere(user: SandboxUser): void {
    const { judge, handler, trace } = this.#stage;
    const to = `${firstIdOf(this.id)}~${++this.#names}`;
    handler.world.users.change(user, { appUserId: to });
    judge.renamedThere(user.appUserId, to);
    judge.expects(this.id, 2); // a code in vain, and where it is
    trace.note("1up", `${user.appUserId} is renamed to ${to}`);
  }

  readonly #create = (lifecycle: Lifecycle): Promise<unknown> =>
    lifecycle.fhir(this.id, "r4").create({ resourceType: "Patient" });

  /** A person whose token is refused tries again soon. */
  #write(next: () => void): void {
    const { isOver, scenario } = this.#stage;
    const retries = scenario.kinds.includes("refusedTokens") && !isOver;
    const again = (): void => this.#later(minute / 2, () => this.#write(next));
    this.#ask("fhir.create", 70 * second, this.#create, retries ? again : next, next);
  }

  /** The last look, when everything is in order: FHIR must work. Repeated as an application would. */
  checkUp(done: () => void): void {
    const again = (): void => void this.#stage.time.after(2 * minute, () => this.checkUp(done));
    this.#ask("fhir.create", 40 * second, this.#create, again, done);
  }

  /** Asks a random process and continues with its result; with `otherwise` after an error or without a result. */
  #ask<T>(
    what: string,
    waitMs: number,
    question: (lifecycle: Lifecycle, life: Life) => Promise<T>,
    otherwise: () => void,
    then: (life: Life, answer: T) => void,
  ): void {
    const { time, judge, trace } = this.#stage;
    const place = this.#randomProcess();
    if (place === undefined) return this.#later(10 * second, otherwise);
    const { life, lifecycle } = place;
    trace.note(life.name, `${what} ${this.id}?`);
    const { isKnown } = judge.of(this.id); // its import may store it while the question is on its way
    let open = true;
    const over = time.after(waitMs + slackMs, () => {
      if (!open) return;
      open = false;
      // These have no time limit: they wait for a store that is unavailable, for slots, and for the users that they work on.
      if (life.alive && !life.hasStalled && what !== "resume" && what !== "reconcile")
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
    question(lifecycle, life).then(
      (answer) => close("done") && then(life, answer),
      (error: unknown) => {
        if (!close(String(error))) return;
        this.#hear(life, what, error, isKnown);
        otherwise();
      },
    );
  }

  #hear(life: Life, what: string, error: unknown, wasKnown: boolean): void {
    const { judge, time } = this.#stage;
    judge.read(`an error of ${life.name}`, `${String(error)} ${JSON.stringify(error)}`);
    if (!isLifecycleError(error))
      return judge.blame(`P7: ${what}(${this.id}) rejected with ${String(error)}`);
    if (error.code === "CLOSED" || life.release < judge.format) return; // it is stopped, or too old for the store
    judge.blocks.rejected(life, what, this.id, error.code);
    const { renamedTo } = error.facts;
    if (error.code === "RENAMED" && typeof renamedTo === "string") this.id = renamedTo;
    else if (error.code === "USER_UNKNOWN") {
      if (wasKnown) judge.blame(`P1: ${life.name} does not know ${this.id} any more`);
    } else if (error.code === "USER_OFFBOARDED" && judge.of(this.id).wasLetGo) {
      if (what !== "onboard" && what !== "adopt") this.#comeAgain();
    } else if (error.code === "USER_FAILED" || error.code === "USER_CONFLICT") {
      const isToRetry = error.code === "USER_FAILED" || this.#connected?.hearsOfConflict(what) === true;
      if (isToRetry) time.after(minute, () => this.#retry());
    } else if (!fairErrors.includes(error.code) && !judge.pauses.mayReject(this.id, error.code)) {
      judge.blame(`P7: ${what}(${this.id}) rejected with ${error.code}: ${error.message}`);
    }
  }

  #retry(): void {
    this.#stage.judge.expects(this.id, 2);
    this.#ask("retry", 0, (lifecycle) => lifecycle.retry(this.id, { waitMs: 0 }), nothing, nothing);
  }

  /** In the end a person looks whether its number is right, and has it looked up by its id if not. */
  #lookAtNumber(): void {
    const { judge, time } = this.#stage;
    if (hasArrived(judge.of(this.id))) return;
    const again = (): void => void time.after(10 * minute, () => this.#lookAtNumber());
    judge.expects(this.id, 2);
    const mend = (lifecycle: Lifecycle): Promise<UserStatus> =>
      lifecycle.reauthorize(this.id, { waitMs: 20 * second });
    this.#ask("reauthorize", 20 * second, mend, again, again);
  }

  #later(ms: number, task: () => void): void {
    this.#stage.time.after(ms, task);
  }

  #randomProcess(): Fit | undefined {
    const there = this.#stage.fit;
    return there.length === 0 ? undefined : this.#dice.pick(there);
  }
}
