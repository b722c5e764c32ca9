/** What happened, for people to read: one line a happening, in the order in which they did. */
import { beginning } from "./time.ts";
import type { Time } from "./time.ts";

/** Collects lines, if a trace was requested. */
export class Trace {
  readonly lines: string[] = [];
  readonly #time: Time;
  readonly #wanted: boolean;

  constructor(time: Time, wanted: boolean) {
    this.#time = time;
    this.#wanted = wanted;
  }

  /** `who`: a process, or another actor of the story. */
  note(who: string, what: string): void {
    if (!this.#wanted) return;
    const at = new Date(this.#time.now - beginning).toISOString().slice(11, 23);
    this.lines.push(`${at} ${who.padEnd(6)} ${what.trimEnd()}`);
  }
}
