/**
 * Carries out one FHIR call: with a proof of who calls, once more with another one if that is refused, and with an
 * explanation if 1upHealth does not declare what was asked for.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { Call } from "../http/call.ts";
import type { Sender } from "../http/send.ts";
import type { Access } from "./access.ts";
import type { FhirPlace } from "./calls.ts";
import { capabilitiesOf, undeclared } from "./capabilities.ts";
import { readOutcome, type Outcome } from "./outcome.ts";
import type { Task } from "./task.ts";
import type { FhirVersion } from "./versions.ts";

/** What a client performs with. */
export interface Performer {
  readonly version: FhirVersion;
  readonly access: Access;
  readonly sender: Pick<Sender, "send">;
  /** Refuse what is not declared before it is sent. */
  readonly strict: boolean;
  /** Remember the digits of numbers that are read. */
  readonly lossless: boolean;
}

/** What the verbs of a client work with. */
export interface VerbParts {
  readonly place: FhirPlace;
  readonly performer: Performer;
  readonly clock: Clock;
  /** Ends the waits of all calls. */
  readonly ending: AbortSignal | undefined;
}

/** The signal of a call that may wait for long. */
export function eitherOf(
  signal: AbortSignal | undefined,
  ending: AbortSignal | undefined,
): AbortSignal | undefined {
  if (signal === undefined || ending === undefined) return signal ?? ending;
  return AbortSignal.any([signal, ending]);
}

export type Done = Extract<Outcome, { type: "done" }>;

/** @throws {LifecycleError} see `FhirClient` */
export async function perform(
  { version, access, sender, strict, lossless }: Performer,
  task: Task,
  call: Call,
  signal: AbortSignal | undefined,
): Promise<Done> {
  signal?.throwIfAborted();
  if (strict) await refuseUndeclared(version, task);
  const first = await access(signal);
  let outcome = readOutcome(task, await sender.send(first.on(call), { signal }), lossless);
  if (outcome.type === "proofRefused") {
    const second = await first.another(signal);
    if (second === null) throw first.refused(task, outcome.status, 1);
    outcome = readOutcome(task, await sender.send(second.on(call), { signal }), lossless);
    if (outcome.type === "proofRefused") throw second.refused(task, outcome.status, 2);
  }
  if (outcome.type === "error") throw await explained(version, task, outcome.error);
  return outcome;
}

/** @throws {LifecycleError} `NOT_DECLARED` */
export async function refuseUndeclared(version: FhirVersion, task: Task): Promise<void> {
  const why = undeclared(await capabilitiesOf(version), task);
  if (why !== null)
    throw new LifecycleError("NOT_DECLARED", `Cannot ${task.words}: ${why}; nothing was sent`);
}

/** Statuses with which servers say that they do not do such things. */
const saysCannot = new Set([400, 404, 405, 422]);

/** A refusal of what is not declared says so. */
async function explained(version: FhirVersion, task: Task, error: LifecycleError): Promise<LifecycleError> {
  if (error.code !== "FHIR_REFUSED" || !saysCannot.has(error.status ?? 0)) return error;
  const why = undeclared(await capabilitiesOf(version), task);
  if (why === null) return error;
  const { message, status, facts, cause } = error;
  const details = { status, facts: { ...facts, undeclared: true }, ...(cause !== undefined && { cause }) };
  return new LifecycleError("FHIR_REFUSED", `${message}; ${why}`, details);
}
