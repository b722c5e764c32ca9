/** `POST /{version}` with a Bundle: each entry is a call of its own, and one that fails fails alone. */

import { isObject } from "../../checks.ts";
import type { Behaviour } from "../options/behaviour.ts";
import { type Incoming, type Outgoing, parseObject } from "../base/message.ts";
import type { Carried } from "../base/plan.ts";
import { itemsOf, membersOf } from "../resources/resource-text.ts";
import { ambiguous, type FhirCall } from "./fhir-call.ts";
import { fhirJson, issue } from "./operation-outcome.ts";

/** "a maximum of 20" (1upHealth documentation, bundles). */
const mostEntries = 20;

export function batch(call: FhirCall): Carried {
  if (call.reader === "client") return ambiguous();
  const bundle = parseObject(call.incoming.body);
  if (bundle?.["resourceType"] !== "Bundle") return issue(400, "structure", "The body is not a Bundle");
  if (bundle["type"] !== "batch") return issue(400, "not-supported", "Only a batch is supported");
  const sent = membersOf(call.incoming.body).get("entry") ?? "[]";
  const entries = sent.startsWith("[") ? itemsOf(sent) : [];
  if (entries.length > mostEntries)
    return issue(400, "too-costly", `A Bundle must not have more than ${mostEntries} entries`);
  const answers = entries.map((entry) => answerTo(call, entry));
  const { batchAnswer } = call.world.settings;
  const told = changed[batchAnswer](answers).map((one) => entryText(one, batchAnswer === "bare"));
  const body = `{"resourceType":"Bundle","type":"batch-response","entry":[${told.join(",")}]}`;
  return { outgoing: { ...fhirJson(200, null), body }, outcome: "batched", committed: true };
}

function answerTo(call: FhirCall, entry: string): Outgoing {
  const { request } = parseObject(entry) ?? {};
  const { method, url, ifMatch } = isObject(request) ? request : {};
  if (typeof method !== "string" || typeof url !== "string" || !/^[A-Z]\w*(?:[/?]|$)/.test(url))
    return issue(400, "structure", "The entry has no request for a resource").outgoing;
  const { incoming } = call;
  const [path = "", ...query] = url.split("?");
  const { "if-match": _, ...headers } = incoming.headers;
  const inner: Incoming = {
    ...incoming,
    method,
    path: `${incoming.path.replace(/\/$/, "")}/${path}`,
    query: query.join("?"),
    headers: typeof ifMatch === "string" ? { ...headers, "if-match": ifMatch } : headers,
    body: membersOf(entry).get("resource") ?? "",
  };
  return call.carryOut(inner).outgoing;
}

/** The answers, changed as the option `batchAnswer` demands. */
const changed: Readonly<
  Record<Behaviour["batchAnswer"], (answers: readonly Outgoing[]) => readonly Outgoing[]>
> = {
  usual: (answers) => answers,
  bare: (answers) => answers,
  fewer: (answers) => answers.slice(1),
  more: (answers) => [...answers.slice(0, 1), ...answers],
  reversed: (answers) => answers.toReversed(),
  foreign: (answers) =>
    answers.map((one) => ({ ...one, body: one.body.replace(/"id":"[^"]*"/, '"id":"foreign"') })),
};

function entryText({ status, headers, body }: Outgoing, bare: boolean): string {
  const { location, etag } = headers;
  const response = JSON.stringify({ status: `${status} ${words[status] ?? ""}`.trim(), location, etag });
  if (body === "") return `{"response":${response}}`;
  if (status >= 300) return `{"response":${response.slice(0, -1)},"outcome":${body}}}`;
  return bare && location !== undefined
    ? `{"response":${response}}`
    : `{"resource":${body},"response":${response}}`;
}

const words: Readonly<Record<number, string>> = { 200: "OK", 201: "Created", 204: "No Content" };
