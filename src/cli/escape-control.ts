/**
 * Escapes ids for a terminal.
 *
 * @module
 */

/** Ids come from outside: escapes the control characters with which one could manipulate the terminal. */
export function escapeControl(id: string): string {
  return id.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (one) => {
    return `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}
