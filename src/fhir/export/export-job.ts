/**
 * The job at the server: its kick-off, its state until the files are there, its end. A list of files that does not have
 * the right form is refused as a whole: an export with a part missing would look complete.
 *
 * @module
 */
import { withSignals } from "../../abort.ts";
import { sleep } from "../../clock.ts";
import { isLifecycleError, LifecycleError, reworded } from "../../errors.ts";
import { describeCall, type Answer } from "../../http/call.ts";
import { issuesIn, namesAPassingError } from "../../http/fhir-issue.ts";
import { parseJson, field, isObject, numeric } from "../../http/json.ts";
import { retryAfterMs } from "../../http/retry-after.ts";
import { TransportError } from "../../http/transport.ts";
import { withCall, type Executor } from "../execute.ts";
import type { Operation } from "../operation.ts";
import { repeated, type Repetition } from "../repeat.ts";
import { sendHosted, type HostedCall } from "../stream-call.ts";
import { statusPath, fileLink, namesOfFile } from "./export-link.ts";
import type { BulkExportFile } from "./bulk-export.ts";

/** What the server answered: the files at once, or where to ask for them. */
export type Begun = { readonly status: string } | { readonly manifest: Manifest };

/** What the calls of a job are made with. */
export interface Job {
  readonly executor: Executor;
  /** The address of the kick-off: the analytics host and all that follows. */
  readonly address: string;
  /** The same without ids. */
  readonly template: string;
  readonly repetition: Repetition;
  /** How long to wait for the answer to the kick-off, ms. */
  readonly kickOffMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What a step of an export is in messages. Nothing in it is repeated by itself. */
export function exporting(words: string): Operation {
  return { interaction: "operation", words, expects: "anything", operation: "export" };
}

const starting = exporting("start the export");
const asking = exporting("ask for the state of the export");
const ending = exporting("end the export");

const kickOff = "fhirExport";

/**
 * Starts an export. 1upHealth documents that the files are listed at once; the FHIR Bulk Data guide answers 202 first. It
 * is sent once: a second one would start a second export.
 */
export async function begin(job: Job): Promise<Begun> {
  try {
    return await kickedOff(job);
  } catch (error) {
    if (!isLifecycleError(error) || !mayHaveBegun(error)) throw error;
    const { message, failedCall } = error;
    const late = `; none came within ${job.kickOffMs} ms, so raise kickOffMs if there is much to export`;
    const why = failedCall?.code === "TIMEOUT" ? late : "";
    const what = "an export may have begun, and the next start begins another one";
    throw reworded(error, `${message}${why}; ${what}`);
  }
}

/** Whether nothing shows that 1upHealth has not begun an export. */
function mayHaveBegun({ code, retryable, failedCall, cause }: LifecycleError): boolean {
  const isUnsent = cause instanceof TransportError && !cause.sent;
  return retryable && code !== "RATE_LIMITED" && failedCall?.call === kickOff && !isUnsent;
}

async function kickedOff({ executor, address, template, kickOffMs, signal }: Job): Promise<Begun> {
  const headers = { accept: "application/fhir+json", prefer: "respond-async" };
  const call: HostedCall = {
    name: kickOff,
    method: "GET",
    url: address,
    template,
    headers,
    isOwn: true,
  };
  const hosting = { isWanted: isAccepted, signal, withinMs: kickOffMs };
  const answer = await sendHosted(executor, starting, call, hosting);
  if (answer.status === 200) return { manifest: manifestIn(executor, call, answer) };
  const location = answer.headers["content-location"];
  if (location === undefined)
    throw new LifecycleError(
      "BAD_ANSWER",
      "Cannot start the export: the answer (202) must name its state, got none",
    );
  return { status: statusPath(address, address, location) };
}

/** The pause before the state is asked for again, if the server names none: the first, and the longest, ms. */
const firstPauseMs = 1_000;
const longestPauseMs = 60_000;
/** The longest pause that a server may ask for, ms. */
const longestNamedMs = 600_000;

/**
 * Waits until the files are there.
 *
 * @param status where to ask
 * @param told receives the server's words about its progress
 * @throws {LifecycleError} `UNAVAILABLE` after `waitMs`; `FHIR_REFUSED` with `status` 404 or 410 if the export is gone
 */
export async function untilReady(
  { executor, address, repetition, signal }: Job,
  status: string,
  waitMs: number,
  told: (words: string | undefined) => void,
): Promise<Manifest> {
  const { clock } = executor;
  const until = clock.monotonic() + waitMs;
  const call = stateCall("GET", new URL(address).origin + status);
  const look = async (): Promise<Manifest | Answer> => {
    const answer = await sendHosted(executor, asking, call, { isWanted: isAccepted, signal });
    return answer.status === 200 ? manifestIn(executor, call, answer) : answer;
  };
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const answer = await repeated(executor, repetition, signal, look).catch((error: unknown) => {
      if (!isGone(error)) throw error;
      const why = `1upHealth does not have it any more (${error.status}); start another one`;
      throw reworded(error, `Cannot go on with the export: ${why}`);
    });
    if ("files" in answer) return answer;
    told(answer.headers["x-progress"]?.replace(/[^\x20-\x7e]/g, "").slice(0, 100)); // fit for a line
    const named = retryAfterMs(answer.headers, answer.receivedAt);
    const own = pauseMs * (0.5 + clock.random());
    const nextMs = named === undefined ? own : Math.min(longestNamedMs, Math.max(firstPauseMs, named));
    if (clock.monotonic() + nextMs > until)
      throw new LifecycleError(
        "UNAVAILABLE",
        `Cannot list the files of the export: they would not be ready within ${waitMs} ms, because the next look at them would be later; continue from its cursor`,
        { retryable: true, retryAfterMs: Math.ceil(nextMs) },
      );
    await withSignals(signal, executor.ending, (signal) => sleep(clock, nextMs, signal));
  }
}

/** Ends an export. One that is gone is ended. */
export async function end({ executor, address, repetition, signal }: Job, status: string): Promise<void> {
  const call = stateCall("DELETE", new URL(address).origin + status);
  const isWanted = (status: number): boolean => isAccepted(status) || status === 204;
  try {
    await repeated(executor, repetition, signal, () =>
      sendHosted(executor, ending, call, { isWanted, signal }),
    );
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

function isAccepted(status: number): boolean {
  return status === 200 || status === 202;
}

function stateCall(method: "GET" | "DELETE", url: string): HostedCall {
  const [name, template] = [method === "GET" ? "fhirExportState" : "fhirExportEnd", "/{export}"];
  return { name, method, url, template, headers: { accept: "application/json" }, isOwn: true };
}

/** @throws {LifecycleError} `BAD_ANSWER`, retryable if something else came in place of a list, as from a gateway */
function manifestIn({ clock }: Executor, call: HostedCall, answer: Answer): Manifest {
  const body = parseJson(answer.text);
  const read = readManifest(body, call.url, call.url);
  if (typeof read !== "string") return read;
  const message = `Cannot list the files of the export: the answer must hold ${read}`;
  const error = new LifecycleError("BAD_ANSWER", message, {
    status: answer.status,
    facts: { issues: issuesIn(body) },
    // seam: what-is-no-list-in-place-of-one-may-pass
    retryable: !isObject(body) || namesAPassingError(body),
  });
  throw withCall(error, describeCall({ ...call, endpoint: "fhir" }), answer, { attempt: 1, clock });
}

function isGone(error: unknown): error is LifecycleError {
  return isLifecycleError(error, "FHIR_REFUSED") && (error.status === 404 || error.status === 410);
}

/** A file, and where it is. */
export interface ListedFile extends BulkExportFile {
  readonly isOwn: boolean;
  /** Identifies it: the link, without its query unless that tells files apart, and then without signatures. */
  readonly name: string;
}

/** The list of files, each once, in an order that does not depend on that of the server. */
export interface Manifest {
  readonly files: readonly ListedFile[];
  /** Whether files at the analytics host are read with credentials. */
  readonly needsAccess: boolean;
}

const lists = ["output", "error", "deleted"] as const;

/**
 * @param base the address of the analytics host
 * @returns the list, or in words what it lacks
 * @throws {LifecycleError} `BAD_ANSWER` for a link that is not followed
 */
function readManifest(body: unknown, base: string, from: string): Manifest | string {
  if (!isObject(body) || !Array.isArray(body["output"])) return "a list of files in output";
  const { link = [] } = body;
  if (Array.isArray(link) && link.some((one) => field(one, "relation") === "next"))
    return "all files, and it is the first page of a list";
  const files = new Map<string, Omit<ListedFile, "name">>();
  const names = new Map<string, number>();
  for (const list of lists) {
    const all = body[list] ?? [];
    if (!Array.isArray(all)) return `a list of files in ${list}`;
    for (const one of all as readonly unknown[]) {
      const [type, url, count] = [field(one, "type"), field(one, "url"), field(one, "count")];
      if (typeof type !== "string" || !/^[A-Z][A-Za-z]{0,63}$/.test(type) || typeof url !== "string")
        return `a type and a url for each file in ${list}`;
      const link = fileLink(base, from, url);
      if (files.has(link.url)) continue; // a file that is listed twice would be read twice
      const known = numeric(count);
      if (count !== undefined && count !== null && !(Number.isSafeInteger(known) && Number(known) >= 0))
        return `a whole number as the count of each file in ${list}`;
      files.set(link.url, { list, type, ...link, count: known });
      for (const name of namesOfFile(link.url)) names.set(name, (names.get(name) ?? 0) + 1);
    }
  }
  const named = [...files.values()].map((file): ListedFile => {
    const name = [...namesOfFile(file.url)].find((one) => names.get(one) === 1) ?? file.url;
    return { ...file, name };
  });
  named.sort((one, other) => compare(one.type, other.type) || compare(one.name, other.name));
  return { files: named, needsAccess: body["requiresAccessToken"] !== false };
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
