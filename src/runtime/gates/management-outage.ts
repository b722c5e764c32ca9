/**
 * Finds out whether user management is down, or only does not answer the calls of some users. A call that is silent or
 * answered 5xx looks the same in both cases. So the gate `management` shuts once the calls of {@link many} different users
 * in a row get no answer, and a neutral call gets none either; or those of {@link most} users in a row, because a list can
 * be read where nothing can be written.
 *
 * Most probes are neutral calls as well, because one that fails leaves no user in doubt. Where they show nothing, users
 * probe, and those whose calls have failed before let others go first. The gate tells that to other processes: each would
 * otherwise open it with a list, and shut it again at the cost of {@link most} users. Lists pass it as long as they are
 * answered: a user that leaves need not wait for the end of the outage.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import type { GatedCall } from "../../guard/gates.ts";
import { isAboutAnother } from "../../http/user-management.ts";
import type { Gate } from "../../../machines/index.ts";
import { betweenNeutralMs, provesService } from "./blocking.ts";
import { readsList } from "./gate-rules.ts";
import { isUnanswered, type Outcome, type Permit } from "./permit.ts";
import { RetriesInTurn } from "./retries-in-turn.ts";

/** This many different users in a row, with no call answered in between, are a reason to make a neutral call. */
const many = 3;
/** This many are an outage, even if neutral calls are answered. */
const most = 8;
/** A neutral call that fails this short before a user's call is answered shows nothing: the list alone may be down, ms. */
const contradictedMs = 30_000;
/** A gate that users shut although neutral calls are answered stays shut for no longer than this at a time, ms. */
const suspectedMs = 60_000;
/** A user's call that was answered longer ago than this no longer shows that others are served, ms. */
const servedForMs = 1_200_000;
/** One probe in this many is a user's call. */
const userProbesEvery = 4;
/** Where calls of one kind alone get no answer: an attempt to create costs two slots, as it asks whether it was carried out. */
const turns = {
  by: "management",
  betweenMs: 120_000,
  longestBetweenMs: 600_000,
  longestMs: 600_000,
} as const;

export class ManagementOutage {
  /** The turns of users whose call of such a kind has failed, where calls of that kind alone get no answer. */
  readonly turns: Readonly<Record<"createUser" | "issueAuthCode" | "findUser", RetriesInTurn>>;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #neutral: () => Promise<string>;
  readonly #gate: () => Pick<Gate, "answersLists">;
  readonly #openedAt: () => number;
  /** The first users whose call got no answer, since a call was last answered. */
  readonly #unanswered = new Set<string>();
  /** When a neutral call last failed, on `clock.monotonic()`. */
  #failedAt = Number.NEGATIVE_INFINITY;
  /** When one was last answered, on `clock.monotonic()`, unless a user's call was answered since. */
  #answeredAt = Number.NEGATIVE_INFINITY;
  /** When a user's call was last answered, on `clock.monotonic()`. */
  #servedAt = Number.NEGATIVE_INFINITY;
  /** Neutral calls mislead now. `down`: they fail although users' calls are answered; `up`: the other way round. */
  #misleads: "down" | "up" | null = null;
  /** The list that this process read last was not answered, or with 429. */
  #listsFail = false;

  /**
   * `neutral`: makes a neutral call to user management; `notAsked`: none may be sent now. `openedAt`: when the
   * gate opened, on `clock.monotonic()`; a call sent before shows nothing about the time since. `gate`: as last seen.
   */
  constructor(
    clock: Clock,
    neutral: () => Promise<string>,
    openedAt: () => number,
    gate: () => Pick<Gate, "answersLists">,
  ) {
    const inTurn = (): RetriesInTurn => new RetriesInTurn(clock, openedAt, turns);
    this.turns = { createUser: inTurn(), issueAuthCode: inTurn(), findUser: inTurn() };
    this.#clock = clock;
    this.#neutral = neutral;
    this.#openedAt = openedAt;
    this.#gate = gate;
  }

  /** Records the outcome of a user's call. True: so many in a row got no answer that {@link isDown} must find out. */
  record(call: GatedCall, outcome: Outcome, { about, enteredAt }: Permit): boolean {
    if (enteredAt < this.#openedAt()) return false;
    if (provesService(outcome.type) || isAboutAnother(outcome)) {
      if (readsList(call)) this.#listsFail = false;
      if (readsList(call) && this.answersLists) return false;
      this.#servedAt = this.#clock.monotonic();
      if (this.#unanswered.size > 0) this.#unanswered.clear();
      if (this.#clock.monotonic() - this.#failedAt < contradictedMs) this.#misleads = "down";
      else if (this.#misleads === "up") this.#misleads = null;
      this.#answeredAt = Number.NEGATIVE_INFINITY;
      return false;
    }
    if (readsList(call)) this.#listsFail = true;
    if (!isUnanswered(outcome.type)) return false;
    if (readsList(call) && this.#misleads === "up") this.#misleads = null;
    if (about !== null && this.#unanswered.size < most) this.#unanswered.add(about);
    return this.#unanswered.size >= many;
  }

  /**
   * Records the outcome of a user's call; after several in a row without an answer makes a neutral call, if one may be
   * sent. True: that gets no answer either, or too many users in a row get none.
   */
  async isDown(call: GatedCall, outcome: Outcome, permit: Permit): Promise<boolean> {
    if (!this.record(call, outcome, permit) || permit.probing.has("management")) return false;
    const neutral = await this.#neutral();
    this.recordNeutral(neutral);
    const isConfirmed = this.#misleads === null && isUnanswered(neutral);
    // seam: some-users-without-an-answer-shut-no-gate
    return this.#unanswered.size >= (isConfirmed ? many : most);
  }

  /** Records the outcome of a neutral call. */
  recordNeutral(outcome: string): void {
    if (isUnanswered(outcome)) this.#failedAt = this.#clock.monotonic();
    if (outcome !== "notAsked") this.#listsFail = !provesService(outcome);
    if (!provesService(outcome)) return;
    this.#failedAt = Number.NEGATIVE_INFINITY;
    this.#answeredAt = this.#clock.monotonic();
    this.#misleads = this.#unanswered.size >= most ? "up" : null;
  }

  /** An operator states that all is in order: earlier outcomes no longer count. */
  reopened(): void {
    this.#unanswered.clear();
    this.#misleads = null;
    this.#listsFail = false;
  }

  /** Whether a user's call probes the shut gate, and not a neutral one. */
  isProbedByUser({ attempt }: Pick<Gate, "attempt">): boolean {
    // A neutral call was answered a moment ago, and users of another process have shut the gate again.
    if (this.#clock.monotonic() - this.#answeredAt < betweenNeutralMs) this.#misleads ??= "up";
    return this.answersLists || this.#misleads !== null || attempt % userProbesEvery === 0;
  }

  /** Whether calls of users were answered lately: one whose calls are not should leave the limit to others. */
  get servesOthers(): boolean {
    return this.#clock.monotonic() - this.#servedAt < servedForMs;
  }

  /** Whether lists of users are known to be answered where calls for users are not. */
  get answersLists(): boolean {
    return !this.#listsFail && (this.#misleads === "up" || this.#gate().answersLists);
  }

  /**
   * How the gate is shut after such a call got no answer. If lists are answered it is not shut for long, because the calls
   * of newcomers may work.
   */
  limitsAfter(call: GatedCall): Required<Pick<Outcome, "mostMs" | "answersLists">> {
    const answersLists = this.answersLists && !readsList(call);
    return { mostMs: answersLists ? suspectedMs : Infinity, answersLists };
  }

  /** Whether others should probe the gate first: the call of this user alone, or of its kind, may fail. */
  isSuspect(gate: Pick<Gate, "attempt">, { isRetry }: Permit): boolean {
    return isRetry && this.isProbedByUser(gate);
  }
}
