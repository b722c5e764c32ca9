/**
 * The format in which capability statements are stored.
 *
 * @module
 */

/** A capability statement in a compact, readable format. */
export interface Declared {
  /** The interactions of a type, unless its line lists others. */
  readonly interactions: string;
  /** Operations of the server, on any level: the statement names none. */
  readonly operations: string;
  /** Operations of types, on that level: `*: operations of each type` and `Type: its own operations`. */
  readonly typeOperations: string;
  /** Interactions of the whole server. */
  readonly serverInteractions: string;
  /** Search parameters that all searchable types have. */
  readonly searchParams: string;
  /** `Type: own search parameters` or `Type = interactions: own search parameters`. */
  readonly types: string;
}
