/**
 * The method `batch()`: sends the entries as one Bundle. An entry without an answer is looked after by itself: reads and
 * deletes are repeated, creates are looked for.
 *
 * @module
 */
import { withSignals } from "../../abort.ts";
import { aSignal, check, type Rules } from "../../checks.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import { issuesIn } from "../../http/fhir-issue.ts";
import type { JsonObject } from "../../http/json.ts";
import { batchCall } from "../calls.ts";
import { execute, refuseUndeclared, type VerbParts } from "../execute.ts";
import { codesOf, readResponse } from "../fhir-response.ts";
import { stringifyFhirJson } from "../lossless-json.ts";
import { batching, type Operation } from "../operation.ts";
import { isEnded, recoverCreate, type Find } from "../recover-create.ts";
import type { ResourceVerbs } from "../resource-verbs.ts";
import { answersIn, idIn, type EntryAnswer } from "./batch-answer.ts";
import { bundleText, checkEntries, prepareEntries, type Prepared } from "./batch-entry.ts";
import type { AnyResult, BatchOptions } from "./batch.ts";

/** See `FhirClient`, which adds the types. */
export type Batch = (entries: readonly object[], options?: BatchOptions) => Promise<readonly AnyResult[]>;

const rules: Rules<BatchOptions> = { signal: aSignal };

/** @param find searches for resources with the client */
export function batchVerb(
  { place, performer }: VerbParts,
  find: Find,
  { read, delete: erase }: Pick<ResourceVerbs, "read" | "delete">,
): Batch {
  const { clock, ending } = performer;
  /** The result of an entry whose answer is lost or cannot be believed. */
  async function resolved(entry: Prepared, doubt: Doubt, callers: Callers): Promise<AnyResult> {
    const { type, resourceType, findBy, id = "" } = entry;
    const beforeEnding = <T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> =>
      withSignals(callers, ending, task);
    try {
      switch (type) {
        case "read": {
          const resource = await beforeEnding((signal) => read(resourceType, id, { signal }));
          return { error: null, status: 200, id, resource };
        }
        case "delete":
          await beforeEnding((signal) => gone(erase(resourceType, id, { signal })));
          return { error: null, status: undefined, id, resource: null };
        case "create": {
          const error = inDoubt(entry.operation, doubt);
          if (findBy === undefined) throw error;
          const how = { clock, find, signal: callers, ending };
          const found = await recoverCreate(how, resourceType, findBy, error);
          return { error: null, status: undefined, id: String(found["id"]), resource: found };
        }
        case "update":
          throw inDoubt(entry.operation, doubt);
        default:
          return type satisfies never;
      }
    } catch (error) {
      const isCut = isEnded(callers, ending) && !isLifecycleError(error, "IN_DOUBT");
      return failed(isCut ? endedError(entry, doubt) : error, callers);
    }
  }

  /** The token ended within the batch, so the entry was not carried out: sent by itself, it renews the token. */
  async function sentAgain(entry: Prepared, callers: Callers): Promise<AnyResult> {
    const { type, operation, call } = entry;
    if (call === undefined) return resolved(entry, { why: "it was refused" }, callers);
    try {
      const { resource } = await execute(performer, operation, call, callers);
      const id = resource?.["id"] as string; // the reader has checked it
      return { error: null, status: undefined, id, resource };
    } catch (error) {
      const isDoubtful = type === "create" && isLifecycleError(error, "IN_DOUBT");
      if (!isDoubtful) return failed(error, callers);
      return resolved(entry, { why: "the answer was lost", cause: error, status: error.status }, callers);
    }
  }

  /** The result of an entry whose answer is there. */
  async function answered(entry: Prepared, part: EntryAnswer, callers: Callers): Promise<AnyResult> {
    const { operation, type } = entry;
    const { status, location, body } = part;
    const id = idIn(entry, part) ?? entry.id;
    const isSuccess = status >= 200 && status < 300;
    const isResource = body?.["resourceType"] === entry.resourceType;
    if (isSuccess && (type === "delete" || !isResource)) return { error: null, status, id, resource: null };
    const response = readResponse(
      operation,
      {
        type: "answer",
        status,
        headers: location === undefined ? {} : { location },
        text: (body && stringifyFhirJson(body)) ?? "",
        sentAt: clock.now(),
        receivedAt: clock.now(),
      },
      performer.lossless,
    );
    if (response.type === "done") return { error: null, status, id, resource: response.resource };
    if (response.type === "proofRefused") return sentAgain(entry, callers);
    const { error } = response;
    if (error.code !== "IN_DOUBT") return { error, status, resource: null };
    return resolved(entry, { why: `1upHealth answered ${status}`, status }, callers);
  }

  return async (given, options) => {
    const entries = prepareEntries(place, checkEntries(given));
    const task = batching(entries.length);
    const { signal: callers } = check(task.words, options, rules);
    if (performer.strict) for (const { operation } of entries) refuseUndeclared(place.version, operation);
    const call = batchCall(place, bundleText(entries));
    let bundle: JsonObject | null = null;
    let doubt: Doubt;
    try {
      bundle = (await execute(performer, task, call, callers)).resource;
      const issues = issuesIn(bundle);
      doubt =
        issues.length === 0
          ? { why: "the answer to the batch does not tell" }
          : { why: `the answer to the batch holds only issues (${codesOf(issues)})`, facts: { issues } };
    } catch (error) {
      if (!isLifecycleError(error, "IN_DOUBT")) throw error; // nothing was carried out
      const { status, facts } = error;
      doubt = { why: "the answer to the batch was lost", cause: error, status, facts };
    }
    const answers = answersIn(bundle, entries);
    return Promise.all(
      entries.map((entry, index) => {
        const part = answers[index];
        return part === undefined ? resolved(entry, doubt, callers) : answered(entry, part, callers);
      }),
    );
  };
}

/** The caller's signal. */
type Callers = AbortSignal | undefined;

/** Why it is not known what became of an entry. */
interface Doubt {
  readonly why: string;
  readonly cause?: unknown;
  readonly status?: number | undefined;
  /** The issues, if the batch was answered with some. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

function inDoubt({ doubt, words }: Operation, { why, cause, status, facts }: Doubt): LifecycleError {
  const { whether, advice } = doubt ?? { whether: `it was possible to ${words}`, advice: "repeat it" };
  return new LifecycleError("IN_DOUBT", `Cannot tell whether ${whether}: ${why}; ${advice}`, {
    status,
    facts,
    ...(cause !== undefined && { cause }),
  });
}

/** The client's owner has closed before it was known what became of an entry. */
function endedError({ type, operation }: Prepared, doubt: Doubt): LifecycleError {
  const closed = "the client was closed before it could be repeated";
  if (type !== "read") return inDoubt(operation, { ...doubt, why: `${doubt.why}, and ${closed}` });
  return new LifecycleError("CLOSED", `Cannot ${operation.words}: ${doubt.why}, and ${closed}`);
}

/** A delete that is repeated may have been carried out by the batch. */
async function gone(erased: Promise<void>): Promise<void> {
  try {
    await erased;
  } catch (error) {
    if (!isLifecycleError(error, "FHIR_REFUSED") || (error.status !== 404 && error.status !== 410))
      throw error;
  }
}

function failed(error: unknown, callers: Callers): AnyResult {
  callers?.throwIfAborted();
  if (!isLifecycleError(error)) throw error;
  return { error, status: error.status, resource: null };
}
