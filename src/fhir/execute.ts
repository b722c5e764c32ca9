/**
 * Executes one FHIR call: with credentials, once more with others if those are refused, and with an explanation if
 * 1upHealth does not declare what was requested.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { Call } from "../http/call.ts";
import type { Sender } from "../http/send.ts";
import type { Auth } from "./auth.ts";
import type { FhirPlace } from "./calls.ts";
import { capabilitiesOf, undeclared } from "./capabilities.ts";
import { readResponse, type FhirResponse } from "./fhir-response.ts";
import type { Operation } from "./operation.ts";
import type { FhirVersion } from "./fhir-version.ts";

/** The parts that calls are executed with. */
export interface Executor {
  readonly version: FhirVersion;
  readonly access: Auth;
  readonly sender: Pick<Sender, "send">;
  /** Reject calls that 1upHealth does not declare, before they are sent. */
  readonly strict: boolean;
  /** Remember the digits of numbers that are read. */
  readonly lossless: boolean;
}

/** The parts that the methods of a client share. */
export interface VerbParts {
  readonly place: FhirPlace;
  readonly performer: Executor;
  readonly clock: Clock;
  /** Aborts the waits of all calls. */
  readonly ending: AbortSignal;
}

export type Done = Extract<FhirResponse, { type: "done" }>;

/** @throws {LifecycleError} see `FhirClient` */
export async function execute(
  { version, access, sender, strict, lossless }: Executor,
  task: Operation,
  call: Call,
  signal: AbortSignal | undefined,
): Promise<Done> {
  signal?.throwIfAborted();
  if (strict) await refuseUndeclared(version, task);
  const first = await access(signal);
  let outcome = readResponse(task, await sender.send(first.on(call), { signal }), lossless);
  if (outcome.type === "proofRefused") {
    const second = await first.another(signal);
    if (second === null) throw first.refused(task, outcome.status, 1);
    outcome = readResponse(task, await sender.send(second.on(call), { signal }), lossless);
    if (outcome.type === "proofRefused") throw second.refused(task, outcome.status, 2);
  }
  if (outcome.type === "error") throw await explained(version, task, outcome.error);
  return outcome;
}

/** @throws {LifecycleError} `NOT_DECLARED` */
export async function refuseUndeclared(version: FhirVersion, task: Operation): Promise<void> {
  const why = undeclared(await capabilitiesOf(version), task);
  if (why !== null)
    throw new LifecycleError("NOT_DECLARED", `Cannot ${task.words}: ${why}; nothing was sent`);
}

/** Statuses with which servers reject what they do not support. */
const saysCannot = new Set([400, 404, 405, 422]);

/** Adds to a rejection that 1upHealth does not declare the call, if so. */
async function explained(
  version: FhirVersion,
  task: Operation,
  error: LifecycleError,
): Promise<LifecycleError> {
  if (error.code !== "FHIR_REFUSED" || !saysCannot.has(error.status ?? 0)) return error;
  const why = undeclared(await capabilitiesOf(version), task);
  if (why === null) return error;
  const { message, status, facts, cause } = error;
  const details = { status, facts: { ...facts, undeclared: true }, ...(cause !== undefined && { cause }) };
  return new LifecycleError("FHIR_REFUSED", `${message}; ${why}`, details);
}
