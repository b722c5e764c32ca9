/**
 * Why a call brought nothing: the only place where a network error or a response becomes a cause. Of the text of a
 * response it takes only codes from lists and places in a resource; the text itself stays a {@link Secret}.
 *
 * @module
 */
import { wordsIn } from "../capabilities/declared.ts";
import type { Cause } from "../errors.ts";
import { Secret } from "../secret.ts";
import { messagesIn, oauthCode, readAccountRefusal, readRefusal } from "./answer.ts";
import type { Answer, Call, Unanswered } from "./call.ts";
import { issuesIn } from "./fhir-issue.ts";
import { isObject, parseJson, text } from "./json.ts";
import { TransportError } from "./transport.ts";

/** What is known of a failed call itself. */
export type CallCause = Omit<Cause, "attempt" | "at" | "retryAt" | "text"> & {
  /** The words of the response that are not known here. */
  readonly text?: Secret;
};

/** A cause without its times. `text` is replaced by its length and fingerprint. */
export type PrintedCause = Omit<Cause, "attempt" | "at" | "retryAt">;

/** The outcome of a call, as far as a cause depends on it. */
interface Outcome {
  readonly type: string;
  readonly why?: string;
}

/** Outcomes that bring nothing, and the code of those that have no `why`; `null`: that of the response. */
const failures: ReadonlyMap<string, string | null> = new Map([
  ...wordsIn(
    "notSent lost inDoubt blocked throttled credentialsRefused refused unexplained grantRefused refuted",
  ).map((type) => [type, null] as const),
  ["missing", "user_missing"],
  ["conflict", "app_user_id_taken"],
  ["others", "other_users"],
  ["cut", "cut_off"],
]);

/** The cause, if the outcome brought nothing; otherwise `null`. */
export function causeOf(call: Call, answered: Answer | Unanswered, outcome: Outcome): CallCause | null {
  const ours = failures.get(outcome.type);
  if (ours === undefined) return null;
  const { name, endpoint, url } = call;
  const of = { call: name, endpoint, host: new URL(url).host };
  if (answered.type !== "answer") return { ...of, status: null, ...networkCode(answered.cause) };
  const { status } = answered;
  const body = parseJson(answered.text);
  const code = ours ?? oauthCode(body) ?? outcome.why ?? `http_${status}`;
  const issue = firstIssue(body);
  const words = ours === null && issue === undefined ? remarkIn(answered, body) : "";
  return {
    ...of,
    status,
    code,
    ...(issue && { issue }),
    ...(words !== "" && { text: new Secret(words) }),
  };
}

/** Whether the endpoint is at fault, or the network, and the cause; `null`: it answered as it should. */
export function troubleOf(
  call: Call,
  answered: Answer | Unanswered,
): { readonly cause: CallCause; readonly outcome: string; readonly isDown: boolean } | null {
  const outcome = answered.type === "answer" ? refusalIn(call, answered) : answered;
  const isDown = outcome !== null && down.has(outcome.type);
  if (outcome === null || !(isDown || outcome.type === "throttled" || outcome.type === "credentialsRefused"))
    return null;
  const cause = causeOf(call, answered, outcome);
  return cause && { cause, outcome: outcome.type, isDown };
}

const tokenRefused: Outcome = { type: "credentialsRefused" };

const down: ReadonlySet<string> = new Set(["notSent", "lost", "inDoubt", "blocked"]);

/** JSON that is no single value, or nothing. */
const looksWhole = /^[\uFEFF\s]*([[{]|$)/;

/** Tokens come as an object. */
const looksLikeTokens = /^[\uFEFF\s]*\{[^]*\}\s*$/;

/** The refusal that a response is for any call; `null`: none that tells something about the endpoint. */
function refusalIn({ endpoint, headers }: Call, answer: Answer): Outcome | null {
  const { status } = answer;
  const isSuccess = status >= 200 && status < 300;
  if (isSuccess && endpoint === "token" && !looksLikeTokens.test(answer.text))
    return { type: "inDoubt", why: "unreadable_body" };
  if (isSuccess && (answer.json !== undefined || looksWhole.test(answer.text))) return null;
  if (endpoint === "fhir" && status === 403) return null; // of one resource
  if (endpoint === "fhir" && status === 401)
    return headers["authorization"] === undefined ? null : tokenRefused;
  const read = endpoint === "fhir" ? readRefusal : readAccountRefusal; // no FHIR resource is found: that is an answer
  const refusal = read(answer, parseJson(answer.text));
  return refusal.type === "inDoubt" && status < 300 ? null : refusal;
}

/** The cause with the length and fingerprint of its text. Without `fingerprint`: without its text. */
export function printed(
  { text: words, ...cause }: CallCause,
  fingerprint?: (text: string) => string,
): PrintedCause {
  if (words === undefined || fingerprint === undefined) return cause;
  const whole = words.reveal();
  return { ...cause, text: { length: whole.length, fingerprint: fingerprint(whole) } };
}

function networkCode(error: unknown): Pick<CallCause, "code" | "timeoutMs"> {
  if (!(error instanceof TransportError)) return { code: "UNKNOWN" };
  const { timeoutMs } = error;
  const code = /^[A-Za-z0-9_]{2,60}$/.test(error.code) ? error.code : "UNKNOWN"; // transports are written by others
  return { code, ...(timeoutMs !== undefined && { timeoutMs }) };
}

/** The first error of an OperationOutcome. */
function firstIssue(body: unknown): Cause["issue"] {
  const issues = issuesIn(body);
  const first = issues.find(({ severity }) => severity === "error" || severity === "fatal") ?? issues[0];
  return first && { code: first.code ?? "unknown", at: first.at.slice(0, mostPlaces) };
}

const mostPlaces = 3;

/** Longer texts are cut: enough to compare two. */
const longestWords = 10_000;

/** The messages of an object, or a whole text that is no JSON. An object without a message may hold a secret. */
function remarkIn({ text: whole }: Answer, body: unknown): string {
  if (body === undefined) return whole.trim().slice(0, longestWords);
  return (isObject(body) ? messagesIn(body) : [body])
    .flatMap((part) => text(part) ?? [])
    .filter((part) => oauthCode({ error: part }) === undefined)
    .join(" ")
    .trim()
    .slice(0, longestWords);
}
