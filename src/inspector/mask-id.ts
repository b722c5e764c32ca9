/**
 * Masked ids.
 *
 * @module
 */

/** The first character of an id, and its domain if it is an address: `a…@example.org`. */
export function maskId(id: string): string {
  const [first = ""] = id; // a character may take two units
  const at = id.lastIndexOf("@");
  return `${first}…${at > 0 ? id.slice(at) : ""}`;
}
