/**
 * Judges a long import by what arrives at 1upHealth and what is written: every slot is used, no user is there
 * twice or lost, and no person at the screen waits behind the list. Its notes on each of a million users fit into two bytes.
 */
import type { Commit, Committed, ImportSummary, Store } from "oneup-lifecycle";
import type { JournalEntry } from "oneup-lifecycle/sandbox";
import type { Batch } from "../../src/store/contract.ts";
import type { ImportPlan } from "./import-plan.ts";
import type { Life } from "./life.ts";
import { buckets, mostWithin, pace, type Spread } from "./moments.ts";
import { hour, second, type Time } from "./time.ts";

const limit = { name: "management", calls: 300, windowMs: hour };
/** How long a call that is slow, or whose process died, holds its slot: time-out and grace, ms. */
const longestHoldMs = 40 * second;

/** The report on an import. */
export interface ImportFigures {
  readonly users: number;
  readonly guests: number;
  readonly ms: number;
  readonly deaths: number;
  readonly inHand: number;
  readonly resumed: number;
  readonly calls: number;
  readonly pages: number;
  readonly existing: number;
  /** Calls beyond one a user and the pages. */
  readonly extra: number;
  readonly mostInWindow: number;
  /** Slots that a process had taken when it died, and whose call had not left. */
  readonly lost: number;
  /** Slots used an hour, by how long each window's worth of them in a row took. */
  readonly hour: Spread;
  readonly meanHoldMs: number;
  /** Slots an hour at most, when each is held for so long. */
  readonly ceiling: number;
  readonly day: Spread;
  readonly longestWaitSlots: number;
  readonly behindBulk: number;
  readonly longestWaitMs: number;
  readonly meanWaitMs: number;
}

/** A slot on which a call is made. */
interface Taken {
  readonly at: number;
  arrived: boolean;
}

/** A person who waits for a slot. */
interface Waiting {
  readonly since: number;
  /** Slots that others got meanwhile, and how many of them went to the list beyond its guaranteed minimum. */
  slots: number;
  bulk: number;
}

export class ImportJudge {
  readonly blamed: string[] = [];
  /** The list has been read to its end. */
  allRead = false;
  left = Infinity;
  resumed = -1;
  readonly #plan: ImportPlan;
  readonly #time: Time;
  readonly #store: Store;
  /** Calls, deaths met, by the number of a user of the list. */
  readonly #spent: Uint8Array;
  readonly #met: Uint8Array;
  readonly #created: Uint8Array;
  /** Users of the list that were to be created although they existed. */
  readonly #unlisted = new Set<string>();
  readonly #guests = new Map<string, { spent: number; met: number }>();
  readonly #arrivals: Float64Array;
  /** From when until when a user of the list waited for a slot. */
  #busyFrom = Infinity;
  #busyUntil = 0;
  #calls = 0;
  #pages = 0;
  #deaths = 0;
  #inHand = 0;
  #summary: ImportSummary | null = null;
  readonly #held = new Map<string, Life>();
  readonly #taken = new Map<string, Taken>();
  /** Those of processes that died a moment ago. */
  readonly #left = new Map<string, Taken>();
  /** When slots were taken on which no call was made, for the process died. */
  readonly #lost: number[] = [];
  #holds = 0;
  #heldMs = 0;
  readonly #waiting = new Map<string, Waiting>();
  #waits = 0;
  #waitedMs = 0;
  #longestWaitMs = 0;
  #longestWaitSlots = 0;
  #behindBulk = 0;
  #told = 0;

  constructor(plan: ImportPlan, time: Time, store: Store) {
    this.#plan = plan;
    this.#time = time;
    this.#store = store;
    this.#spent = new Uint8Array(plan.users);
    this.#met = new Uint8Array(plan.users);
    this.#created = new Uint8Array(plan.users);
    this.#arrivals = new Float64Array(Math.ceil(plan.users * 1.2) + 10_000);
  }

  blame(what: string): void {
    if (this.blamed.length < 20) this.blamed.push(what);
  }

  /** The import is begun, or resumed. */
  imports(): void {
    this.resumed++;
  }

  /** The import resolved. */
  hears(summary: ImportSummary): void {
    this.#summary = summary;
    if (summary.left > 0 || summary.failed > 0)
      this.blame(`P2: the import is done with ${summary.left} left and ${summary.failed} failed`);
  }

  get isDone(): boolean {
    return this.#summary !== null;
  }

  /** The people who signed up in between have arrived, too. */
  get isOver(): boolean {
    return this.blamed.length > 0 || (this.isDone && this.#waiting.size === 0);
  }

  /** A person signs up. */
  asks(id: string): void {
    if (!this.#guests.has(id)) this.#guests.set(id, { spent: 0, met: 0 });
  }

  /** A process is no more. */
  died(life: Life): void {
    this.#deaths++;
    for (const [id, holder] of this.#held) {
      if (holder !== life) continue;
      this.#inHand++;
      this.#held.delete(id);
      this.#counted(id, "met");
    }
    // Their slots count for as long as their calls may arrive.
    for (const [id, taken] of this.#taken) {
      if (this.#held.has(id)) continue;
      this.#settled(id, longestHoldMs);
      this.#left.set(id, taken); // its call may be on its way
      this.#time.after(second, () => {
        this.#left.delete(id);
        if (!taken.arrived) this.#lost.push(taken.at);
      });
    }
  }

  /** A call arrived. */
  arrived({ call, appUserId, outcome, committed }: JournalEntry): void {
    if (call === "exchangeCode" || call === "refreshToken") return;
    const { now } = this.#time;
    this.#arrivals[this.#calls++] = now;
    const first = this.#arrivals[this.#calls - 1 - limit.calls];
    if (first !== undefined && first > now - limit.windowMs)
      this.blame(`P4: more than ${limit.calls} calls in an hour`);
    if (outcome === "rate_limited") this.blame("P4: a call was refused");
    if (call === "listUsers") this.#pages++;
    if (appUserId === undefined) return;
    const taken = this.#taken.get(appUserId) ?? this.#left.get(appUserId);
    if (taken !== undefined) taken.arrived = true;
    if (call === "createUser" && outcome === "exists") this.#unlisted.add(appUserId);
    const spent = this.#counted(appUserId, "spent");
    const due = this.#unlisted.has(appUserId) ? 2 : 1;
    if (spent > due + 2 * this.#counted(appUserId, "met", 0))
      this.blame(`P6: ${appUserId} cost ${spent} management calls`);
    const number = numberOf(appUserId);
    if (call !== "createUser" || number === null) return;
    if (this.#created[number] === 1) this.blame(`P2: ${appUserId} was created twice`);
    if (committed) this.#created[number] = 1;
    this.#tell();
  }

  /** Adds to a note on a user, and returns the sum. */
  #counted(id: string, what: "spent" | "met", more: number = 1): number {
    const number = numberOf(id);
    const guest = this.#guests.get(id);
    if (number === null) return guest === undefined ? 0 : (guest[what] += more);
    const notes = what === "spent" ? this.#spent : this.#met;
    return (notes[number] = (notes[number] ?? 0) + more);
  }

  /** The store answered a commit. */
  async committed(life: Life, commit: Commit, answer: Committed): Promise<void> {
    if (answer.type !== "committed") return;
    const { id, mode, settle, giveBack, take } = commit;
    if (mode === "take" || mode === "keep") this.#held.set(id, life);
    else this.#held.delete(id);
    if (take !== undefined && answer.slot !== null) await this.#granted(id, answer.slot.lane);
    if (settle !== undefined || giveBack !== undefined) this.#settled(id, null);
    const waits = commit.lane === "interactive" && (mode === "end" || mode === "none");
    if (waits && !this.#waiting.has(id)) this.#waiting.set(id, { since: this.#time.now, slots: 0, bulk: 0 });
  }

  /** Users were leased to a process. */
  async leased(life: Life, batch: Batch): Promise<Batch> {
    for (const { record, slot } of batch.claimed) {
      this.#held.set(record.id, life);
      if (slot !== null) await this.#granted(record.id, slot.lane);
    }
    return batch;
  }

  /** Slots were granted; the same as {@link leased}. */
  async granted(life: Life, batch: Batch): Promise<Batch> {
    if (batch.nextInMs !== null) {
      this.#busyFrom = Math.min(this.#busyFrom, this.#time.now);
      this.#busyUntil = this.#time.now;
    }
    return this.leased(life, batch);
  }

  async #granted(id: string, lane: string): Promise<void> {
    const { now } = this.#time;
    this.#taken.set(id, { at: now, arrived: false });
    const waited = this.#waiting.get(id);
    if (waited !== undefined) {
      this.#waiting.delete(id);
      this.#waits++;
      this.#waitedMs += now - waited.since;
      this.#longestWaitMs = Math.max(this.#longestWaitMs, now - waited.since);
      this.#longestWaitSlots = Math.max(this.#longestWaitSlots, waited.slots + 1);
      this.#behindBulk = Math.max(this.#behindBulk, waited.bulk);
    }
    if (this.#waiting.size === 0) return;
    const { used } = await this.#store.slots.forecast({ limit, calls: 1, lane: "bulk" });
    const owed = lane === "bulk" && used.bulk <= limit.calls / 10; // it is counted already
    for (const [who, person] of this.#waiting) {
      person.slots++;
      if (lane !== "bulk" || owed) continue;
      person.bulk++;
      this.blame(`${id} of the list got a slot although ${who} waited for one at the screen`);
    }
  }

  #settled(id: string, ms: number | null): void {
    const taken = this.#taken.get(id);
    if (taken === undefined) return;
    this.#taken.delete(id);
    this.#holds++;
    this.#heldMs += ms ?? this.#time.now - taken.at;
  }

  #tell(): void {
    const { users, onProgress } = this.#plan;
    const hundredths = Math.floor((100 * this.#calls) / users);
    if (hundredths <= this.#told) return;
    this.#told = hundredths;
    onProgress?.(this.#calls, (this.#time.now - (this.#arrivals[0] ?? 0)) / (24 * hour));
  }

  /** No user is lost or there twice, and every slot was used while a user waited. */
  async lastLook(remoteUsers: number, guests: number): Promise<void> {
    const all = this.#plan.users + guests;
    const { tokenActive = 0, reauthorized = 0, ...others } = await this.#counts();
    if (tokenActive + reauthorized !== all || Object.keys(others).length > 0)
      this.blame(`P2: of ${all} users ${tokenActive + reauthorized} have a token, ${JSON.stringify(others)}`);
    if (remoteUsers !== all) this.blame(`P2: ${all} users are ${remoteUsers} at 1upHealth`);
    const cheap = this.#spent.findIndex((spent) => spent === 0);
    if (cheap >= 0) this.blame(`P1: 1upHealth was never asked for number ${cheap}`);
    const { hour: used, ceiling, extra, inHand, existing } = this.figures();
    const least = (0.99 * limit.calls * limit.windowMs) / (limit.windowMs + longestHoldMs);
    if (!(used.min >= least))
      this.blame(`P4: ${used.min.toFixed(1)} slots an hour were used at worst, though hundreds waited`);
    if (!(used.mean >= 0.99 * ceiling))
      this.blame(`P4: ${used.mean.toFixed(1)} slots an hour were used of ${ceiling.toFixed(1)}`);
    const unlisted = this.#unlisted.size;
    if (unlisted > 1 + existing / 20 + inHand)
      this.blame(`P6: ${unlisted} of ${existing} users in 1upHealth's list were to be created`);
    if (extra > 2 * inHand + unlisted) this.blame(`P6: ${extra} calls more than users, for ${inHand} deaths`);
  }

  async #counts(): Promise<Record<string, number>> {
    return { ...(await this.#store.counts()) };
  }

  figures(): ImportFigures {
    const at = this.#arrivals.subarray(0, this.#calls);
    const [first = 0, last = 0] = [at[0], at.at(-1)];
    const used = Float64Array.from([...at, ...this.#lost]).toSorted();
    const busy = used.filter((time) => time >= this.#busyFrom && time <= this.#busyUntil);
    const meanHoldMs = this.#heldMs / Math.max(1, this.#holds);
    const guests = this.#guests.size;
    const existing = this.#plan.users - this.#created.reduce((sum, one) => sum + one, 0);
    return {
      users: this.#plan.users,
      guests,
      ms: last - first,
      deaths: this.#deaths,
      inHand: this.#inHand,
      resumed: this.resumed,
      calls: at.length,
      pages: this.#pages,
      existing,
      extra: at.length - this.#pages - this.#plan.users - guests,
      mostInWindow: mostWithin(at, limit.windowMs),
      lost: this.#lost.length,
      hour: pace(busy, limit.calls),
      meanHoldMs,
      ceiling: (limit.calls * limit.windowMs) / (limit.windowMs + meanHoldMs),
      day: buckets(at, 24 * hour, this.#busyUntil),
      longestWaitSlots: this.#longestWaitSlots,
      behindBulk: this.#behindBulk,
      longestWaitMs: this.#longestWaitMs,
      meanWaitMs: this.#waitedMs / Math.max(1, this.#waits),
    };
  }
}

function numberOf(id: string): number | null {
  return id.startsWith("user-") ? Number(id.slice("user-".length)) : null;
}
