/**
 * Executes one FHIR call: with credentials, once more with others if those are refused, and with an explanation if
 * 1upHealth does not declare what was requested.
 *
 * @module
 */
import { because, LifecycleError } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { Answer, Call, SendOptions, Unanswered } from "../http/call.ts";
import { readRefusal } from "../http/answer.ts";
import { causeOf, printed } from "../http/cause.ts";
import { parseJson, type JsonObject } from "../http/json.ts";
import type { FhirSender } from "../http/send.ts";
import type { Auth, Proof } from "./auth.ts";
import type { FhirPlace } from "./calls.ts";
import { capabilitiesOf, undeclared } from "./capabilities.ts";
import { readResponse, type FhirResponse } from "./fhir-response.ts";
import type { Operation } from "./operation.ts";
import { repeated, type Repetition } from "./repeat.ts";
import type { FhirVersion } from "./fhir-version.ts";

/** The parts that calls are executed with. */
export interface Executor {
  readonly version: FhirVersion;
  readonly access: Auth;
  readonly sender: FhirSender;
  readonly clock: Clock;
  /** Aborts the waits of all calls. */
  readonly ending: AbortSignal;
  /** Repetitions of a call that changes nothing, if the caller asks for no other number. */
  readonly retries: number | undefined;
  /** Reject calls that 1upHealth does not declare, before they are sent. */
  readonly strict: boolean;
  /** Remember the digits of numbers that are read. */
  readonly lossless: boolean;
  /** Reports each operation, if given. */
  readonly report?: Report | undefined;
}

/** The same parts, but each attempt waits for its token no longer than the repetitions may last. */
export function inTimeOf(executor: Executor, { waitMs }: Repetition): Executor {
  if (waitMs === Infinity) return executor;
  const { access, clock } = executor;
  const until = clock.monotonic() + waitMs;
  return { ...executor, access: (signal) => access(signal, Math.max(0, until - clock.monotonic())) };
}

/** Runs an operation and reports it. `call`: what it sends. `seen` receives the response to each attempt. */
export type Report = <T>(call: Call, operation: (seen: Seen) => Promise<T>) => Promise<T>;

type Seen = (answer: Answer | Unanswered) => void;

/** The parts that the methods of a client share. */
export interface VerbParts {
  readonly place: FhirPlace;
  readonly performer: Executor;
}

export type Done = Extract<FhirResponse, { type: "done" }>;

/**
 * @param repetition of a call that changes nothing; without it the call is made once
 * @param onText receives the text of each response with status 200, before it is parsed; true: it has begun another call
 * @throws {LifecycleError} see `FhirClient`
 */
export function execute(
  executor: Executor,
  task: Operation,
  call: Call,
  signal: AbortSignal | undefined,
  repetition?: Repetition,
  onText?: SendOptions["onText"],
): Promise<Done> {
  return executeAndTake(executor, { task, call, take: (done) => done }, { signal, onText }, repetition);
}

/** The same for an operation that expects a resource. The reader has ensured that it is there. */
export function executeForResource(
  executor: Executor,
  task: Operation,
  call: Call,
  signal: AbortSignal | undefined,
  repetition?: Repetition,
): Promise<JsonObject> {
  return executeAndTake(
    executor,
    { task, call, take: ({ resource }) => resource ?? {} },
    { signal },
    repetition,
  );
}

/** What is executed, and what the caller gets of its response. Taking it here saves each read a promise. */
interface Execution<T> {
  readonly task: Operation;
  readonly call: Call;
  readonly take: (done: Done) => T;
}

function executeAndTake<T>(
  executor: Executor,
  execution: Execution<T>,
  how: SendOptions,
  repetition: Repetition | undefined,
): Promise<T> {
  const { report } = executor;
  const run = (seen?: Seen): Promise<T> => {
    const once = (leftMs?: number): Promise<T> => executed(executor, execution, how, leftMs, seen);
    return repetition === undefined ? once() : repeated(executor, repetition, how.signal, once);
  };
  return report === undefined ? run() : report(execution.call, run);
}

function executed<T>(
  executor: Executor,
  { task, call, take }: Execution<T>,
  how: SendOptions,
  leftMs: number | undefined,
  seen: Seen | undefined,
): Promise<T> {
  const { version, access, sender, clock, strict, lossless } = executor;
  const { signal } = how;

  function send(proof: Proof, attempt: 1 | 2): Promise<T> {
    return sender.sendAndTake(proof.on(call), how, (answer) => {
      seen?.(answer);
      const outcome = readResponse(task, answer, lossless);
      if (outcome.type !== "done") return refused(outcome, answer, proof, attempt);
      proof.accepted?.();
      return take(outcome);
    });
  }

  async function refused(
    outcome: Exclude<FhirResponse, Done>,
    answer: Answer | Unanswered,
    proof: Proof,
    attempt: 1 | 2,
  ): Promise<T> {
    const failed = (error: LifecycleError): LifecycleError =>
      withCall(error, call, answer, { attempt, clock });
    if (outcome.type === "error" && outcome.isAnothers === true) sender.doubtConnections();
    if (outcome.type === "error") throw failed(explained(version, task, outcome.error));
    const other = attempt === 1 ? await proof.another(signal, leftMs) : null;
    if (other === null) throw failed(proof.refused(task, outcome.status, attempt));
    return send(other, 2);
  }

  return begun(() => {
    signal?.throwIfAborted();
    const begin = (): Promise<T> => {
      const proof = access(signal, leftMs);
      return proof instanceof Promise ? proof.then((proof) => send(proof, 1)) : send(proof, 1); // most tokens are in memory
    };
    if (strict) refuseUndeclared(version, task);
    return begin();
  });
}

/** As an `async` function, with a promise less: the most frequent call of an application is a read. */
export function begun<T>(task: () => Promise<T>): Promise<T> {
  try {
    return task();
  } catch (error) {
    return Promise.reject(error);
  }
}

/** The error with the call that failed. Texts of FHIR responses are about patients, so it has none. */
export function withCall(
  error: LifecycleError,
  call: Call,
  answer: Answer | Unanswered,
  { attempt, clock }: { readonly attempt: number; readonly clock: Clock },
): LifecycleError {
  const refusal = answer.type === "answer" ? readRefusal(answer, parseJson(answer.text)) : answer;
  const cause = causeOf(call, answer, refusal);
  if (cause === null) return error;
  const at = clock.now();
  const { retryAfterMs } = error;
  const retryAt = retryAfterMs === undefined ? null : new Date(at + retryAfterMs);
  return because(error, { ...printed(cause), attempt, at: new Date(at), retryAt });
}

/** @throws {LifecycleError} `NOT_DECLARED` */
export function refuseUndeclared(version: FhirVersion, task: Operation): void {
  const why = undeclared(capabilitiesOf(version), task);
  if (why !== null)
    throw new LifecycleError("NOT_DECLARED", `Cannot ${task.words}: ${why}; nothing was sent`);
}

/** Statuses with which servers reject what they do not support. */
const saysCannot = new Set([400, 404, 405, 422]);

/** Adds to a rejection that 1upHealth does not declare the call, if so. */
function explained(version: FhirVersion, task: Operation, error: LifecycleError): LifecycleError {
  const { code } = error;
  const isNo = code === "FHIR_REFUSED" || code === "BAD_ANSWER" || code === "IN_DOUBT"; // a router may not know the address
  if (!isNo || !saysCannot.has(error.status ?? 0)) return error;
  const why = undeclared(capabilitiesOf(version), task);
  if (why === null) return error;
  const { message, status, facts, cause } = error;
  const details = { status, facts: { ...facts, undeclared: true }, ...(cause !== undefined && { cause }) };
  return new LifecycleError(code, `${message}; ${why}`, details);
}
