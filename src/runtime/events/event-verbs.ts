/**
 * `events()`.
 *
 * @module
 */
import { aSignal, aSwitch, check, checkValue, type Rule, type Rules } from "../../checks.ts";
import type { Engine } from "../engine/engine.ts";
import { isCursor, placeAt } from "./cursor.ts";
import { followEvents } from "./follow-events.ts";
import { lifecycleEventTypes, type LifecycleEvent, type LifecycleEventType } from "./lifecycle-event.ts";

/** Options of {@link EventVerbs.events}. */
export interface EventOptions {
  /** The `cursor` of the last event that was handled. @default the events that are still kept, from the oldest on */
  readonly after?: string | undefined;
  /** Only events of these types. @default all types */
  readonly types?: readonly LifecycleEventType[] | undefined;
  /** `false`: ends behind the last event that is there. @default true: waits for others */
  readonly follow?: boolean | undefined;
  /** Ends the sequence. */
  readonly signal?: AbortSignal | undefined;
}

/** The methods for events. */
export interface EventVerbs {
  /**
   * The steps of all users in all processes, one by one: first those that are kept, then each new one, at once if this
   * process took it and about a second later if another did. Each is delivered at least once, and those of one user
   * in their order. Keep the `cursor` of the last event that you handled, in the same transaction as its effect if you
   * can, and pass it as `after` to continue. Needs the option `events`; see docs/events.md.
   *
   * The sequence ends when you leave the loop, `signal` aborts or the lifecycle closes. Makes no call, and waits while
   * the store is unavailable.
   *
   * @throws {LifecycleError} `CURSOR_EXPIRED` if events behind `after` are missing; `STORE_MOVED` behind the last event of
   * a store that was left; `INVALID_OPTION`, also while events
   * are off; `STORE_UNUSABLE`; `RECORD_TOO_NEW`, `KEY_REFUSED` of the account; `CLOSED` if the lifecycle was closed before the call
   * @example
   * ```ts
   * import { createTestLifecycle } from "oneup-lifecycle/testing";
   *
   * const { lifecycle } = await createTestLifecycle({ lifecycle: { events: { keep: "7d" } } });
   * await lifecycle.onboard("ada");
   * for await (const { appUserId, type, to } of lifecycle.events({ types: ["TOKEN_GRANTED"] })) {
   *   console.log(appUserId, type, to); // ada TOKEN_GRANTED tokenActive
   *   break;
   * }
   * ```
   */
  events(options?: EventOptions): AsyncGenerator<LifecycleEvent, void, undefined>;
}

/** The methods for events, on an engine. `assertOpen` throws if the lifecycle is closed. */
export function createEventVerbs(engine: Engine, assertOpen: () => void): EventVerbs {
  return {
    events(options) {
      assertOpen();
      const { after, types, follow = true, signal } = check<EventOptions>(verb, options, rules);
      for (const type of types ?? []) checkValue(verb, "a type", type, aType);
      return followEvents(engine, {
        after: after === undefined ? null : placeAt(engine.sealer, after),
        types: types === undefined ? null : new Set(types),
        follow,
        signal,
      });
    },
  };
}

const verb = "read events";

const aType: Rule = {
  must: `one of ${lifecycleEventTypes.join(", ")}`,
  holds: (value) => lifecycleEventTypes.some((type) => type === value),
};

const rules: Rules<EventOptions> = {
  after: { must: "the cursor of an event", holds: isCursor },
  types: { must: "a list of types", holds: (value) => Array.isArray(value) && value.length > 0 },
  follow: aSwitch,
  signal: aSignal,
};
