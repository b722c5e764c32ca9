/** The people that the application brings in, and what it does with each. */
import type { Lane } from "oneup-lifecycle";

/** A user, with what the application wants of it. */
export interface Person {
  readonly id: string;
  /** Is to have another id. */
  readonly newId: string | null;
  readonly lane: Lane;
  /** Is at 1upHealth already, and the application knows it or does not. */
  readonly exists: "no" | "known" | "unknown";
  /** Gets a fresh grant once it is in. */
  readonly reauthorizes: boolean;
}

const lanes: readonly Lane[] = ["interactive", "recovery", "bulk"];

/** So many people, always the same. */
export function people(size: number): readonly Person[] {
  return Array.from({ length: size }, (_, n) => ({
    id: `person.${n}@example.org`,
    newId: n % 10 === 3 ? `renamed.${n}@example.org` : null,
    lane: lanes[n % 3] ?? "bulk",
    exists: n % 10 === 5 ? "known" : n % 20 === 7 ? "unknown" : "no",
    reauthorizes: n % 10 === 6,
  }));
}

/** Management calls that a person costs when nothing goes wrong; what it is asked for more than once is counted there. */
export function baseOf({ exists }: Person): number {
  return exists === "unknown" ? 2 : 1;
}

/** What a process says before it asks for something that costs a management call, each time. */
export function wordsOf(what: "rename" | "reauthorize", { id }: Person): string {
  return `asks ${what} ${id}`;
}

/** What a process says when it stood still for so long that calls may have timed out. */
export const standsStill = "stood still for";

/** Short times, so that much happens in a few seconds. */
export const times = { timeoutMs: 1_500, graceMs: 1_000, leaseMs: 3_000 } as const;
