/**
 * The methods for single resources. Arguments are checked and the call is described before credentials are requested,
 * so that an invalid call costs nothing, and a resource that changes meanwhile is sent as it was.
 *
 * @module
 */
import { withSignals } from "../abort.ts";
import { isLifecycleError, LifecycleError } from "../errors.ts";
import {
  among,
  anything,
  aSignal,
  aSwitch,
  check,
  checkValue,
  invalid,
  isObject,
  kindOf,
  whole,
  type Rules,
  wrong,
} from "../checks.ts";
import type { JsonObject } from "../http/json.ts";
import * as calls from "./calls.ts";
import {
  checkResource,
  checkResourceId,
  checkType,
  checkWhole,
  own,
  refuse,
  shown,
  type Sendable,
} from "./checks.ts";
import { checkFindBy, isEnded, recoverCreate, paramsOf, type Find } from "./recover-create.ts";
import type {
  CreateOptions,
  FhirCallOptions,
  FhirReadOptions,
  OperationOptions,
  UpdateOptions,
  ValidateOptions,
} from "./fhir-call-options.ts";
import { begun, execute, executeForResource, refuseUndeclared, type VerbParts } from "./execute.ts";
import { pairsOf, queryOf } from "./query.ts";
import { creating, deleting, operating, permitting, reading, searching, updating } from "./operation.ts";
import { ofCall, readRules, repetitionOf } from "./repeat.ts";
import type { FhirVersion } from "./fhir-version.ts";
import { isHarmless, issuesIn, type FhirIssue } from "../http/fhir-issue.ts";
import type { FhirValidation } from "./fhir-client.ts";
import { sleep, type Clock } from "../clock.ts";

/** See `FhirClient`, which adds the types. */
export interface ResourceVerbs {
  create(resource: object, options?: CreateOptions): Promise<JsonObject>;
  read(resourceType: string, id: string, options?: FhirReadOptions): Promise<JsonObject>;
  vread(resourceType: string, id: string, versionId: string, options?: FhirReadOptions): Promise<JsonObject>;
  update(resource: object, options?: UpdateOptions): Promise<JsonObject>;
  delete(resourceType: string, id: string, options?: FhirCallOptions): Promise<void>;
  operation(name: string, options?: OperationOptions<FhirVersion>): Promise<JsonObject | null>;
  share(patientId: string, oneupUserId: number, options?: FhirCallOptions): Promise<void>;
  unshare(patientId: string, oneupUserId: number, options?: FhirCallOptions): Promise<void>;
  validate(resource: object, options?: ValidateOptions): Promise<FhirValidation>;
}

const callRules: Rules<FhirCallOptions> = { signal: aSignal };
const ofValidate: Rules<ValidateOptions> = {
  ...readRules,
  mode: among("create", "update"),
  profile: { must: "a URL", holds: (one) => URL.canParse(String(one)) },
};
const ofCreate: Rules<CreateOptions> = { ...callRules, findBy: anything, untilReadable: anything };
const ofUpdate: Rules<UpdateOptions> = { ...callRules, ifMatch: aSwitch, method: among("PUT", "POST") };
const ofOperation: Rules<OperationOptions<FhirVersion>> = {
  ...callRules,
  resourceType: anything,
  id: anything,
  params: anything,
  body: anything,
};

/** @param find searches for resources with the client */
export function resourceVerbs({ place, performer }: VerbParts, find: Find): ResourceVerbs {
  const { version } = place;
  const { clock, ending } = performer;

  async function permit(
    share: boolean,
    patientId: string,
    oneupUserId: number,
    options?: FhirCallOptions,
  ): Promise<void> {
    const task = permitting(share);
    const id = checkResourceId(task.words, patientId);
    const user = checkValue(task.words, "oneupUserId", oneupUserId, whole(1));
    const signal = signalOf(task.words, options);
    await execute(performer, task, calls.permissionCall(place, share, id, user), signal);
  }

  return {
    async create(given, options) {
      const resource = checkResource("create the resource", given);
      const resourceType = String(resource["resourceType"]); // a name, as was checked
      const task = creating(resourceType, resource);
      const { words } = task;
      const { signal, ...more } = check(words, options, ofCreate);
      const findBy = checkFindBy(words, more.findBy, resource);
      const withinMs = readableWithin(words, more.untilReadable);
      const call = calls.createResourceCall(
        place,
        resourceType,
        calls.serialise("create the resource", resource),
      );
      if (performer.strict && findBy !== undefined)
        refuseUndeclared(version, searching(resourceType, Object.keys(paramsOf(findBy))));
      let created: JsonObject;
      try {
        created = await executeForResource(performer, task, call, signal);
      } catch (error) {
        if (!isLifecycleError(error, "IN_DOUBT") || findBy === undefined) throw error;
        created = await recoverCreate({ clock, find, signal, ending }, resourceType, findBy, error);
      }
      if (withinMs === null) return created;
      const id = String(created["id"]); // a FHIR id, as the reader has checked
      const readCall = calls.readResourceCall(place, resourceType, id);
      const read = (signal: AbortSignal | undefined): Promise<JsonObject> =>
        executeForResource(performer, reading(resourceType, id), readCall, signal);
      try {
        return await withSignals(signal, ending, (signal) =>
          waitUntilReadable(clock, read, { resourceType, id }, withinMs, signal),
        );
      } catch (error) {
        if (!isEnded(signal, ending) || isLifecycleError(error, "UNAVAILABLE")) throw error;
        throw unreadable({ resourceType, id }, "the client was closed before it became readable", error);
      }
    },

    read: (resourceType, id, options) =>
      begun(() => {
        checkAddress("read the resource", resourceType, id);
        const checked = check("read the resource", options, readRules);
        const call = calls.readResourceCall(place, resourceType, id);
        const repetition = repetitionOf(checked, performer.retries, ofCall);
        return executeForResource(performer, reading(resourceType, id), call, checked.signal, repetition);
      }),

    async vread(resourceType, id, versionId, options) {
      const words = "read a version of the resource";
      checkAddress(words, resourceType, id);
      checkResourceId(words, versionId, "a versionId");
      const call = calls.readVersionCall(place, resourceType, id, versionId);
      const task = reading(resourceType, id, versionId);
      const checked = check(words, options, readRules);
      const repetition = repetitionOf(checked, performer.retries, ofCall);
      return executeForResource(performer, task, call, checked.signal, repetition);
    },

    async update(given, options) {
      const resource = checkWhole("update the resource", checkResource("update the resource", given));
      const resourceType = String(resource["resourceType"]); // a name, as was checked
      const id = checkResourceId("update the resource", own(resource, "id"));
      const task = updating(resourceType, id, resource);
      const { words } = task;
      const { signal, ifMatch, method = "PUT" } = check(words, options, ofUpdate);
      const call = calls.updateResourceCall(place, resourceType, id, {
        method,
        body: calls.serialise(words, resource),
        versionId: versionToReplace(words, version, resource, ifMatch),
      });
      return executeForResource(performer, task, call, signal);
    },

    async delete(resourceType, id, options) {
      checkAddress("delete the resource", resourceType, id);
      const task = deleting(resourceType, id);
      const signal = signalOf(task.words, options);
      await execute(performer, task, calls.deleteResourceCall(place, resourceType, id), signal);
    },

    async operation(name, options) {
      const operation = typeof name === "string" ? name.replace(/^\$/, "") : "";
      if (!/^[a-z][A-Za-z-]{0,62}$/.test(operation))
        throw refuse("carry out an operation", "its name must be letters and hyphens", shown(name));
      const words = `carry out $${operation}`;
      const { signal, ...more } = check(words, options, ofOperation);
      const { resourceType, id, params = {}, body } = more;
      const task = operating(operation, resourceType, body !== undefined);
      if (resourceType !== undefined) checkType(task.words, resourceType);
      if (id !== undefined) checkResourceId(task.words, id);
      if (id !== undefined && resourceType === undefined)
        throw invalid(task.words, "an id must come with a resourceType", "an id alone");
      const path = [resourceType, id, `$${operation}`]
        .flatMap((part) => part ?? [])
        .map((part) => `/${part}`);
      const posted = body === undefined ? undefined : checkResource(task.words, body);
      const text = posted && calls.serialise(task.words, posted);
      const query = queryOf(pairsOf(task.words, params));
      const done = await execute(
        performer,
        task,
        calls.operationCall(place, path.join(""), query, text),
        signal,
      );
      return done.resource;
    },

    /** It changes nothing, so it is repeated like a read although it is a POST. */
    async validate(given, options) {
      const resource = checkResource("validate the resource", given);
      const resourceType = String(resource["resourceType"]); // a name, as was checked
      const words = `validate the ${resourceType}`;
      const { signal, mode, profile, ...how } = check(words, options, ofValidate);
      const text = bodyOf(calls.serialise(words, resource), mode, profile);
      const task = { ...operating("validate", resourceType, false), words, holds: "OperationOutcome" };
      const call = calls.operationCall(place, `/${resourceType}/$validate`, "", text);
      const repetition = repetitionOf(how, performer.retries, ofCall);
      try {
        const { resource: outcome } = await execute(performer, task, call, signal, repetition);
        const found = outcome?.["resourceType"] === "OperationOutcome" ? outcome["issue"] : undefined;
        if (outcome === null || !Array.isArray(found) || found.length === 0)
          throw new LifecycleError(
            "BAD_ANSWER",
            `Cannot ${words}: the answer must hold an OperationOutcome with issues, got something else`,
          );
        return { isValid: found.every(isHarmless), issues: issuesIn(outcome), outcome };
      } catch (error) {
        const issues = issuesOf(error);
        if (issues === null) throw error;
        return { isValid: false, issues, outcome: null };
      }
    },

    share: (patientId, oneupUserId, options) => permit(true, patientId, oneupUserId, options),
    unshare: (patientId, oneupUserId, options) => permit(false, patientId, oneupUserId, options),
  };
}

function checkAddress(words: string, resourceType: string, id: string): void {
  checkType(words, resourceType);
  checkResourceId(words, id);
}

function signalOf(words: string, options: FhirCallOptions | undefined): AbortSignal | undefined {
  return check(words, options, callRules).signal;
}

/** A text that may stand in an ETag (RFC 9110): a server that does not keep to FHIR's type id may send `1_2`. */
const inEntityTag = /^[!#-~]{1,64}$/;

/**
 * The version of a resource that an update may replace, safe for a header; `undefined`: any.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function versionToReplace(
  words: string,
  version: string,
  resource: Sendable,
  ifMatch: boolean | undefined,
): string | undefined {
  if (!(ifMatch ?? version === "r4")) return undefined;
  const meta = own(resource, "meta");
  const given = isObject(meta) ? own(meta, "versionId") : undefined;
  if (ifMatch !== true && given === undefined) return undefined;
  const versionId = Number.isSafeInteger(given) ? String(given) : given;
  if (typeof versionId === "string" && inEntityTag.test(versionId)) return versionId;
  const found = typeof given === "string" ? "another text" : kindOf(given);
  throw invalid(words, "meta.versionId must be one that If-Match can name, unless ifMatch is false", found);
}

/** The issues of a server that answers an invalid resource with the status of a refused one. */
function issuesOf(error: unknown): readonly FhirIssue[] | null {
  if (!isLifecycleError(error, "FHIR_REFUSED") || (error.status !== 412 && error.status !== 422)) return null;
  const { issues } = error.facts ?? {};
  return Array.isArray(issues) && issues.length > 0 ? (issues as readonly FhirIssue[]) : null; // the reader wrote it
}

/** The resource itself, which every server takes, unless there is more to tell. */
function bodyOf(resource: string, mode: string | undefined, profile: string | undefined): string {
  if (mode === undefined && profile === undefined) return resource;
  const more = [
    ...(mode === undefined ? [] : [{ name: "mode", valueCode: mode }]),
    ...(profile === undefined ? [] : [{ name: "profile", valueUri: profile }]),
  ].map((one) => JSON.stringify(one));
  return `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":${resource}},${more.join(",")}]}`;
}

const ofReadable = { withinMs: whole(100, 600_000) };
const readWaitMs = { first: 50, longest: 1_000, all: 10_000 };

/**
 * The resource, as soon as it can be read: 1upHealth shows it "after a short delay (<1 second)" (user management guide,
 * Create a FHIR Resource).
 *
 * @throws {LifecycleError} `UNAVAILABLE` with `facts.id`, when the time is up
 */
async function waitUntilReadable(
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
        throw unreadable({ resourceType, id }, `it did not become readable within ${withinMs} ms`, error);
      await sleep(clock, waitMs, signal);
    }
  }
}

function unreadable(
  { resourceType, id }: { readonly resourceType: string; readonly id: string },
  why: string,
  cause: unknown,
): LifecycleError {
  return new LifecycleError(
    "UNAVAILABLE",
    `Cannot read the ${resourceType} that was created: ${why}; its id is in facts.id, so do not create it again`,
    { cause, facts: { id } },
  );
}

/**
 * How long to wait until it can be read; `null`: do not wait.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
function readableWithin(task: string, untilReadable: CreateOptions["untilReadable"]): number | null {
  if (untilReadable === undefined || untilReadable === false) return null;
  if (untilReadable === true) return readWaitMs.all;
  if (!isObject(untilReadable))
    throw wrong(task, "untilReadable", "a boolean or { withinMs }", untilReadable);
  const { withinMs = readWaitMs.all } = check(task, untilReadable, ofReadable, "untilReadable");
  return withinMs;
}
