/**
 * Reads a resource that another one refers to.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import { mediaTypeOf, strayForm } from "../../fhir/attachment/content-of.ts";
import type { Announcement } from "../../fhir/attachment/reference-finder.ts";
import type { FhirClient } from "../../fhir/fhir-client.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
import { unreadableAttachment } from "../../fhir/stream-call.ts";
import type { JsonObject } from "../../http/json.ts";

/** How it is read. */
export interface Reading {
  /** Whether one that 1upHealth refuses counts as none. */
  readonly refusedAsNone: boolean;
  /** The longest content of a Binary. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/**
 * A reader with this client; `null`: the reference leads nowhere. It throws as a read. An answer that is not the resource
 * may be that of a gateway, so each such error is retryable. `announced`: what the reference announces of a Binary.
 */
export function referencedReader<V extends FhirVersion>(
  fhir: FhirClient<V>,
  { refusedAsNone, maxBytes, signal }: Reading,
): (type: string, id: string, announced?: Announcement) => Promise<JsonObject | null> {
  /** What 1upHealth has sent for a Binary: its bytes, or the resource. */
  let sent: "bytes" | "resource" | undefined;

  /** A Binary of the bytes. @throws {LifecycleError} `BAD_ANSWER` if they may be the answer of a gateway */
  async function binaryOf(id: string, announced: Announcement): Promise<JsonObject> {
    const content = await fhir.attachment({ url: `Binary/${id}`, ...announced }, { maxBytes, signal });
    const { contentType } = content;
    // The content is compared with what was announced. A server that sends resources sends no text in their place.
    const isSure = announced.contentType !== undefined && sent !== "resource";
    const stray = isSure ? null : strayForm(mediaTypeOf(contentType) ?? "", "");
    if (stray !== null) {
      content.cancel();
      throw unreadableAttachment(`${stray} came, which was not announced`);
    }
    const bytes = await content.bytes();
    if (bytes.length === 0) throw unreadableAttachment("it came empty");
    sent ??= "bytes";
    const data = Buffer.from(bytes).toString("base64");
    return { resourceType: "Binary", id, ...(contentType !== undefined && { contentType }), data };
  }

  async function read(type: string, id: string, announced: Announcement): Promise<JsonObject> {
    const isBinary = type === "Binary";
    if (sent === "bytes" && isBinary)
      try {
        return await binaryOf(id, announced);
      } catch (error) {
        if (!isLifecycleError(error, "BAD_ANSWER")) throw error;
      }
    try {
      const resource = await fhir.read(type as never, id, { signal }); // the type is one of this version
      if (isBinary) sent = "resource";
      return resource as unknown as JsonObject;
    } catch (error) {
      if (!isBinary || !isLifecycleError(error, "BAD_ANSWER") || isGone(error)) throw error;
      return binaryOf(id, announced);
    }
  }

  return (type, id, announced = {}) =>
    read(type, id, announced).catch((error: unknown) => {
      const isNowhere = isLifecycleError(error, "FHIR_REFUSED") && (refusedAsNone || isGone(error));
      if (isNowhere) return null;
      throw isLifecycleError(error, "BAD_ANSWER") ? Object.assign(error, { retryable: true }) : error;
    });
}

function isGone({ status }: LifecycleError): boolean {
  return status === 404 || status === 410;
}
