/**
 * Counts and digests what a store holds, and reports how far that is.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import type { StoredEvent } from "../../store/contract.ts";
import type { KeptRows, MovableStore } from "../../store/movable.ts";
import { sumOf } from "../user/index-key.ts";
import type { Contents } from "./contents.ts";
import type { MoveOptions, MoveProgress } from "./move-options.ts";
import { eventsText } from "./row-text.ts";

/** The options that are needed to report. */
export type Watching = Pick<MoveOptions, "onProgress" | "signal">;

/** Counts rows, each once, and events. */
export class Tally {
  readonly #phase: MoveProgress["phase"];
  readonly #of: number;
  readonly #watching: Watching;
  readonly #seen = new Set<string>();
  users = 0;
  formerIds = 0;
  events = 0;

  static async of(phase: MoveProgress["phase"], store: MovableStore, watching: Watching): Promise<Tally> {
    return new Tally(phase, sumOf(await store.counts()), watching);
  }

  private constructor(phase: MoveProgress["phase"], of: number, watching: Watching) {
    this.#phase = phase;
    this.#of = of;
    this.#watching = watching;
  }

  /** Counts a page, and returns the rows of it that were not counted before. @throws the signal's reason */
  rows(rows: KeptRows): KeptRows {
    const fresh = rows.filter(([id]) => !this.#seen.has(id));
    for (const [id, row] of fresh) {
      this.#seen.add(id);
      if ("renamedTo" in row) this.formerIds++;
      else this.users++;
    }
    this.#report();
    return fresh;
  }

  /** Counts a page. @throws the signal's reason */
  countEvents(events: readonly StoredEvent[]): void {
    this.events += events.length;
    this.#report();
  }

  #report(): void {
    const { users, events } = this;
    this.#watching.onProgress?.({ phase: this.#phase, users, of: this.#of, events });
    this.#watching.signal?.throwIfAborted();
  }
}

/** A digest of rows and events in any order. */
class Digest {
  readonly #sum = new Uint8Array(32);
  readonly #hashOf: (text: string) => Uint8Array;

  constructor(hashOf: (text: string) => Uint8Array) {
    this.#hashOf = hashOf;
  }

  add(text: string): void {
    const hash = this.#hashOf(text);
    for (const [n, byte] of hash.entries()) this.#sum[n] = (this.#sum[n] ?? 0) ^ byte;
  }

  text(): string {
    return Buffer.from(this.#sum).toString("hex");
  }
}

/** What a store holds: users and events by their content, without times, the same in every store that they move to. */
export class ContentDigest extends Digest {
  readonly #contents: Contents;

  constructor(contents: Contents) {
    super((text) => createHmac("sha256", contents.digestKey).update(text).digest());
    this.#contents = contents;
  }

  addRows(rows: KeptRows): void {
    for (const [id, kept] of rows) {
      const row = this.#contents.opened(id, kept);
      const { renamedTo, revision, state, lane, value } = {
        renamedTo: null,
        revision: 0,
        state: "",
        lane: null,
        value: null,
        ...row,
      };
      this.add(JSON.stringify([id, renamedTo, revision, state, lane, value]));
    }
  }

  addEvents(events: readonly StoredEvent[]): void {
    for (const event of events) {
      const { number, key, value } = this.#contents.openedEvent(event);
      this.add(JSON.stringify([number, key, value]));
    }
  }
}

/** What a store holds, as it holds it: with times, leases and seals. */
export class HeldDigest extends Digest {
  constructor() {
    super((text) => createHash("sha256").update(text).digest());
  }

  addRows(texts: Iterable<readonly [id: string, text: string]>): void {
    for (const [id, text] of texts) this.add(`${JSON.stringify(id)} ${text}`);
  }

  addEvents(events: readonly StoredEvent[]): void {
    for (const event of events) this.add(eventsText({ events: [event], trimmed: 0, last: 0 }));
  }
}
