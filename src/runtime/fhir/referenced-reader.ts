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

/** A reader with this client; `null`: the reference leads nowhere. It throws as a read. */
export function referencedReader<V extends FhirVersion>(
  fhir: FhirClient<V>,
  { refusedAsNone, maxBytes, signal }: Reading,
): (type: string, id: string) => Promise<JsonObject | null> {
  /** Whether 1upHealth sends the bytes of a Binary, and not the resource. */
  let sendsBytes = false;

  async function binaryOf(id: string, refusal?: LifecycleError): Promise<JsonObject> {
    const content = await fhir.attachment(id, { maxBytes, signal });
    const { contentType } = content;
    if (refusal !== undefined && contentType?.startsWith("text/html")) throw refusal; // of a gateway, perhaps
    const data = Buffer.from(await content.bytes()).toString("base64");
    sendsBytes = true;
    return { resourceType: "Binary", id, ...(contentType !== undefined && { contentType }), data };
  }

  async function read(type: string, id: string): Promise<JsonObject> {
    if (sendsBytes && type === "Binary") return binaryOf(id);
    try {
      return (await fhir.read(type as never, id, { signal })) as unknown as JsonObject; // the type is one of this version
    } catch (error) {
      const isOther = isLifecycleError(error, "BAD_ANSWER") && !isGone(error);
      if (type === "Binary" && isOther) return binaryOf(id, error);
      throw error;
    }
  }

  return (type, id) =>
    read(type, id).catch((error: unknown) => {
      const isNowhere = isLifecycleError(error, "FHIR_REFUSED") && (refusedAsNone || isGone(error));
      if (isNowhere) return null;
      throw error;
    });
}

function isGone({ status }: LifecycleError): boolean {
  return status === 404 || status === 410;
}
