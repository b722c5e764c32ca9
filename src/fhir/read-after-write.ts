/**
 * Waits until a created resource can be read: 1upHealth shows it "after a short delay (<1 second)" (user management
 * guide, Create a FHIR Resource).
 *
 * @module
 */
import { sleep, type Clock } from "../clock.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import { check, isObject, whole, wrong } from "../checks.ts";
import type { JsonObject } from "../http/json.ts";
import type { CreateOptions } from "./fhir-call-options.ts";

const ofReadable = { withinMs: whole(100, 600_000) };
const readWaitMs = { first: 50, longest: 1_000, all: 10_000 };

/**
 * The resource, as soon as it can be read.
 *
 * @throws {LifecycleError} `UNAVAILABLE` with `facts.id`, when the time is up
 */
export async function waitUntilReadable(
  clock: Clock,
  read: (signal: AbortSignal | undefined) => Promise<JsonObject>,
  { resourceType, id }: { readonly resourceType: string; readonly id: string },
  withinMs: number,
  signal: AbortSignal | undefined,
): Promise<JsonObject> {
  const until = clock.monotonic() + withinMs;
  for (let wait = readWaitMs.first; ; wait = Math.min(2 * wait, readWaitMs.longest)) {
    try {
      return await read(signal);
    } catch (error) {
      signal?.throwIfAborted();
      const passes = isLifecycleError(error) && (error.retryable || error.status === 404);
      const waitMs = Math.max(wait, (isLifecycleError(error) && error.retryAfterMs) || 0);
      if (!passes || clock.monotonic() + waitMs > until)
        throw new LifecycleError(
          "UNAVAILABLE",
          `Cannot read the ${resourceType} that was created: it did not become readable within ${withinMs} ms; its id is in facts.id, so do not create it again`,
          { cause: error, facts: { id } },
        );
      await sleep(clock, waitMs, signal);
    }
  }
}

/**
 * How long to wait until it can be read; `null`: do not wait.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function readableWithin(task: string, untilReadable: CreateOptions["untilReadable"]): number | null {
  if (untilReadable === undefined || untilReadable === false) return null;
  if (untilReadable === true) return readWaitMs.all;
  if (!isObject(untilReadable))
    throw wrong(task, "untilReadable", "a boolean or { withinMs }", untilReadable);
  const { withinMs = readWaitMs.all } = check(task, untilReadable, ofReadable, "untilReadable");
  return withinMs;
}
