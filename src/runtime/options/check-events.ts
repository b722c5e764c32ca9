/**
 * The check of the option `events`.
 *
 * @module
 */
import { check, checkValue, isObject, wrong, type Rule } from "../../checks.ts";
import { spanOf } from "./time-in-words.ts";

/** The option `events`: how long events are kept; `false`: none are written. */
export type EventsOption = false | { readonly keep: string };

const hour = 3_600_000;

/** How long events may be kept. */
export const aTime: Rule = {
  must: 'a time from 1 hour to 400 days, such as "36h" or "7d"',
  holds(keep) {
    const ms = typeof keep === "string" ? spanOf(keep) : undefined;
    return ms !== undefined && ms >= hour && ms <= 9_600 * hour;
  },
};

/**
 * How long events are kept, ms; `null`: none are to be written; `undefined`: as recorded.
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function checkEvents(verb: string, events: EventsOption | undefined): number | null | undefined {
  if (events === undefined) return undefined;
  if (events === false) return null;
  if (!isObject(events)) throw wrong(verb, "events", 'false or an object such as { keep: "7d" }', events);
  const { keep } = check<Exclude<EventsOption, false>>(verb, events, { keep: aTime }, "events");
  return spanOf(checkValue(verb, "events.keep", keep, aTime) ?? "");
}
