/**
 * Options and output that the commands that act have in common.
 *
 * @module
 */
import type { LifecycleOptions, RefreshPolicy, UserState, WorkSummary } from "../index.ts";
import { wholeIn } from "./arguments.ts";
import { option, type Given, type Options } from "./command.ts";
import { number } from "./format.ts";

/** The option of commands that may refresh the tokens of all users. */
export const refreshOption: Options = {
  refresh: option("POLICY", "keepAlive, eager or lazy, as set in your processes (default: keepAlive)"),
};

/** The options of commands that work for all users. */
export const workerOptions: Options = {
  concurrency: option("N", "users at once (default: 32)"),
  ...refreshOption,
};

/** How many users at once, if given. */
export function concurrencyOf(given: Given): number | undefined {
  return wholeIn(given, "concurrency", 1, 1_024);
}

/** The refresh policy, if given; the lifecycle validates it. */
export function policyOf({ texts }: Given): Partial<LifecycleOptions> {
  const policy = texts.get("refresh");
  return policy === undefined ? {} : { refresh: { policy: policy as RefreshPolicy } };
}

/** What was done: `12 processed; now: tokenActive 10, created 2`. */
export function summaryLine({ taken, rested }: WorkSummary): string {
  const states = (Object.entries(rested) as [UserState, number][]).map(
    ([state, count]) => `${state} ${number(count)}`,
  );
  const rest = states.length === 0 ? "" : `; now: ${states.join(", ")}`;
  return `${number(taken)} processed${rest}`;
}
