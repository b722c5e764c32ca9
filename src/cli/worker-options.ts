/**
 * What the commands that act have in common.
 *
 * @module
 */
import type { LifecycleOptions, RefreshPolicy, UserState, WorkSummary } from "../index.ts";
import { whole } from "./amounts.ts";
import type { Given, OptionHelp } from "./arguments.ts";
import { endpointOptions, limitOptions, placeOptions } from "./place.ts";
import { number } from "./prose.ts";

/** The option of commands that may renew tokens of everybody. */
export const refreshOption: Readonly<Record<string, OptionHelp>> = {
  refresh: {
    type: "string",
    value: "POLICY",
    says: "keepAlive, eager or lazy, as your processes say it (keepAlive)",
  },
};

/** The options of commands that work for everybody. */
export const workingOptions: Readonly<Record<string, OptionHelp>> = {
  concurrency: { type: "string", value: "N", says: "users at once (32)" },
  ...refreshOption,
  ...placeOptions,
  ...limitOptions,
  ...endpointOptions,
};

/** How many users at once, if that was said. */
export function concurrencyOf({ texts }: Given): { readonly concurrency?: number } {
  const text = texts.get("concurrency");
  return text === undefined ? {} : { concurrency: whole("concurrency", text, 1, 1_024) };
}

/** The refresh policy, if it was said; the lifecycle checks it. */
export function policyOf({ texts }: Given): Partial<LifecycleOptions> {
  const policy = texts.get("refresh");
  return policy === undefined ? {} : { refresh: { policy: policy as RefreshPolicy } };
}

/** What was done: `12 taken up; came to rest: tokenActive 10, created 2`. */
export function summaryLine({ taken, rested }: WorkSummary): string {
  const states = (Object.entries(rested) as [UserState, number][]).map(
    ([state, count]) => `${state} ${number(count)}`,
  );
  const rest = states.length === 0 ? "" : `; came to rest: ${states.join(", ")}`;
  return `${number(taken)} taken up${rest}`;
}
