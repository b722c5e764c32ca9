/**
 * The origins that a store's users belong to. Their tokens work nowhere else, and a worker that presents them elsewhere
 * gets them refused and discards them. The account's record names the origins since the first opening.
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import { invalidOption, inWords, type LifecycleError } from "../../errors.ts";
import { isLoopback } from "../../http/safety.ts";
import type { Json } from "../../store/contract.ts";
import { isObject, objectIn } from "../../store/guards.ts";
import { errorField } from "../options/logger.ts";
import type { RecordParts } from "./change-account.ts";

/** Where the calls for users and FHIR go, and those for tokens. */
export interface Origins {
  readonly api: string;
  readonly auth: string;
}

/** All loopback origins: a sandbox has another port each time. */
const local = "local";

/** The origins of two base URLs. */
export function originsOf({ api, auth }: Origins): Origins {
  const of = (url: string): string => (isLoopback(new URL(url).hostname) ? local : new URL(url).origin);
  return { api: of(api), auth: of(auth) };
}

/** The origins as a field of the account's record. */
export function originsField({ api, auth }: Origins): Readonly<Record<string, Json>> {
  return { origins: { api, auth } };
}

/** The dependencies of {@link checkOrigins}. */
export interface OriginParts extends RecordParts {
  readonly origins: Origins;
  /** Whether these origins replace the recorded ones. */
  readonly change: boolean;
}

/**
 * Compares the origins with the recorded ones, and records them if there are none, as in a store of an earlier release.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if they differ; nothing was changed then
 */
export async function checkOrigins({ record, origins, change, clock, logger }: OriginParts): Promise<void> {
  for (;;) {
    const found = await record.load();
    if (found === null) return; // the store was emptied meanwhile, which the next write notices
    const recorded = readOrigins(found.value);
    const different = (["api", "auth"] as const).find((name) => recorded?.[name] !== origins[name]);
    if (different === undefined) return;
    if (recorded !== null && !change) throw elsewhere(recorded[different], origins[different]);
    const value = { ...(isObject(found.value) ? found.value : {}), ...originsField(origins) };
    const write = { value, expectedRevision: found.revision, writeId: randomName(clock) };
    try {
      if (await record.commit(write)) return;
    } catch (error) {
      if (change) throw error;
      const message = `Cannot write the origins into the account's record: ${inWords(error)}`;
      logger.warn({ error: errorField(error) }, message); // the next process writes them
      return;
    }
  }
}

/** Warns where the origins differ from the recorded ones, for a process that makes no calls. */
export async function warnOfOtherOrigins(
  parts: Pick<OriginParts, "record" | "origins" | "logger">,
): Promise<void> {
  const { record, origins, logger } = parts;
  const recorded = readOrigins((await record.load())?.value ?? null);
  const different = (["api", "auth"] as const).find((name) => recorded?.[name] !== origins[name]);
  if (recorded === null || different === undefined) return;
  logger.warn(
    {},
    `The store's users belong to ${inFull(recorded[different])}, and calls from here would go to ${inFull(origins[different])}, so none is made; what to do: correct endpoints (ONEUP_API, ONEUP_AUTH), or changeOrigin: true moves the store there`,
  );
}

/** The origins in the account's record; `null`: none are recorded. */
export function readOrigins(value: Json): Origins | null {
  const { api, auth } = objectIn(value, "origins");
  return typeof api === "string" && typeof auth === "string" ? { api, auth } : null;
}

function elsewhere(recorded: string, given: string): LifecycleError {
  return invalidOption(
    `Cannot open the store: its users belong to ${inFull(recorded)}, and calls would go to ${inFull(given)}; correct endpoints (ONEUP_API, ONEUP_AUTH), or changeOrigin: true moves the store there; nothing was changed`,
    { facts: { recorded, given } },
  );
}

function inFull(origin: string): string {
  return origin === local ? `${local} (a loopback address)` : origin;
}
