/**
 * Where the revisions of a new record begin.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** The number of first revisions: with room for more writes than a record ever has, they stay integers of 31 bits. */
const firstRevisions = 2 ** 30;

/**
 * The revision that a new record begins with, drawn from the random name of its first write. An id may pass to another
 * person, whose record then has revisions of its own: a write that a stalled process sends late, for the person before,
 * finds none that it expects.
 */
export function firstRevision(writeId: string): number {
  // seam: a-new-record-has-revisions-of-its-own
  return 1 + (createHash("sha256").update(writeId).digest().readUInt32BE(0) % firstRevisions);
}
