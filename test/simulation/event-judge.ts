/**
 * Judges the outbox: each durable step is an event at once, a consumer gets each event at least once and in order, unless
 * it was told that it misses some, and of a forgotten user nothing is left but that it was forgotten.
 */
import type { Commit, EventOutbox, LifecycleEvent, StoredEvent } from "oneup-lifecycle";
import type { HistoryEntry } from "../../src/store/envelope.ts";
import type { Sealer } from "../../src/store/sealing/sealer.ts";
import { readUserEvent, type UserEventValue } from "../../src/runtime/user/user-event-value.ts";
import type { Judge } from "./judge.ts";

/** An event in the store. */
interface Kept extends UserEventValue {
  readonly number: number;
}

export class EventJudge {
  readonly #judge: Pick<Judge, "blame" | "read">;
  readonly #sealer: Sealer;
  #outbox: EventOutbox | null = null;
  /** The highest number that the judge has seen. */
  #last = 0;
  /** Events that are in the store and belong to no commit yet. */
  #unclaimed: Kept[] = [];
  /** Events that no consumer has got yet. */
  readonly #due = new Map<number, Kept>();
  /** The ids of users, by the numbers of their events. */
  readonly #ids = new Map<number, string>();
  /** The last event under each alias. */
  readonly #latest = new Map<string, Kept>();
  /** Aliases that a user had before it was renamed. */
  readonly #former = new Set<string>();
  /** Events that were too old before any consumer got them. */
  readonly #lost = new Set<number>();
  #trimmed = 0;
  /** The number of the last event that the consumer got in this session. */
  #at = 0;

  constructor(judge: Pick<Judge, "blame" | "read">, sealer: Sealer) {
    this.#judge = judge;
    this.#sealer = sealer;
  }

  /** From now on each step is an event. */
  begin(outbox: EventOutbox): void {
    this.#outbox = outbox;
  }

  /** Events that no consumer has got. */
  get left(): number {
    return this.#due.size;
  }

  /** Events up to this number were too old to be kept. */
  get trimmed(): number {
    return this.#trimmed;
  }

  /** Something was written: looks for new events. */
  async look(): Promise<void> {
    if (this.#outbox === null) return;
    const { events, trimmed } = await this.#outbox.read({ after: this.#last, limit: 1_000 });
    for (const stored of events) this.#seen(stored);
    this.#trimmed = Math.max(this.#trimmed, trimmed);
    for (const number of this.#due.keys()) {
      if (number > trimmed) continue;
      this.#due.delete(number);
      this.#lost.add(number);
    }
  }

  #seen(stored: StoredEvent): void {
    const { number, value } = stored;
    if (number <= this.#last) return; // another look has seen it meanwhile
    this.#last = number;
    const event = readUserEvent(value);
    if (event === null) return this.#judge.blame(`P1: event ${number} cannot be read`);
    this.#judge.read(`event ${number}`, JSON.stringify(stored));
    const kept = { ...event, number };
    this.#unclaimed.push(kept);
    this.#due.set(number, kept);
    this.#latest.set(kept.alias, kept);
    this.#former.delete(kept.alias);
    if (kept.was !== undefined) this.#former.add(kept.was);
  }

  /** A commit was written, after {@link look}: the store holds its events. `from`: the id that its record was moved from. */
  written({ id }: Commit, revision: number, steps: readonly HistoryEntry[], from?: string): void {
    if (this.#outbox === null) return;
    const alias = this.#sealer.alias(id);
    const isIts = (event: Kept): boolean =>
      event.alias === alias && Math.floor(event.version / 1_000) === revision && event.type !== "FORGOTTEN";
    const its = this.#unclaimed.filter(isIts);
    this.#unclaimed = this.#unclaimed.filter((event) => !isIts(event));
    for (const event of its) {
      this.#ids.set(event.number, id);
      if (JSON.stringify(event).includes(`"${id}"`))
        this.#judge.blame(`P5: event ${event.number} holds the id ${id}`);
      if (from !== undefined && event.was !== this.#sealer.alias(from))
        this.#judge.blame(`P1: event ${event.number} does not tell that ${id} was ${from}`);
    }
    const expected = steps.length === 0 && from !== undefined ? ["MOVED"] : steps.map(inShort);
    const found = its.map(({ at, to, type }) => (type === "MOVED" ? type : inShort([at, to, type])));
    const isDouble = new Set(expected).size < expected.length; // the judge cannot tell how many there are
    if (!isDouble && found.join() !== expected.join())
      this.#judge.blame(
        `P1: the commit ${revision} of ${id} holds the events "${found.join()}" for "${expected.join()}"`,
      );
  }

  /** A consumer begins: behind this number, or with the oldest event. */
  begins(after: number | null): void {
    if (after === null) this.#lost.clear();
    this.#at = after ?? 0;
  }

  /** A consumer got an event. */
  delivered({ appUserId, alias, type, version }: LifecycleEvent, number: number): void {
    if (this.#at === 0) this.#lost.clear(); // without a cursor it begins with what is there at its first read
    if (number <= this.#at) this.#judge.blame(`P1: event ${number} comes after event ${this.#at}`);
    this.#at = number;
    const passed = [...this.#due.keys(), ...this.#lost].filter((one) => one < number);
    if (passed.length > 0)
      this.#judge.blame(`P1: event ${number} is delivered, and not event ${passed.join()}`);
    const kept = this.#due.get(number);
    this.#due.delete(number);
    this.#lost.delete(number);
    if (kept !== undefined && (kept.alias !== alias || kept.type !== type || kept.version !== version))
      this.#judge.blame(`P1: event ${number} is delivered as another one`);
    this.read({ appUserId, type }, number);
  }

  /** A consumer read an event, perhaps again. */
  read({ appUserId, type }: Pick<LifecycleEvent, "appUserId" | "type">, number: number): void {
    const id = this.#ids.get(number);
    if (type !== "FORGOTTEN" && id !== undefined && appUserId !== id)
      this.#judge.blame(`P1: event ${number} of ${id} is delivered with the id ${appUserId}`);
  }

  /** The consumer was told that events behind the last one are missing. */
  expired(): void {
    if (this.#at >= this.#trimmed)
      this.#judge.blame(
        `P1: the cursor ${this.#at} has expired, and events up to ${this.#trimmed} were removed`,
      );
  }

  /** The numbers of the events that can be delivered. */
  async deliverable(): Promise<readonly number[]> {
    const kept = await this.#kept();
    return kept.flatMap(({ number, value }) => (readUserEvent(value) === null ? [] : [number]));
  }

  /** Events of a user were removed: they need not be delivered. */
  async removed(): Promise<void> {
    await this.look();
    const left = new Set(await this.deliverable());
    for (const number of this.#due.keys()) if (!left.has(number)) this.#due.delete(number);
    for (const [alias, { number, to, type }] of this.#latest) {
      if (left.has(number) || number <= this.#trimmed) continue;
      this.#latest.delete(alias);
      if (to !== "offboarded" && type !== "FORGOTTEN" && !this.#former.has(alias))
        this.#judge.blame(`P1: event ${number} is removed, and its user is ${to}`);
    }
  }

  /** forget() resolved: what is left under these ids is that they were forgotten. */
  async forgotten(ids: readonly string[]): Promise<void> {
    const aliases = new Map(ids.map((id) => [this.#sealer.alias(id), id]));
    for (const { number, value } of await this.#kept()) {
      const event = readUserEvent(value);
      const id = aliases.get(event?.alias ?? "");
      if (id !== undefined && event?.type !== "FORGOTTEN")
        this.#judge.blame(`P5: ${id} was forgotten, and event ${number} is left of it`);
    }
  }

  /** The numbers of the events under this id, of whichever user. */
  async under(id: string): Promise<readonly number[]> {
    const alias = this.#sealer.alias(id);
    const kept = await this.#kept();
    return kept.flatMap(({ number, value }) => (readUserEvent(value)?.alias === alias ? [number] : []));
  }

  /** All events in the store. */
  async #kept(): Promise<readonly StoredEvent[]> {
    const kept: StoredEvent[] = [];
    if (this.#outbox === null) return kept;
    for (;;) {
      const { events } = await this.#outbox.read({ after: kept.at(-1)?.number ?? 0, limit: 1_000 });
      if (events.length === 0) return kept;
      kept.push(...events);
    }
  }
}

function inShort([at, state, event]: HistoryEntry): string {
  return `${event} → ${state} at ${at}`;
}
