/**
 * `DELETE /{version}/purge`: erases a user's data in one FHIR version. A call is cut off after 30 s, and what was
 * erased stays erased, so it is repeated until it reports completion (1upHealth developer documentation, Purge). The
 * call carries the client's credentials and the user's number. It needs no token, so a user whose secrets are gone can
 * still be purged.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { wordsIn } from "../capabilities/declared.ts";
import { readRefusal, messageIn, type Refusal } from "./answer.ts";
import { describeCall, under, type Answer, type Call, type Client } from "./call.ts";
import { issueList } from "./fhir-issue.ts";
import { field, isObject, parseJson, text } from "./json.ts";

/** Describes a purge; sends nothing. `version`: a FHIR version as in 1upHealth's paths. */
export function purgeCall(
  client: Client,
  { oneupUserId, version }: { readonly oneupUserId: number; readonly version: string },
): Call {
  return describeCall({
    name: "purge",
    endpoint: "fhir",
    method: "DELETE",
    url: under(client.api, `/${version}/purge`),
    template: `/${version}/purge`,
    headers: {
      accept: "application/json",
      client_id: client.clientId,
      client_secret: client.clientSecret.reveal(),
      "x-oneup-user-id": String(oneupUserId),
    },
  });
}

/** The result of a purge. `cut`: some data is left; repeat the call. `digest`: SHA-256 of the answer, hex. */
export type PurgeAnswer =
  | { readonly type: "purged"; readonly digest: string }
  | { readonly type: "cut" }
  | Refusal;

/**
 * Reads the answer to {@link purgeCall}. 1upHealth's documentation does not print the answer to a finished purge, so
 * only its own form of a success counts: a 200 whose JSON object has `success: true` and nothing of another answer.
 * An empty body, `{}`, a Bundle or an OperationOutcome may come from something on the way, where nothing was erased:
 * the purge is repeated, which costs nothing.
 */
export function readPurge(answer: Answer): PurgeAnswer {
  const { status } = answer;
  const body = parseJson(answer.text);
  const message = messageIn(answer, body);
  // seam: a-purge-that-was-cut-goes-on
  if (status === 504 || status === 408 || /time[d ]{0,2}-?out/.test(message)) return { type: "cut" };
  if (status === 200 && isOwnSuccess(body))
    return /* seam: a-purge-that-is-done */ {
      type: "purged",
      digest: createHash("sha256").update(answer.text).digest("hex"),
    };
  const refusal = readPurgeRefusal(answer, body);
  // A complete 2xx that is no confirmation, such as a 204: nothing of it can arrive later, so it is no doubt but a refusal
  // without a reason, which is retried ever more rarely for a day.
  const isWhole = isObject(body) || Array.isArray(body) || answer.text.trim() === "";
  const isUnclear = status >= 200 && status < 300 && isWhole && refusal.type === "inDoubt";
  return isUnclear ? { type: "unexplained", why: "unclear_answer" } : refusal;
}

/** Fields of answers to other calls, and of refusals. */
const foreign = wordsIn("error issue resourceType entry code access_token app_user_id oneup_user_id");

function isOwnSuccess(body: unknown): boolean {
  const errors = field(body, "errors");
  const isClean = !Array.isArray(errors) || errors.length === 0;
  // seam: only-a-purge-answer-confirms-a-purge
  return (
    isClean && field(body, "success") === true && foreign.every((name) => field(body, name) === undefined)
  );
}

/** Only a FHIR server's own OperationOutcome refuses a purge for good. */
function readPurgeRefusal(answer: Answer, body: unknown): Refusal {
  const refusal = readRefusal(answer, body);
  const isFinal =
    answer.status >= 400 &&
    issueList(body).some((issue) => finalIssues.has(text(field(issue, "code")) ?? ""));
  return refusal.type === "unexplained" && isFinal
    ? { type: "refused", why: `http_${answer.status}` }
    : refusal;
}

/** Codes of issues that waiting does not change (FHIR IssueType). */
const finalIssues: ReadonlySet<string> = new Set(["forbidden", "not-supported"]);
