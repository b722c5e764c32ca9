/**
 * Sends calls whose answer may be longer than the memory, and those around them: with credentials only to hosts that get
 * them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { LifecycleError } from "../errors.ts";
import { describeCall, type Answer, type Call, type Unanswered } from "../http/call.ts";
import type { StreamedAnswer } from "../http/streaming/stream.ts";
import { withCall, type Executor } from "./execute.ts";
import { readResponse } from "./fhir-response.ts";
import type { Operation } from "./operation.ts";

/** A call whose host another server may have chosen. */
export interface HostedCall {
  readonly name: string;
  readonly method: "GET" | "DELETE";
  readonly url: string;
  readonly template: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the credentials are sent. */
  readonly isOwn: boolean;
  /** Whether another server chose the host. */
  readonly isForeign?: boolean;
}

/**
 * The answer, if its status is one of those that are wanted.
 *
 * @throws {LifecycleError} as for every FHIR call; `signal`'s reason
 */
export async function sendHosted(
  executor: Executor,
  task: Operation,
  call: HostedCall,
  isWanted: (status: number) => boolean,
  signal: AbortSignal | undefined,
): Promise<Answer> {
  return exchange<Answer>(executor, task, call, isWanted, signal, (call) =>
    executor.sender.send(call, { signal }),
  );
}

/** The same for an answer that is not read yet. */
export async function openHosted(
  executor: Executor,
  task: Operation,
  call: HostedCall,
  isWanted: (status: number) => boolean,
  signal: AbortSignal | undefined,
): Promise<StreamedAnswer> {
  const { sender } = executor;
  const open = async (described: Call): Promise<StreamedAnswer | Answer | Unanswered> => {
    const publicOnly = call.isForeign === true;
    const opened =
      sender.stream === undefined
        ? asStream(await sender.send(described, { signal }))
        : await sender.stream(described, { signal, publicOnly });
    if (opened.type !== "stream" || isWanted(opened.status)) return opened;
    return wholeOf(opened); // an error
  };
  const answer = await exchange(executor, task, call, isWanted, signal, open);
  if (answer.type === "stream") return answer;
  throw new TypeError("Cannot open a file: its answer is no stream"); // and would have been read as an error
}

async function exchange<T extends { readonly type: string; readonly status: number }>(
  executor: Executor,
  task: Operation,
  { isOwn, isForeign: _, ...fields }: HostedCall,
  isWanted: (status: number) => boolean,
  signal: AbortSignal | undefined,
  send: (call: Call) => Promise<T | Answer | Unanswered>,
): Promise<T | Answer> {
  signal?.throwIfAborted();
  const call = describeCall({ ...fields, endpoint: "fhir" });
  let proof = isOwn ? await executor.access(signal) : null;
  for (let attempt = 1; ; attempt++) {
    const answer = await send(proof === null ? call : proof.on(call));
    if ("status" in answer && isWanted(answer.status)) return answer;
    const response = readResponse(task, answer as Answer | Unanswered); // a stream is only kept if it is wanted
    const failed = (error: LifecycleError): LifecycleError =>
      withCall(error, call, answer as Answer | Unanswered, { attempt, clock: executor.clock });
    if (response.type === "error") throw failed(response.error);
    const { status = 0 } = answer as Partial<Answer>;
    if (response.type === "done") throw failed(unexpected(task, status));
    if (proof === null)
      throw failed(
        new LifecycleError("FHIR_REFUSED", `Cannot ${task.words}: its server refused it (${status})`, {
          status,
        }),
      );
    const other = attempt === 1 ? await proof.another(signal) : null;
    if (other === null) throw failed(proof.refused(task, status, attempt));
    proof = other;
  }
}

function unexpected(task: Operation, status: number): LifecycleError {
  return new LifecycleError("BAD_ANSWER", `Cannot ${task.words}: the server answered ${status}`, { status });
}

/** The longest error that is read, in bytes. */
const longestError = 65_536;

async function wholeOf({ status, headers, body, receivedAt }: StreamedAnswer): Promise<Answer | Unanswered> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece);
      length += piece.length;
      if (length > longestError) break;
    }
  } catch {} // its status is enough
  const text = Buffer.concat(pieces).toString("utf8", 0, longestError);
  return { type: "answer", status, headers, text, sentAt: receivedAt, receivedAt };
}

function asStream(answer: Answer | Unanswered): StreamedAnswer | Unanswered {
  if (answer.type !== "answer") return answer;
  const { status, headers, text, receivedAt } = answer;
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    yield Buffer.from(text);
  }
  return { type: "stream", status, headers, body: body(), receivedAt };
}
