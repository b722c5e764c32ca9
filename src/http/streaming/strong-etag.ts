/**
 * Validators of an answer that is read in parts.
 *
 * @module
 */
/** A validator that compares byte by byte (RFC 9110, 8.8.3). */
export function isStrong(etag: unknown): etag is string {
  return typeof etag === "string" && /^"[\x21\x23-\x7e]{1,200}"$/.test(etag);
}
