/**
 * `DELETE /{version}/purge`: erases what a user has in one FHIR version. It is cut at 30 s, and what was erased stays
 * erased, so it is repeated until it says that it is done (1upHealth developer documentation, Purge). The call carries
 * the client's credentials and the user's number: no token is needed, so a user whose secrets are gone can be purged.
 *
 * @module
 */
import { readRefusal, saying, type Refusal } from "./answer.ts";
import { describeCall, under, type Answer, type Call, type Client } from "./call.ts";
import { field, isObject, parseJson, truth } from "./json.ts";

/** Describes a purge; sends nothing. `version`: a name of a FHIR version as it stands in 1upHealth's paths. */
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

/** What a purge came to. `cut`: something is left, and the same call goes on. */
export type PurgeAnswer = { readonly type: "purged" } | { readonly type: "cut" } | Refusal;

/** Reads the answer to {@link purgeCall}. */
export function readPurge(answer: Answer): PurgeAnswer {
  const { status } = answer;
  const body = parseJson(answer.text);
  const said = saying(answer, body);
  if (status === 504 || status === 408 || /time[d ]{0,2}-?out/.test(said)) return { type: "cut" };
  const done = (status === 200 || status === 204) && (isObject(body) || answer.text.trim() === "");
  const says = truth(field(body, "success"), said.trim() === "" && field(body, "issue") === undefined);
  return done && says ? { type: "purged" } : readRefusal(answer, body);
}
