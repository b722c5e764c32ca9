/**
 * `fhir.ensure()`: creates a resource unless it exists, once, however many processes try at the same time and wherever
 * one of them dies.
 *
 * The process that creates has the resource's lease ({@link takeLease}), and searches with the lease in hand: a search
 * from before may be older than the create of another process. It ends the lease once it is certain that nothing was
 * created. Once a resource was created, the lease counts for as long as any search may miss it: one search that shows it
 * proves nothing about the next, which another replica may answer. Meanwhile others only search. In every other case the
 * lease goes on, as if the process had died, until the create can no longer arrive. So there is one way out of a doubt, for
 * every process.
 *
 * @module
 */
import { withSignals } from "../../abort.ts";
import { anything, aSignal, between, check, type Rules } from "../../checks.ts";
import { sleep } from "../../clock.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import { serialise } from "../../fhir/calls.ts";
import { checkResource, isResourceId, type Sendable } from "../../fhir/checks.ts";
import { refuseUndeclared } from "../../fhir/execute.ts";
import type { CreateOptions, FhirReadOptions, PageOptions } from "../../fhir/fhir-call-options.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import { parseFhirJson } from "../../fhir/lossless-json.ts";
import type { AnyPage } from "../../fhir/pages/fhir-page.ts";
import { refuseUnproven } from "../../fhir/pages/refuse-unproven.ts";
import { searching } from "../../fhir/operation.ts";
import type { SearchParams } from "../../fhir/query.ts";
import { ofCall } from "../../fhir/repeat.ts";
import { aKey, carries, checkKey } from "../../fhir/recover-create.ts";
import type { EnsureOptions } from "../../fhir/user-fhir-client.ts";
import { endSlot, type SlotFate } from "../../guard/guard.ts";
import type { JsonObject } from "../../http/json.ts";
import { leaseName, longestLeaseMs, takeLease, unseenMs, type CreateLease } from "../account/create-lease.ts";
import type { Engine } from "../engine/engine.ts";
import { loadUser } from "../engine/load-user.ts";

/** The methods of a FHIR client that are used here, without their types. */
export interface EnsureVerbs {
  search(resourceType: string, params: SearchParams, options: PageOptions): Promise<Page>;
  create(resource: object, options: CreateOptions): Promise<JsonObject>;
}

interface Page extends Pick<AnyPage, "bundle" | "issues" | "resources" | "total"> {
  next(options: PageOptions): Promise<Page | null>;
}

/** What `ensure()` needs. */
export interface EnsureParts {
  readonly engine: Engine;
  readonly id: string;
  readonly version: FhirVersion;
  /** A client of the user, none of whose calls leaves once `isOver()`. */
  readonly verbs: (isOver?: () => boolean) => EnsureVerbs;
}

const rules: Rules<EnsureOptions> = { by: anything, signal: aSignal, waitMs: between(0) };

/** What becomes of a lease under which nothing was created. */
// seam: a-lease-without-a-create-ends
const free = "givenBack" satisfies SlotFate;

/** The most resources that an error lists. */
const mostListed = 10;
/** The first pause between two searches, and the longest, ms. */
const firstPauseMs = 100;
const longestPauseMs = 1_000;

/** See `UserFhirClient.ensure`. */
export async function ensure(
  { engine, id, version, verbs }: EnsureParts,
  given: object,
  options: EnsureOptions,
): Promise<JsonObject> {
  const sent = serialise("ensure the resource", checkResource("ensure the resource", given));
  const resource = asSent(sent);
  const resourceType = String(resource["resourceType"]); // a name, as was checked
  const words = `ensure the ${resourceType}`;
  const longestMs = longestLeaseMs(engine) + 30_000;
  const { by, signal: callers, waitMs = longestMs } = check(words, options, rules);
  const identifier = checkBy(words, by, resource);
  refuseUnfound(version, resource);
  const { clock, store } = engine;
  /**
   * The name of the lease, once a search was answered: while its user is being created the number is not known, and to
   * another process it may be a moment later. A rename changes the id only.
   */
  async function nameOfLease(): Promise<string> {
    const { oneupUserId } = (await loadUser(engine, id)).user.position.context;
    return leaseName(String(oneupUserId ?? id), version, resourceType, identifier);
  }

  async function find(
    signal: AbortSignal,
    how: FhirReadOptions = { retries: 0 },
  ): Promise<JsonObject | null> {
    const pages: Page[] = [];
    const found: JsonObject[] = [];
    let page: Page | null = await verbs().search(
      resourceType,
      { identifier, _count: mostListed },
      { ...how, signal },
    );
    for (; page !== null && found.length < mostListed; page = await page.next({ signal })) {
      pages.push(page);
      found.push(...page.resources);
    }
    if (found.length === 0) refuseUnproven(words, pages);
    // A server that does not know the parameter may ignore it and return any resources.
    if (!found.every((one) => carries(one, { identifier })))
      throw new LifecycleError("BAD_ANSWER", `Cannot ${words}: 1upHealth found others by that identifier`);
    if (!found.every((one) => isResourceId(one["id"])))
      throw new LifecycleError("BAD_ANSWER", `Cannot ${words}: 1upHealth found one without an id`, {
        retryable: true,
      });
    // Pages may overlap where something was created meanwhile.
    const each = [...new Map(found.map((one) => [one["id"], one])).values()];
    if (each.length > 1) throw ambiguous(words, resourceType, each);
    return each[0] ?? null;
  }

  /** The resource, once a search shows it; `null`: none does in time. */
  async function findCreated(signal: AbortSignal): Promise<JsonObject | null> {
    const until = clock.monotonic() + unseenMs;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        const found = await find(signal);
        if (found !== null) return found;
      } catch (error) {
        signal.throwIfAborted();
        if (!isLifecycleError(error) || error.code === "FHIR_AMBIGUOUS") throw error;
        if (!error.retryable) return null;
      }
      if (clock.monotonic() + pauseMs > until) return null;
      await sleep(clock, pauseMs, signal);
    }
  }

  /** The resource; an error: it may have been created, or it was too late to create it. */
  async function findOrCreate(
    { slot, isOver }: Extract<CreateLease, { type: "taken" }>,
    signal: AbortSignal,
  ): Promise<JsonObject | LifecycleError> {
    let fate: SlotFate = free;
    try {
      // seam: an-ensure-searches-with-its-lease-in-hand
      const found = await find(signal);
      if (found !== null) return found;
      // seam: a-create-in-doubt-keeps-its-lease
      fate = "counts";
      const created = await verbs(isOver).create(resource, { signal });
      if (!carries(created, { identifier })) return unlike(words, created["id"]);
      // seam: a-created-resource-keeps-its-lease
      fate = "settled";
      // seam: a-created-resource-is-seen-before-its-lease-ends
      const seen = await findCreated(signal);
      return seen ?? created;
    } catch (error) {
      if (fate === "counts" && !signal.aborted) fate = fateAfter(error);
      const isLate = isLifecycleError(error, "UNAVAILABLE") && isOver();
      if (isLate || isLifecycleError(error, "IN_DOUBT")) return error;
      throw error;
    } finally {
      await endSlot(store.slots, slot, fate);
    }
  }

  return withSignals(callers, engine.closing, async (signal) => {
    const until = clock.monotonic() + waitMs;
    let doubt: LifecycleError | undefined;
    /**
     * The create was answered with the id of a resource that may not be the one sent. No other is sent: where 1upHealth
     * keeps the identifier in another form, no search would show that one either.
     */
    let answered: { readonly error: LifecycleError; readonly until: number } | undefined;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      let retryInMs = pauseMs;
      try {
        // What exists needs no lease.
        const left = Math.max(0, until - clock.monotonic());
        const found = await find(signal, { waitMs: Math.min(left, ofCall.waitMs) });
        if (found !== null) return found;
        if (answered === undefined) {
          const taken = await takeLease(engine, await nameOfLease());
          if (taken.type === "taken") {
            const outcome = await findOrCreate(taken, signal);
            if (!isLifecycleError(outcome)) return outcome;
            doubt = outcome;
            const { id = outcome.facts["otherId"] } = outcome.facts;
            if (id !== undefined)
              answered = { error: unlike(words, id), until: clock.monotonic() + unseenMs };
          } else retryInMs = taken.retryInMs;
        } else if (clock.monotonic() >= answered.until) throw answered.error;
      } catch (error) {
        signal.throwIfAborted();
        if (doubt === undefined || !isLifecycleError(error) || !error.retryable) throw error;
        doubt = error;
      }
      const leftMs = Math.max(until, answered?.until ?? until) - clock.monotonic();
      if (leftMs <= 0) throw answered?.error ?? unresolved(words, resourceType, retryInMs, doubt);
      await sleep(clock, Math.min(leftMs, Math.max(pauseMs, doubt?.retryAfterMs ?? 0)), signal);
    }
  });
}

/**
 * What becomes of the lease of a create that failed. An answer that leaves it in doubt does not end it: where a gateway has
 * given up waiting, 1upHealth may carry it out later.
 */
function fateAfter(error: unknown): SlotFate {
  // seam: a-gateways-answer-ends-no-create
  if (isLifecycleError(error, "IN_DOUBT")) return "counts";
  return isLifecycleError(error) ? free : "counts"; // it was refused, or not sent
}

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkBy(words: string, by: unknown, resource: Sendable): string {
  const key = checkKey(words, "by", by, resource, { identifier: aKey });
  return "identifier" in key ? key.identifier : "";
}

/** A copy of a resource as it was serialised, with its digits. */
export function asSent(serialised: string): Sendable {
  return parseFhirJson(serialised) as Sendable; // it was one
}

/** @throws {LifecycleError} `NOT_DECLARED` if 1upHealth finds no resource of its type by identifier */
export function refuseUnfound(version: FhirVersion, resource: Sendable): void {
  refuseUndeclared(version, searching(String(resource["resourceType"]), ["identifier"]));
}

function ambiguous(words: string, resourceType: string, found: readonly JsonObject[]): LifecycleError {
  const ids = found.slice(0, mostListed).map((one) => String(one["id"]));
  const count = found.length < mostListed ? found.length : `${mostListed} or more`;
  return new LifecycleError(
    "FHIR_AMBIGUOUS",
    `Cannot ${words}: there are ${count} ${resourceType} resources with that identifier, see facts.ids`,
    { facts: { ids } },
  );
}

function unlike(words: string, id: unknown): LifecycleError {
  return new LifecycleError(
    "BAD_ANSWER",
    `Cannot ${words}: 1upHealth answered the create with the id in facts.id, and no search shows a resource with the identifier as it was sent; do not repeat ensure(), which may create another one, but compare that resource with what was sent`,
    { facts: { id } },
  );
}

function unresolved(
  words: string,
  resourceType: string,
  retryInMs: number,
  cause: LifecycleError | undefined,
): LifecycleError {
  return new LifecycleError(
    "IN_DOUBT",
    `Cannot ${words} yet: a call may be under way that creates the ${resourceType}, of this process or another one; repeat ensure(), which creates none twice`,
    { retryable: true, retryAfterMs: Math.max(1, retryInMs), ...(cause !== undefined && { cause }) },
  );
}
