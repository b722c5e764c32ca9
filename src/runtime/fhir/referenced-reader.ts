/**
 * Reads a resource that another one refers to.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import type { FhirClient } from "../../fhir/fhir-client.ts";
import type { FhirVersion } from "../../fhir/fhir-version.ts";
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
 * A reader with this client; `null`: the reference leads nowhere. It throws as a read. `mediaType` is the one that the
 * reference announces for a Binary.
 */
export function referencedReader<V extends FhirVersion>(
  fhir: FhirClient<V>,
  { refusedAsNone, maxBytes, signal }: Reading,
): (type: string, id: string, mediaType?: string) => Promise<JsonObject | null> {
  /** Whether 1upHealth sends the bytes of a Binary, and not the resource. */
  let sendsBytes = false;

  /** A Binary of the bytes; `null`: they are a page of HTML that was not announced, so perhaps that of a gateway. */
  async function binaryOf(id: string, mediaType: string | undefined): Promise<JsonObject | null> {
    const content = await fhir.attachment(id, { maxBytes, signal });
    const { contentType } = content;
    if (isHtml(contentType) && !isHtml(mediaType)) {
      content.cancel();
      return null;
    }
    const data = Buffer.from(await content.bytes()).toString("base64");
    sendsBytes = true;
    return { resourceType: "Binary", id, ...(contentType !== undefined && { contentType }), data };
  }

  async function read(type: string, id: string, mediaType: string | undefined): Promise<JsonObject> {
    const isBinary = type === "Binary";
    const binary = sendsBytes && isBinary ? await binaryOf(id, mediaType) : null;
    if (binary !== null) return binary;
    try {
      return (await fhir.read(type as never, id, { signal })) as unknown as JsonObject; // the type is one of this version
    } catch (error) {
      const isOther = isLifecycleError(error, "BAD_ANSWER") && !isGone(error);
      const binary = isBinary && isOther ? await binaryOf(id, mediaType) : null;
      if (binary === null) throw error;
      return binary;
    }
  }

  return (type, id, mediaType) =>
    read(type, id, mediaType).catch((error: unknown) => {
      const isNowhere = isLifecycleError(error, "FHIR_REFUSED") && (refusedAsNone || isGone(error));
      if (isNowhere) return null;
      throw error;
    });
}

function isHtml(mediaType: string | undefined): boolean {
  return mediaType !== undefined && /^\s*(text\/html|application\/xhtml)/i.test(mediaType);
}

function isGone({ status }: LifecycleError): boolean {
  return status === 404 || status === 410;
}
