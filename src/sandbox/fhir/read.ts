/**
 * The FHIR calls that read one resource: its current state, a version, and its history. A Binary is read as its bytes, or as
 * the resource around them (FHIR R4, 2.9.3).
 */
import { Buffer } from "node:buffer";
import { type Entry, pageOf } from "./bundle.ts";
import { absent, type FhirCall, gone, withReadable } from "./fhir-call.ts";
import { readQuery } from "./read-query.ts";
import { resourceAnswer } from "./operation-outcome.ts";
import { type Carried, refused } from "../base/plan.ts";
import { type Revision, shown, type StoredResource } from "../resources/stored-resource.ts";
import { inPart } from "../base/in-part.ts";
import { header, json, type Outgoing, parseObject } from "../base/message.ts";

export function read(call: FhirCall): Carried {
  return withReadable(call, (stored) => answer(call, shown(stored, call.lookedAt())));
}

/** `GET /{version}/{type}/{id}/_history/{versionId}`. */
export function readVersion(call: FhirCall): Carried {
  return withReadable(call, (stored) => {
    const found = shownStates(call, stored).find(({ versionId }) => String(versionId) === call.last);
    return found === undefined ? absent() : answer(call, found);
  });
}

/** `GET /{version}/{type}/{id}/_history`, or without the id that of all resources: the stored states, newest first. */
export function history(call: FhirCall): Carried {
  if (call.id === "") return historyOfType(call);
  return withReadable(call, (stored) => {
    const query = readQuery(call.incoming.query);
    if ("outcome" in query) return query;
    const address = `${call.type}/${stored.id}`;
    const states = shownStates(call, stored).toReversed();
    // The cursor counts down from the newest version, so that a write between two pages repeats no entry.
    const entries = states.map((state) => ({ ...entryOf(state, address), order: -state.versionId }));
    return pageOf(call, entries, (entry) => entry, query.search, {
      type: "history",
      self: `${call.root}/${address}/_history`,
    });
  });
}

function historyOfType(call: FhirCall): Carried {
  const { world, incoming, reader, version, type, root } = call;
  const query = readQuery(incoming.query);
  if ("outcome" in query) return query;
  const all = world.resources
    .everOf(reader, version, type)
    .flatMap((stored) => shownStates(call, stored).map((state) => ({ state, stored, order: stored.order })));
  all.sort((one, other) => one.state.at - other.state.at || one.order - other.order);
  const entries = all.map(({ state, stored }, index) => ({
    ...entryOf(state, `${type}/${stored.id}`),
    order: -index, // as above
  }));
  const self = `${root}/${type}/_history`;
  return pageOf(call, entries.toReversed(), (entry) => entry, query.search, { type: "history", self });
}

function answer(call: FhirCall, state: Revision | undefined): Carried {
  if (state?.text === undefined) return gone(call);
  if (call.type === "Binary") return binaryAnswer(call, state);
  return { outgoing: resourceAnswer(200, state), outcome: "read", committed: true };
}

function shownStates({ lookedAt }: FhirCall, { revisions }: StoredResource): readonly Revision[] {
  return revisions.filter(({ visibleAt }) => visibleAt <= lookedAt());
}

function entryOf({ versionId, text }: Revision, address: string): Entry {
  const [path = ""] = address.split("/");
  const [method, status] =
    text === undefined ? ["DELETE", "204"] : versionId === 1 ? ["POST", "201"] : ["PUT", "200"];
  const request = { method, url: method === "POST" ? path : address };
  return {
    address,
    text,
    extra: { request, response: { status, etag: `W/"${versionId}"` } },
  };
}

/** The response to a read of a Binary. */
function binaryAnswer({ world, incoming }: FhirCall, state: Revision): Carried {
  const { binary } = world.settings;
  if (typeof binary === "object" && incoming.query === "") {
    const outgoing = { status: 307, headers: { location: binary.redirect }, body: "" };
    return refused("redirected", outgoing);
  }
  if (binary === "timedOut") return refused("timed out", json(200, { errorMessage: "Task timed out" }));
  const asked = header(incoming, "accept") ?? "";
  const isResource = binary === "json" || (binary !== "raw" && /^application\/([\w.]+\+)?json/.test(asked));
  const whole = isResource ? resourceAnswer(200, state) : contentOf(state, binary);
  const outgoing = world.settings.binaryRanges ? inPart(incoming, whole, true) : whole;
  return { outgoing, outcome: "read", committed: true };
}

function contentOf({ text = "{}", versionId, at }: Revision, binary: unknown): Outgoing {
  const { contentType, data, content } = parseObject(text) ?? {};
  const written = [data, content].find((one) => typeof one === "string") ?? "";
  const bytes = Buffer.from(written, "base64");
  const type = typeof contentType === "string" ? contentType : "application/octet-stream";
  if (binary === "changed" && bytes.length > 0) bytes[0] = (bytes[0] ?? 0) ^ 1;
  const sent = binary === "short" ? bytes.subarray(0, -1) : bytes;
  const validators = { etag: `W/"${versionId}"`, "last-modified": new Date(at).toUTCString() };
  return { status: 200, headers: { "content-type": type, ...validators }, body: "", bytes: sent };
}
