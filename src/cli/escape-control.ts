/**
 * What other people wrote, on a terminal.
 *
 * @module
 */

/** An id comes from whoever calls: what would steer the terminal is escaped. */
export function visible(id: string): string {
  return id.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
