/** What happened in a story, in order: a line for each event, for people to read, and how the story ended. */
import { beginning, type Time } from "./time.ts";

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

/** How a seed ended. */
export interface Outcome {
  readonly seed: number;
  /** Broken promises; none if all is well. */
  readonly blamed: readonly string[];
  /** Things that happened. */
  readonly steps: number;
  readonly calls: number;
  /** Of everything that reached 1upHealth: two runs of one seed have the same. */
  readonly digest: string;
  readonly trace: readonly string[];
  /** The faults that occurred: see `Kinds`. */
  readonly occurred: ReadonlySet<string>;
}
