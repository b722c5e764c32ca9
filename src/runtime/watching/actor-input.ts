/**
 * The input of the actors of a lifecycle.
 *
 * @module
 */
import type { OnboardOptions } from "../options/call-options.ts";
import { aLane, checkId, checkValue, isObject, oneOf, only, wrong } from "../options/checks.ts";

/** Input of `lifecycle.watcher`. */
export interface WatcherInput {
  /** Your own id for the user. */
  readonly appUserId: string;
}

/** Input of `lifecycle.actor`. */
export interface ActorInput extends WatcherInput, Pick<OnboardOptions, "expect" | "lane"> {}

/** @throws {LifecycleError} `INVALID_ID`, `INVALID_OPTION` */
export function checkActorInput(input: unknown): ActorInput {
  const verb = "invoke an actor";
  if (!isObject(input)) throw wrong(verb, "input", "{ appUserId }", input);
  const names = { appUserId: true, expect: true, lane: true } as const;
  const { appUserId, expect, lane } = only<ActorInput>(verb, "input", input as ActorInput, names); // checked below
  if (lane !== undefined) checkValue(verb, "lane", lane, aLane);
  if (expect !== undefined) oneOf(verb, "expect", expect, ["new", "existing"]);
  return { appUserId: checkId(appUserId ?? ""), ...(expect && { expect }), ...(lane && { lane }) };
}
