/**
 * Recovers a create whose response was lost: searches for the resource by one of its own identifiers or tags.
 *
 * @module
 */
import { withSignals } from "../abort.ts";
import { sleep, type Clock } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { invalid, isObject, kindOf, type Rule } from "../checks.ts";
import type { JsonObject } from "../http/json.ts";
import { isResourceId, own, type Sendable } from "./checks.ts";
import type { SearchParams } from "./query.ts";

/** How to find a created resource again if the response to its creation was lost. */
export type FindBy =
  /**
   * One of its own identifiers, `"system|value"`, or `"|value"` if it has no system, that no other resource of its type has.
   * It contains no further `|`, no comma, `$` or `\`, as for `ensure()`.
   */
  | { readonly identifier: string }
  /** One of its own tags, `"system|code"`, likewise. 1upHealth has been seen to replace `meta`, including its tags. */
  | { readonly tag: string };

/** Searches for resources with the client. */
export type Find = (
  resourceType: string,
  params: SearchParams,
  signal: AbortSignal | undefined,
) => Promise<readonly JsonObject[]>;

/** The waits between searches, ms: 5 s in all, several times 1upHealth's delay. */
const looksMs = [250, 500, 1_000, 1_500, 1_750];
/** If the server asks for longer waits, ms, the search ends. */
const mostMs = 10_000;

/** How to search for a resource, and until when. */
export interface Recovery {
  readonly clock: Clock;
  readonly find: Find;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** Aborts when the client's owner closes. */
  readonly ending: AbortSignal;
}

/**
 * Finds the resource whose creation is in doubt.
 *
 * @throws {LifecycleError} `IN_DOUBT` with the message of `doubt` and the result of the search, also if it ends because
 * the client's owner closes; `facts.found` is the number of matches
 * @throws the reason of the caller's signal
 */
export async function recoverCreate(
  { clock, find, signal: callers, ending }: Recovery,
  resourceType: string,
  findBy: FindBy,
  doubt: LifecycleError,
): Promise<JsonObject> {
  try {
    return await withSignals(callers, ending, (signal) =>
      search({ clock, find, signal }, resourceType, findBy, doubt),
    );
  } catch (error) {
    if (!isEnded(callers, ending) || isLifecycleError(error, "IN_DOUBT")) throw error;
    // No other process searches for it, so the doubt must reach the caller.
    throw more(doubt, "the client was closed before a search found it", undefined);
  }
}

/** Whether the client's owner has closed, and the caller still waits. */
export function isEnded(callers: AbortSignal | undefined, ending: AbortSignal): boolean {
  return ending.aborted && callers?.aborted !== true;
}

async function search(
  { clock, find, signal }: Pick<Recovery, "clock" | "find" | "signal">,
  resourceType: string,
  findBy: FindBy,
  doubt: LifecycleError,
): Promise<JsonObject> {
  let trouble: LifecycleError | undefined;
  let waitedMs = 0;
  for (const ms of looksMs) {
    const waitMs = Math.max(ms, trouble?.retryAfterMs ?? 0);
    if ((waitedMs += waitMs) > mostMs) break;
    await sleep(clock, waitMs, signal);
    let found: readonly JsonObject[] = [];
    trouble = undefined;
    try {
      found = await find(resourceType, { ...paramsOf(findBy), _count: 2 }, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isLifecycleError(error)) throw error;
      trouble = error;
      if (!error.retryable) break;
    }
    // A server that does not know the parameter may ignore it and return any resources.
    if (!found.every((one) => carries(one, findBy) && isResourceId(one["id"])))
      throw more(doubt, "1upHealth does not search by that", undefined);
    if (found.length > 1) throw more(doubt, `there is more than one ${resourceType} with that`, found.length);
    if (found[0] !== undefined) return found[0];
  }
  if (trouble !== undefined) throw more(doubt, "searching for it failed too", undefined, trouble);
  throw more(doubt, "a search did not find it", 0);
}

function more(
  doubt: LifecycleError,
  what: string,
  found: number | undefined,
  trouble?: LifecycleError,
): LifecycleError {
  const { status, facts } = doubt;
  const cause = trouble ?? doubt.cause;
  return new LifecycleError("IN_DOUBT", `${doubt.message}; ${what}`, {
    status,
    retryAfterMs: trouble?.retryAfterMs,
    facts: found === undefined ? facts : { ...facts, found },
    ...(cause !== undefined && { cause }),
  });
}

/**
 * Checks that the resource carries the identifier or tag, since it could not be found by it otherwise.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function checkFindBy(
  task: string,
  findBy: FindBy | undefined,
  resource: Sendable,
): FindBy | undefined {
  return findBy === undefined ? undefined : checkKey(task, "findBy", findBy, resource, ofFindBy);
}

/**
 * The identifier or tag that a resource is found by. Characters that a search would have to escape are refused: 1upHealth
 * documents no escaping, and a search with a comma means one or the other.
 */
export const aKey: Rule = {
  must: '"system|value" or "|value", without a further |, a comma, $ or \\, and without spaces at the ends of the value',
  holds: (value) => typeof value === "string" && /^[^|,$\\]*\|(?!\s)[^|,$\\]+(?<!\s)$/.test(value),
};
const ofFindBy = { identifier: aKey, tag: aKey };

/** The one key of a resource that an option holds, by one of the rules. @throws {LifecycleError} `INVALID_OPTION` */
export function checkKey(
  task: string,
  option: string,
  given: unknown,
  resource: Sendable,
  rules: Readonly<Record<string, Rule>>,
): FindBy {
  const [[name, value] = ["", undefined], ...others] = Object.entries(isObject(given) ? given : {});
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined;
  if (rule === undefined || others.length > 0) {
    const forms = Object.keys(rules).map((one) => `{ ${one} }`);
    throw invalid(
      task,
      `${option} must be ${forms.join(" or ")}`,
      isObject(given) ? "others" : kindOf(given),
    );
  }
  const got = typeof value === "string" ? "another text" : kindOf(value);
  if (!rule.holds(value)) throw invalid(task, `${option}.${name} must be ${rule.must}`, got);
  const key = { [name]: value } as unknown as FindBy; // as was checked
  if (carries(resource, key)) return key;
  throw invalid(task, `${option}.${name} must be one that the resource carries`, "another");
}

/** The search parameters. */
export function paramsOf(findBy: FindBy): SearchParams {
  return "tag" in findBy ? { _tag: findBy.tag } : { identifier: findBy.identifier };
}

/** Whether the resource carries this identifier or tag. */
export function carries(resource: Sendable, findBy: FindBy): boolean {
  const isTag = "tag" in findBy;
  const [system = "", code = ""] = (isTag ? findBy.tag : findBy.identifier).split("|");
  const holder = isTag ? own(resource, "meta") : resource;
  const carried = isObject(holder) ? [own(holder, isTag ? "tag" : "identifier")].flat() : [];
  return carried.some(
    (one: unknown) =>
      isObject(one) && one[isTag ? "code" : "value"] === code && (one["system"] ?? "") === system,
  );
}
