/**
 * Judges calls to user management that get no answer: an outage costs few of them, and some users' trouble is theirs alone.
 * A process that can send nothing does not go on trying with one user after the other.
 */
import type { Json } from "oneup-lifecycle";
import type { Judge } from "./judge.ts";
import type { Life } from "./life.ts";
import type { Scenario } from "./scenario.ts";
import { managementOutageOf, type ManagementOutage } from "./silences.ts";
import { beginning, hour, minute, type Time } from "./time.ts";
import { firstIdOf } from "./first-id.ts";

/** This many users in a row are a reason to find out, and this many an outage though the list can be read. */
const [many, most] = [3, 8];
/**
 * Processes have noticed an outage this long after one could: neutral calls are five minutes apart; where the list can be
 * read, each process must meet so many users, ms.
 */
const [noticedMs, noticedOfWritesMs] = [6 * minute, 25 * minute];
/**
 * In ten minutes waits of two minutes leave room for five probes, and a process that did not know for some calls more.
 * Where the list can be read, a look-up or the first neutral call of a process opens the gate for all twenty users once,
 * and so does a `reconcile()` of the application.
 */
const [mostCalls, mostCallsOfWrites, mostCallsAfterList] = [12, 40, 20];
/** After each 429 in an outage the waits begin anew. */
const mostCallsMixed = 40;
/**
 * In five minutes waits that double from a second on leave room for eight probes; more, where the store loses how often the
 * gate was shut, or a 429 begins the count anew.
 */
const [mostProbes, mostProbesUncounted] = [8, 16];

/** A process knows that it can send nothing so long after the calls of several users, ms; then it fails for no more users. */
const knownMs = minute;
const mostUnsent = 3;

/** A process that suspects an outage may look for so long, ms. */
const suspectedForMs = hour;

/** A gate, as far as it matters here. */
interface Gate {
  readonly state: string;
  readonly reason: string;
}

export class SilenceJudge {
  readonly #judge: Pick<Judge, "blame">;
  readonly #scenario: Scenario;
  readonly #time: Time;
  readonly #outage: { readonly from: number; readonly until: number } & Pick<
    ManagementOutage,
    "isOfWrites" | "isMixed"
  >;
  /**
   * Whose calls got no answer since one did, in each process. A process counts a person once or, if it was renamed
   * meanwhile, by both ids, and a page of the list for the user that it was read for, or not at all.
   */
  readonly #rows = new Map<Life, { readonly people: Set<string>; readonly ids: Set<string> }>();
  /**
   * The users of each process whose calls could not be sent since one was; since when it knows so of each endpoint, and
   * its users since.
   */
  readonly #unsent = new Map<
    Life,
    { readonly row: Set<string>; readonly since: Map<string, number>; after: number }
  >();
  /** When each process could not send a call, the last times. */
  readonly #unsentAt = new Map<Life, readonly number[]>();
  /** When each process made neutral calls lately. */
  readonly #neutral = new Map<Life, number[]>();
  /** Until when each process may suspect an outage. */
  readonly #suspectedUntil = new Map<Life, number>();
  /** The account's record holds that user management is shut because it does not answer, and when it last did. */
  #isShut = false;
  #shutAt = Number.NEGATIVE_INFINITY;
  #wasThrottled = false;
  /** When a process could notice the outage. */
  #couldNotice: number | null = null;
  #calls: number[] = [];
  readonly #reconciledAt: number[] = [];

  constructor(judge: Pick<Judge, "blame">, scenario: Scenario, time: Time) {
    this.#judge = judge;
    this.#scenario = scenario;
    this.#time = time;
    const { atMs, forMs, isOfWrites, isMixed } = managementOutageOf(scenario.seed);
    this.#outage = { from: beginning + atMs, until: beginning + atMs + forMs, isOfWrites, isMixed };
  }

  /** A call was answered 429. */
  throttled(): void {
    this.#wasThrottled = true;
  }

  /** A process gets no answer to a call about this user, or to a page of the list, which may be read to look one up. */
  unanswered(life: Life, id: string | undefined): void {
    const row = this.#rows.get(life) ?? { people: new Set<string>(), ids: new Set<string>() };
    this.#rows.set(life, row);
    const { now } = this.#time;
    row.ids.add(id ?? `page at ${now}`);
    if (id !== undefined) row.people.add(firstIdOf(id));
    // It may have probed a gate that a 429 shut, of which no record tells.
    if (this.#wasThrottled && this.#isStoreFailing) this.#suspectedUntil.set(life, Infinity);
    if (row.ids.size < many) return;
    this.#suspectedUntil.set(life, now + this.#knownForMs);
    const { from, until, isOfWrites } = this.#outage;
    const isTight = this.#scenario.limit.windowMs < hour; // no slot may be left for a neutral call
    const enough = isOfWrites || isTight ? most : many;
    if (now >= from && now < until && row.people.size >= enough) this.#couldNotice ??= now;
  }

  /** A process cannot send a call for this user, or one for no user, like a page of the list. */
  unsent(life: Life, endpoint: string, id: string | undefined): void {
    const { now } = this.#time;
    const found = this.#unsent.get(life) ?? { row: new Set<string>(), since: new Map(), after: 0 };
    this.#unsent.set(life, found);
    found.row.add(id === undefined ? `page at ${now}` : firstIdOf(id));
    // What became of some calls a process learns late, so that its row may be longer.
    const lately = [...(this.#unsentAt.get(life) ?? []), now].slice(-many);
    this.#unsentAt.set(life, lately);
    const [first = now] = lately;
    if (lately.length === many && now - first < suspectedForMs)
      this.#suspectedUntil.set(life, now + suspectedForMs);
    if (found.row.size < many) return;
    const since = found.since.get(endpoint) ?? now;
    found.since.set(endpoint, since);
    if (id === undefined) return;
    if (now > since + knownMs && ++found.after > mostUnsent && this.#scenario.alone === "cutOff")
      this.#judge.blame(`P6: ${life.name} can send nothing, and claims user after user`);
  }

  /** A process cannot send the neutral call with which it looks whether an outage is over: so it goes on looking. */
  looksInVain(life: Life): void {
    if (this.isOutage(life)) this.#suspectedUntil.set(life, this.#time.now + suspectedForMs);
  }

  /** A process has sent a call. */
  sent(life: Life): void {
    if (this.#isCutOff(life)) this.#suspectedUntil.set(life, this.#time.now + suspectedForMs);
    this.#unsent.delete(life);
  }

  /** A process gets an answer. */
  answered(life: Life): void {
    this.#rows.delete(life);
  }

  /** Whether a process may suspect, or knows, that user management answers no call. */
  isOutage(life: Life): boolean {
    const { now } = this.#time;
    const isSuspected = now < (this.#suspectedUntil.get(life) ?? 0);
    return isSuspected || this.#isCutOff(life) || this.#isShut || now - this.#shutAt < this.#knownForMs;
  }

  #isCutOff(life: Life): boolean {
    return (this.#unsent.get(life)?.row.size ?? 0) >= many;
  }

  /** Where the store fails, a process keeps a gate of its own for as long, which no record shows. */
  get #knownForMs(): number {
    return this.#isStoreFailing ? Infinity : suspectedForMs;
  }

  get #isStoreFailing(): boolean {
    const { storeDown, storeLost } = this.#scenario.rates;
    return storeDown + storeLost > 0;
  }

  /** A process makes a neutral call to find out. */
  neutral(life: Life): void {
    const { now } = this.#time;
    const lately = (this.#neutral.get(life) ?? []).filter((at) => at > now - 5 * minute);
    this.#neutral.set(life, [...lately, now]);
    const isUncounted = this.#isStoreFailing || this.#outage.isMixed;
    if (lately.length >= (isUncounted ? mostProbesUncounted : mostProbes))
      this.#judge.blame(`P6: ${life.name} makes ${lately.length + 1} neutral calls in five minutes`);
  }

  /** The application reads the list. */
  reconciles(): void {
    this.#reconciledAt.push(this.#time.now);
  }

  /** A management call arrived. The list can be read in an outage of writes, so a page of it does not count there. */
  arrived(outcome: string): void {
    const { now } = this.#time;
    if (this.#scenario.alone !== "managementDown" || this.#couldNotice === null) return;
    const { until, isOfWrites, isMixed } = this.#outage;
    if (isOfWrites && outcome === "listed") return;
    if (now < this.#couldNotice + (isOfWrites ? noticedOfWritesMs : noticedMs) || now >= until) return;
    this.#calls = [...this.#calls.filter((at) => at > now - 10 * minute), now];
    const lists = this.#reconciledAt.filter((at) => at > now - 10 * minute).length;
    const allowed = isOfWrites
      ? mostCallsOfWrites + lists * mostCallsAfterList
      : isMixed
        ? mostCallsMixed
        : mostCalls;
    if (this.#calls.length > allowed)
      this.#judge.blame(`P6: ${this.#calls.length} calls in ten minutes of an outage of user management`);
  }

  /** The account's record was written. */
  account(value: Json): void {
    const { gates = {} } = value as { gates?: Record<string, Gate> }; // written by the library
    const { state = "open", reason = "" } = gates["management"] ?? {};
    const isShut = state !== "open" && reason === "unavailable";
    if (isShut || this.#isShut) this.#shutAt = this.#time.now;
    this.#isShut = isShut;
    if (isShut && this.#scenario.alone === "unansweredUsers")
      this.#judge.blame("P2: user management is shut for all users, because of some");
  }
}
