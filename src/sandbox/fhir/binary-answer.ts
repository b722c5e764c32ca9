/** A Binary as a response: its bytes, or the resource around them (FHIR R4, 2.9.3). */

import { Buffer } from "node:buffer";
import { inPart } from "../base/in-part.ts";
import { header, type Outgoing, parseObject } from "../base/message.ts";
import { type Carried, refused } from "../base/plan.ts";
import type { Revision } from "../resources/stored-resource.ts";
import type { FhirCall } from "./fhir-call.ts";
import { resourceAnswer } from "./operation-outcome.ts";

/** The response to a read of a Binary. */
export function binaryAnswer({ world, incoming }: FhirCall, state: Revision): Carried {
  const { binary } = world.settings;
  if (typeof binary === "object" && incoming.query === "") {
    const outgoing = { status: 307, headers: { location: binary.redirect }, body: "" };
    return refused("redirected", outgoing);
  }
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
