/**
 * Sends calls whose answer may be longer than the memory, and those around them: with credentials only to hosts that get
 * them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { LifecycleError, type ErrorCode, type LifecycleErrorDetails } from "../errors.ts";
import { describeCall, type Answer, type Call, type SendOptions, type Unanswered } from "../http/call.ts";
import { startedOf, type StreamedAnswer } from "../http/streaming/stream.ts";
import { withCall, type Executor } from "./execute.ts";
import { readResponse } from "./fhir-response.ts";
import type { Operation } from "./operation.ts";

/** A call whose host another server may have chosen. */
export interface HostedCall extends Pick<Call, "name" | "url" | "template" | "headers"> {
  readonly method: "GET" | "DELETE";
  /** Whether the credentials are sent. */
  readonly isOwn: boolean;
  /** Whether another server chose the host. */
  readonly isForeign?: boolean;
}

/** How the answer to a call is judged, and how it is ended. */
export interface Hosting {
  /** Statuses of the answers that are wanted. */
  readonly isWanted: (status: number) => boolean;
  readonly signal: AbortSignal | undefined;
}

/** The same for an answer that is read whole. */
export interface WholeHosting extends Hosting, Pick<SendOptions, "withinMs"> {}

/**
 * The answer, if its status is one of those that are wanted.
 *
 * @throws {LifecycleError} as for every FHIR call; `signal`'s reason
 */
export async function sendHosted(
  executor: Executor,
  task: Operation,
  call: HostedCall,
  hosting: WholeHosting,
): Promise<Answer> {
  const { signal, withinMs } = hosting;
  const publicOnly = call.isForeign === true;
  return reported<Answer>(executor, task, call, hosting, (call) =>
    executor.sender.send(call, { signal, publicOnly, withinMs }),
  );
}

/** The same for an answer that is not read yet. */
export async function openHosted(
  executor: Executor,
  task: Operation,
  call: HostedCall,
  hosting: Hosting,
): Promise<StreamedAnswer> {
  const stream = executor.sender.stream?.bind(executor.sender);
  if (stream === undefined) return asStream(await sendHosted(executor, task, call, hosting));
  const options = { ...hosting, publicOnly: call.isForeign === true };
  const answer = await reported(executor, task, call, hosting, (call) => stream(call, options));
  if (answer.type === "stream") return answer;
  throw new TypeError("Cannot open a file: its answer is no stream"); // and would have been read as an error
}

type Sent = Answer | StreamedAnswer;

/** Reports the exchange, unless the host is not 1upHealth's. */
function reported<T extends Sent>(
  executor: Executor,
  task: Operation,
  { isOwn, isForeign, ...fields }: HostedCall,
  hosting: Hosting,
  send: (call: Call) => Promise<T | Answer | Unanswered>,
): Promise<T | Answer> {
  const { report } = executor;
  const call = describeCall({ ...fields, endpoint: "fhir" });
  if (report === undefined || isForeign === true) return exchange(executor, task, call, isOwn, hosting, send);
  return report(call, (seen) =>
    exchange(executor, task, call, isOwn, hosting, async (call) => {
      const answer = await send(call);
      seen(answer.type === "stream" ? startedOf(answer) : answer);
      return answer;
    }),
  );
}

async function exchange<T extends Sent>(
  executor: Executor,
  task: Operation,
  call: Call,
  isOwn: boolean,
  { isWanted, signal }: Hosting,
  send: (call: Call) => Promise<T | Answer | Unanswered>,
): Promise<T | Answer> {
  signal?.throwIfAborted();
  let proof = isOwn ? await executor.access(signal) : null;
  for (let attempt = 1; ; attempt++) {
    const answer = await send(proof === null ? call : proof.on(call));
    if ("status" in answer && isWanted(answer.status)) {
      proof?.accepted?.();
      return answer;
    }
    const unwanted = answer as Answer | Unanswered; // a stream is only kept if it is wanted
    const response = readResponse(task, unwanted);
    const failed = (error: LifecycleError): LifecycleError =>
      withCall(error, call, unwanted, { attempt, clock: executor.clock });
    if (response.type === "error") throw failed(response.error);
    const { status = 0 } = unwanted as Partial<Answer>;
    const told = (code: ErrorCode, why: string): LifecycleError =>
      failed(new LifecycleError(code, `Cannot ${task.words}: ${why}`, { status }));
    if (response.type === "done") throw told("BAD_ANSWER", `the server answered ${status}`);
    if (proof === null) throw told("FHIR_REFUSED", `its server refused it (${status})`);
    const other = attempt === 1 ? await proof.another(signal) : null;
    if (other === null) throw failed(proof.refused(task, status, attempt));
    proof = other;
  }
}

function asStream({ status, headers, text, receivedAt }: Answer): StreamedAnswer {
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from(text);
  }
  return { type: "stream", status, headers, body: body(), receivedAt };
}

const mostRedirects = 5;

/** How redirects are followed. */
export interface Following extends Hosting {
  /** Where a redirect from that URL leads, and whether the credentials are sent there. @throws if it leads nowhere */
  readonly follow: (
    from: string,
    answer: StreamedAnswer,
  ) => Pick<HostedCall, "url"> & Partial<Pick<HostedCall, "isOwn" | "isForeign">>;
  readonly unreadable: Unreadable;
}

/** Opens what a call leads to, over some redirects. @throws {LifecycleError} */
export async function openFollowing(
  executor: Executor,
  task: Operation,
  first: HostedCall,
  { isWanted, signal, follow, unreadable }: Following,
): Promise<StreamedAnswer> {
  const hosting = { isWanted: (status: number) => isWanted(status) || isRedirect(status), signal };
  let call = first;
  for (let redirects = 0; redirects <= mostRedirects; redirects++) {
    const answer = await openHosted(executor, task, call, hosting);
    if (!isRedirect(answer.status)) return answer;
    for await (const _ of answer.body) break; // ends the connection
    call = { ...call, ...follow(call.url, answer) };
  }
  throw unreadable(`more than ${mostRedirects} redirects lead to it`);
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

/** Makes errors about content that cannot be read: `BAD_ANSWER`, unless another code is given. */
export type Unreadable = (why: string, details?: LifecycleErrorDetails, code?: ErrorCode) => LifecycleError;

export const unreadableAttachment: Unreadable = unreadable("the attachment");
export const unreadableFile: Unreadable = unreadable("the file of an export");

function unreadable(what: string): Unreadable {
  return (why, details, code = "BAD_ANSWER") =>
    new LifecycleError(code, `Cannot read ${what}: ${why}`, details);
}
