/**
 * After a create: finds what an answer that was lost would have told, and waits until the resource can be read.
 *
 * @module
 */
import { sleep, type Clock } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { isObject, type JsonObject } from "../http/json.ts";
import { checkNumber, kindOf, own, shown, wrong, type Sendable } from "./checks.ts";
import type { CreateOptions, FindBy } from "./fhir-client.ts";
import type { SearchParams } from "./query.ts";

/** Reads and searches, as the client does it. */
export interface Eyes {
  readonly clock: Clock;
  read(resourceType: string, id: string, signal: AbortSignal | undefined): Promise<JsonObject>;
  search(
    resourceType: string,
    params: SearchParams,
    signal: AbortSignal | undefined,
  ): Promise<readonly JsonObject[]>;
}

/** When to look for a resource, ms after the last look: 5 s in all, several times 1upHealth's delay. */
const looksMs = [250, 500, 1_000, 1_500, 1_750];

/**
 * The resource whose creation is in doubt.
 *
 * @throws {LifecycleError} `doubt` itself, or one that says more: `facts.found` is how many there are
 */
export async function findCreated(
  { clock, search }: Eyes,
  resourceType: string,
  findBy: FindBy,
  doubt: LifecycleError,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  let trouble: unknown;
  for (const ms of looksMs) {
    await sleep(clock, ms, signal);
    let found: readonly JsonObject[] = [];
    trouble = undefined;
    try {
      found = await search(resourceType, { ...paramsOf(findBy), _count: 2 }, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!isLifecycleError(error)) throw error;
      trouble = error;
      if (!error.retryable) break;
    }
    // A server that does not know the parameter may answer as if it were not there, with whatever it has.
    if (!found.every((one) => carries(one, findBy)))
      throw more(doubt, "1upHealth does not search by that", undefined);
    if (found.length > 1) throw more(doubt, `there is more than one ${resourceType} with that`, found.length);
    if (found[0] !== undefined) return found[0];
  }
  if (trouble !== undefined) throw more(doubt, "looking for it failed, too", undefined, trouble);
  throw more(doubt, "it was looked for and not found", 0);
}

function more(
  doubt: LifecycleError,
  what: string,
  found: number | undefined,
  cause: unknown = doubt.cause,
): LifecycleError {
  const { status, facts } = doubt;
  return new LifecycleError("IN_DOUBT", `${doubt.message}; ${what}`, {
    status,
    facts: found === undefined ? facts : { ...facts, found },
    ...(cause !== undefined && { cause }),
  });
}

const readWaitMs = { first: 50, longest: 1_000, all: 10_000 };

/**
 * The resource, as soon as it can be read.
 *
 * @throws {LifecycleError} `UNAVAILABLE` with `facts.id`, when the time is over
 */
export async function waitUntilReadable(
  { clock, read }: Eyes,
  resourceType: string,
  id: string,
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  const until = clock.monotonic() + withinMs;
  for (let wait = readWaitMs.first; ; wait = Math.min(2 * wait, readWaitMs.longest)) {
    try {
      return await read(resourceType, id, signal);
    } catch (error) {
      signal?.throwIfAborted();
      const passes = isLifecycleError(error) && (error.retryable || error.status === 404);
      const waitMs = Math.max(wait, (isLifecycleError(error) && error.retryAfterMs) || 0);
      if (!passes || clock.monotonic() + waitMs > until)
        throw new LifecycleError(
          "UNAVAILABLE",
          `Cannot read the ${resourceType} that was created: it must be shown within ${withinMs} ms; its id stands in facts.id, so do not create it again`,
          { cause: error, facts: { id } },
        );
      await sleep(clock, waitMs, signal);
    }
  }
}

/**
 * How long to wait until it can be read; `null` = not at all.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function readableWithin(task: string, untilReadable: CreateOptions["untilReadable"]): number | null {
  if (untilReadable === undefined || untilReadable === false) return null;
  if (untilReadable === true) return readWaitMs.all;
  if (!isObject(untilReadable))
    throw wrong(task, "untilReadable must be a boolean or { withinMs }", kindOf(untilReadable));
  return checkNumber(task, "untilReadable.withinMs", untilReadable.withinMs, 100, 600_000) ?? readWaitMs.all;
}

/**
 * A resource is found again by what it carries itself, or not at all.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function checkFindBy(
  task: string,
  findBy: FindBy | undefined,
  resource: Sendable,
): FindBy | undefined {
  if (findBy === undefined) return undefined;
  const [[name, value] = ["", undefined], ...others] = Object.entries(isObject(findBy) ? findBy : {});
  if (others.length > 0 || (name !== "identifier" && name !== "tag"))
    throw wrong(
      task,
      "findBy must be { identifier } or { tag }",
      isObject(findBy) ? "others" : kindOf(findBy),
    );
  if (typeof value !== "string" || !/^[^|]*\|[^|]+$/.test(value))
    throw wrong(
      task,
      `findBy.${name} must be "system|value"`,
      typeof value === "string" ? "another text" : shown(value),
    );
  if (!carries(resource, findBy))
    throw wrong(task, `findBy.${name} must be one that the resource carries`, "another");
  return findBy;
}

/** What to search for. */
export function paramsOf(findBy: FindBy): SearchParams {
  return "tag" in findBy ? { _tag: findBy.tag } : { identifier: findBy.identifier };
}

/** Is this identifier, or this tag, one of the resource's own? */
function carries(resource: Sendable, findBy: FindBy): boolean {
  const isTag = "tag" in findBy;
  const [system = "", code = ""] = (isTag ? findBy.tag : findBy.identifier).split("|");
  const holder = isTag ? own(resource, "meta") : resource;
  const carried = isObject(holder) ? [own(holder, isTag ? "tag" : "identifier")].flat() : [];
  return carried.some(
    (one: unknown) =>
      isObject(one) && one[isTag ? "code" : "value"] === code && (one["system"] ?? "") === system,
  );
}
