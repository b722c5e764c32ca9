/**
 * The origins that a store's users belong to, with the path of each base URL: a gateway may have several environments
 * under one name. Their tokens work nowhere else, and a worker that presents them elsewhere gets them refused and discards
 * them. The account's record names the origins since the first opening.
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

/** Where the calls for users and FHIR go, and those for tokens: each an origin, perhaps with a path. */
export interface Origins {
  readonly api: string;
  readonly auth: string;
}

/** All loopback origins: a sandbox has another port each time. */
const local = "local";

/** The origins of two base URLs, with their paths. */
export function originsOf({ api, auth }: Origins): Origins {
  const of = (text: string): string => {
    const { hostname, origin, pathname } = new URL(text);
    return isLoopback(hostname) ? local : `${origin}${pathname.replace(/\/+$/, "")}`;
  };
  return { api: of(api), auth: of(auth) };
}

/** The same as fields of the account's record. Earlier releases know only the first, and compare it as it is. */
export function originsField({ api, auth }: Origins): Readonly<Record<string, Json>> {
  return { origins: { api: withoutPath(api), auth: withoutPath(auth) }, bases: { api, auth } };
}

function withoutPath(base: string): string {
  return base.split("/", 3).join("/");
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
    const different = differenceTo(origins, found.value);
    if (different === null && basesIn(found.value) !== null) return;
    if (different !== null && !change) throw elsewhere(different.recorded, different.given);
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
  const different = differenceTo(origins, (await record.load())?.value ?? null);
  if (different === null) return;
  logger.warn(
    {},
    `The store's users belong to ${inFull(different.recorded)}, and calls from here would go to ${inFull(different.given)}, so none is made; what to do: correct endpoints (ONEUP_API, ONEUP_AUTH), or changeOrigin: true moves the store there`,
  );
}

/** The origins in the account's record; `null`: none are recorded. */
export function readOrigins(value: Json): Origins | null {
  return basesIn(value) ?? pairIn(value, "origins");
}

/** Those with paths; `null`: an earlier release has noted the origins alone, first or since. */
function basesIn(value: Json): Origins | null {
  const [origins, bases] = [pairIn(value, "origins"), pairIn(value, "bases")];
  const isOfThese = (["api", "auth"] as const).every(
    (name) => bases !== null && withoutPath(bases[name]) === origins?.[name],
  );
  return isOfThese ? bases : null;
}

function pairIn(value: Json, field: "origins" | "bases"): Origins | null {
  const { api, auth } = objectIn(value, field);
  return typeof api === "string" && typeof auth === "string" ? { api, auth } : null;
}

/** Where the origins differ from the recorded ones; `null`: nowhere, or none are recorded. An origin alone has any path. */
function differenceTo(origins: Origins, value: Json): { recorded: string; given: string } | null {
  const [recorded, isExact] = [readOrigins(value), basesIn(value) !== null];
  if (recorded === null) return null;
  for (const name of ["api", "auth"] as const) {
    const given = isExact ? origins[name] : withoutPath(origins[name]);
    if (given !== recorded[name]) return { recorded: recorded[name], given: origins[name] };
  }
  return null;
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
