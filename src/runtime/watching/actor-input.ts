/**
 * The input of the actors of a lifecycle.
 *
 * @module
 */
import type { OnboardOptions } from "../options/call-options.ts";
import { checkId } from "../options/check-id.ts";
import { among, anything, check, isObject, wrong, type Rules } from "../../checks.ts";
import { aLane } from "../operations/call-checks.ts";

/** Input of `lifecycle.watcher`. */
export interface WatcherInput {
  /** Your own id for the user. */
  readonly appUserId: string;
}

/** Input of `lifecycle.actor`. */
export interface ActorInput extends WatcherInput, Pick<OnboardOptions, "expect" | "lane"> {}

const rules: Rules<ActorInput> = { appUserId: anything, expect: among("new", "existing"), lane: aLane };

/** @throws {LifecycleError} `INVALID_ID`, `INVALID_OPTION` */
export function checkActorInput(input: unknown): ActorInput {
  const verb = "invoke an actor";
  if (!isObject(input)) throw wrong(verb, "input", "{ appUserId }", input);
  const { appUserId = "", ...options } = check<Partial<ActorInput>>(verb, input, rules, "input");
  return { ...options, appUserId: checkId(appUserId) };
}
