/** What a long import is about, and what its parts see of each other. */
import type { Store } from "oneup-lifecycle";
import type { Handler } from "../../src/sandbox/handler.ts";
import type { ImportJudge } from "./import-judge.ts";
import { hour, type Time } from "./time.ts";

/** What is to be imported, and what happens meanwhile. */
export interface ImportPlan {
  readonly users: number;
  /** So many of them are known at 1upHealth already, of 1. */
  readonly existing: number;
  readonly processes: number;
  /** A process dies this often, ms. */
  readonly killEveryMs: number;
  /** A person signs up this often, on average, ms. */
  readonly guestEveryMs: number;
  readonly seed: number;
  /** Called when another hundredth has arrived. */
  readonly onProgress?: (arrived: number, days: number) => void;
}

/** The account's limit, with no slots reserved for people. */
export const limit = { calls: 300, windowMs: hour, lanes: { reserved: 0 } } as const;

/** The id of a user of the list. */
export function idOf(number: number): string {
  return `user-${String(number).padStart(7, "0")}`;
}

/** What the parts of an import see of each other. */
export interface ImportStage {
  readonly plan: ImportPlan;
  readonly time: Time;
  /** 1upHealth. */
  readonly handler: Handler;
  readonly store: Store;
  readonly judge: ImportJudge;
}
