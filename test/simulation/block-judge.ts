/**
 * Judges calls that something between the library and 1upHealth stops: if it stops those of one user, or of one process,
 * that alone is affected, and no gate is shut that others share.
 */
import type { ErrorCode, Json, UserStatus } from "oneup-lifecycle";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import { RenewalJudge } from "./renewal-judge.ts";
import { clientSecrets, type Scenario } from "./scenario.ts";
import { hour, minute, second, type Time } from "./time.ts";
import { firstIdOf } from "./first-id.ts";

/** Errors that a caller may get whose calls cannot be made. */
const heldBack: readonly ErrorCode[] = ["FORBIDDEN", "CREDENTIALS_REFUSED", "UNAVAILABLE"];

/** A user whose call was stopped waits for longer than this, ms. */
const patienceMs = 4 * minute;

/** A gate that one user shut is shut no more often in a row than this. */
const mostAttempts = 3;

/** The interval of neutral calls, which show whether a failure concerns one user or the account, ms. */
const betweenNeutralMs = 6 * minute;

export class BlockJudge {
  readonly #judge: Pick<Judge, "blame">;
  readonly #scenario: Scenario;
  readonly #time: Time;
  /** When calls of each user were stopped, lately, processes that had one stopped. */
  readonly #users = new Map<string, number[]>();
  readonly #lives = new Set<Life>();
  /** When each gate was shut that has been shut in a row since, and how often. */
  readonly #shut = new Map<string, { readonly since: number; readonly times: number }>();

  /** The calls that users may cost whose tokens live for a moment. */
  readonly renewals: RenewalJudge;

  constructor(judge: Pick<Judge, "blame">, scenario: Scenario, time: Time) {
    this.renewals = new RenewalJudge(judge, scenario, time);
    this.#time = time;
    this.#judge = judge;
    this.#scenario = scenario;
  }

  /** Something on the way answered a call. */
  stopped(life: Life, id: string | undefined): void {
    this.#lives.add(life);
    if (id === undefined) return;
    const { now } = this.#time;
    const before = this.#users.get(firstIdOf(id))?.filter((at) => at > now - patienceMs) ?? [];
    this.#users.set(firstIdOf(id), [...before, now]);
    // Where one user alone is refused, each process may meet that once, a person who adopts the user begins again, and a 429
    // may ask for a few seconds only, after which no other user may be there to call first.
    const most = this.#scenario.alone === "refusedAlone" ? 8 : 3;
    if ((this.#isAlone || this.#scenario.alone === "refusedAlone") && before.length >= most)
      this.#judge.blame(`P2: ${id} is called for over and over, and each call is stopped`);
  }

  /** A person's question was answered with an error. */
  rejected(life: Life, what: string, id: string, code: ErrorCode): void {
    if (heldBack.includes(code) && this.#mustNotice(life, id))
      this.#judge.blame(
        `P2: ${what}(${id}) of ${life.name} is answered ${code}, and only others' calls are stopped`,
      );
  }

  /** A person has signed up and waited. */
  signedUp(life: Life, id: string, waitMs: number, { usable, state }: UserStatus): void {
    const isRoomy = this.#scenario.limit.windowMs === hour;
    if (!usable && isRoomy && waitMs >= 10 * second && this.#mustNotice(life, id))
      this.#judge.blame(`P2: ${id} is ${state} after ${waitMs} ms, and only others' calls are stopped`);
  }

  /** The account's record was written: a gate shut for a secret is shut for that one alone. */
  account(value: Json, fingerprint: (secret: string) => string): void {
    const { gates = {} } = value as {
      gates?: Record<string, { state: string; reason: string; attempt: number }>;
    }; // written by the library
    const own = clientSecrets.map((secret) => `secret:${fingerprint(secret)}`);
    for (const [key, { state, reason, attempt }] of Object.entries(gates)) {
      if (reason === "credentials" && !own.includes(key))
        this.#judge.blame(`P2: a refused secret shuts "${key}" for all users`);
      if (key === "exchange" && state !== "open" && this.#scenario.alone === "unansweredAlone")
        this.#judge.blame("P2: the exchange is shut for all users, because of one user or two");
      if (reason === "forbidden")
        this.#judge.blame(
          `P2: a call that was blocked before it reached 1upHealth shuts "${key}" for all users`,
        );
      else if (this.#scenario.alone === "refusedAlone") this.#refusedAlone(key, state, attempt);
      else if (state !== "open" && this.#isAlone)
        this.#judge.blame(`P2: "${key}" is shut for all users, and 1upHealth refused nothing`);
    }
  }

  /** One user's 429 holds all back as it asks for, and its second one does not; a refused client holds back that user. */
  #refusedAlone(key: string, state: string, attempt: number): void {
    const { now } = this.#time;
    const before = attempt <= 1 ? undefined : this.#shut.get(key);
    const since = before?.since ?? now;
    this.#shut.set(key, { since, times: attempt });
    const isShutAgain = state === "throttled" && attempt > (before?.times ?? 0); // and not merely probed
    if (state === "suspended" || (isShutAgain && attempt > mostAttempts && now - since > betweenNeutralMs))
      this.#judge.blame(`P2: "${key}" is shut for all users, ${attempt} times in a row, because of one user`);
  }

  /** The only fault of this story is that some calls are stopped, and these calls are not among them. */
  #mustNotice(life: Life, id: string): boolean {
    if (!this.#isAlone || this.#users.has(firstIdOf(id))) return false;
    return this.#scenario.alone === "poisonedIds" || !this.#lives.has(life);
  }

  get #isAlone(): boolean {
    return this.#scenario.alone === "poisonedIds" || this.#scenario.alone === "captivePortal";
  }
}
