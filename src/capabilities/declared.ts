/**
 * The format in which capability statements are stored.
 *
 * @module
 */

/** A capability statement in a compact, readable format. */
export interface Declared {
  /** The interactions of a type, unless its line lists others. */
  readonly interactions: string;
  readonly operations: string;
  /** Search parameters that all searchable types have. */
  readonly searchParams: string;
  /** `Type: own search parameters` or `Type = interactions: own search parameters`. */
  readonly types: string;
}
