/** The FHIR calls that change data: create, update, delete, `_permission` and purge. */

import { absent, ambiguous, type FhirCall, gone } from "./fhir-call.ts";
import { header, json, parseObject } from "../base/message.ts";
import { deepest, isDeeper } from "../base/is-deeper.ts";
import { itemsOf, membersOf } from "../resources/resource-text.ts";
import { fhirJson, issue, issues, placed, resourceAnswer } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import { latest, type StoredResource } from "../resources/stored-resource.ts";
import { flawsOf } from "./flaws-of.ts";

export function create(call: FhirCall): Carried {
  const { world, incoming, reader, version, type, root } = call;
  if (reader === "client") return ambiguous();
  const sent = readResource(call);
  if ("outcome" in sent) return sent;
  const stored = world.resources.create(reader, version, type, incoming.body, world.now());
  return written(stored, world.settings.created, "created", { location: `${root}/${type}/${stored.id}` });
}

export function update(call: FhirCall): Carried {
  const { world, incoming } = call;
  return withOwned(call, (stored) => {
    const sent = readResource(call);
    if ("outcome" in sent) return sent;
    if (sent.id !== undefined && sent.id !== call.id) {
      return misplaced(call, "id", "The id is not the one of the address");
    }
    const refusal = checkVersion(call, stored);
    if (refusal !== undefined) return refusal;
    world.resources.revise(stored, world.now(), incoming.body);
    return written(stored, 200, "updated");
  });
}

/** `POST /{version}/{type}/$validate`: what {@link create} would refuse, without storing anything. */
export function validate(call: FhirCall): Carried {
  const parameters = parseObject(call.incoming.body)?.["parameter"];
  const members = Array.isArray(parameters) ? membersOf(call.incoming.body) : undefined;
  const items = itemsOf(members?.get("parameter") ?? "[]").filter((one) => one.startsWith("{"));
  const listed = items.map((one) => membersOf(one));
  const resource = listed.find((one) => one.get("name") === '"resource"')?.get("resource");
  const body = members === undefined ? call.incoming.body : (resource ?? "");
  const read = readResource({ ...call, incoming: { ...call.incoming, body } });
  if (!("outcome" in read)) {
    const fine = [{ severity: "information", code: "informational", diagnostics: "No issues" }];
    const outcome = { resourceType: "OperationOutcome", issue: fine };
    return { outgoing: fhirJson(200, outcome), outcome: "valid", committed: true };
  }
  const status = call.world.settings.invalidStatus;
  return { ...read, outgoing: { ...read.outgoing, status } };
}

export function erase(call: FhirCall): Carried {
  return withOwned(call, (stored) => {
    call.world.resources.revise(stored, call.world.now());
    return { outgoing: { status: 204, headers: {}, body: "" }, outcome: "deleted", committed: true };
  });
}

export function permit(call: FhirCall, share: boolean): Carried {
  const { resources, users } = call.world;
  return withOwned(call, (stored) => {
    const user = users.byId(Number(call.last));
    if (user === undefined) return absent();
    resources.share(stored, user.oneupUserId, share);
    const outcome = share ? "shared" : "unshared";
    return { outgoing: json(200, { success: true }), outcome, committed: true };
  });
}

export function purge({ world, reader, version }: FhirCall): Carried {
  if (reader === "client") return ambiguous();
  const finished = world.resources.purge(reader, version, world.settings.purgeBatch);
  const outgoing = finished
    ? json(200, { success: true })
    : json(504, { message: "Endpoint request timed out" });
  return { outgoing, outcome: finished ? "purged" : "cut", committed: true };
}

function written(
  stored: StoredResource,
  status: number,
  outcome: string,
  headers?: Readonly<Record<string, string>>,
): Carried {
  return { outgoing: resourceAnswer(status, latest(stored), headers), outcome, committed: true };
}

function withOwned(call: FhirCall, use: (stored: StoredResource) => Carried): Carried {
  const stored = call.world.resources.owned(call.reader, call.version, call.type, call.id);
  if (stored === undefined) return absent();
  return latest(stored)?.text === undefined ? gone(call) : use(stored);
}

/** `If-Match` names the version that the caller has read (FHIR R4, 3.1.0.5); without it the last write wins. */
function checkVersion({ world, incoming, version }: FhirCall, stored: StoredResource): Carried | undefined {
  const expected = header(incoming, "if-match");
  if (expected === undefined) {
    if (version !== "r4" || world.settings.ifMatch === "optional") return undefined;
    return issue(400, "required", "An update must name the version with If-Match");
  }
  const named = /^(?:W\/)?"([^"]*)"$/.exec(expected)?.[1];
  if (named === undefined) return issue(400, "invalid", 'If-Match must be written as W/"1"');
  if (named === String(latest(stored)?.versionId)) return undefined;
  return issue(412, "conflict", `The version ${named} is not the current one`);
}

function readResource(call: FhirCall): { readonly id: unknown } | Carried {
  const { incoming, version, type } = call;
  const resource = parseObject(incoming.body);
  if (resource === undefined) return issue(400, "structure", "The body is not a JSON object");
  if (isDeeper(resource)) return issue(400, "structure", `The body nests deeper than ${deepest}`);
  if (resource["resourceType"] !== type) {
    return misplaced(call, "resourceType", "The resourceType is not the one of the address");
  }
  const flaws = flawsOf(version, resource, call.world.settings.validation);
  if (flaws.length === 0) return { id: resource["id"] };
  const told = flaws.map(({ path, ...flaw }) => ({ ...flaw, ...placed(version, type, path) }));
  const isMisshapen = flaws.some(({ code }) => code === "required" || code === "structure");
  return issues(isMisshapen ? 400 : 422, told);
}

function misplaced({ version, type }: FhirCall, name: string, diagnostics: string): Carried {
  return issues(400, [{ code: "invalid", diagnostics, ...placed(version, type, [name]) }]);
}
