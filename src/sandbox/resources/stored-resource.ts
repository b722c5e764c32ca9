/** A stored resource: its owner, its position, and its states. */

import type { FhirVersion } from "./served-types.ts";

/** One state of a resource; without `text` it is deleted. */
export interface Revision {
  /** Counts the writes of the resource from 1: `meta.versionId`. */
  readonly versionId: number;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
  /** When reads start to show it, in milliseconds since 1970; 0: at once. */
  readonly visibleAt: number;
  /** The resource as JSON, with the digits that were sent. */
  readonly text?: string;
}

/** A resource with its owner and its position. */
export interface StoredResource {
  /** Order of creation, for paging. */
  readonly order: number;
  readonly id: string;
  readonly owner: number;
  readonly version: FhirVersion;
  readonly type: string;
  /** The latest states, oldest first. */
  revisions: readonly Revision[];
  /** Users other than the owner who may read it. */
  sharedWith: readonly number[];
}

/** A reader: one user, or `client` for all users of the application. */
export type Reader = number | "client";

/** Maximum number of stored states per resource. */
const mostRevisions = 100;

/** The latest state, visible or not. */
export function latest(stored: StoredResource): Revision | undefined {
  return stored.revisions.at(-1);
}

/** The state that is visible at `now`, if any. */
export function shown(stored: StoredResource, now: number): Revision | undefined {
  return stored.revisions.findLast(({ visibleAt }) => visibleAt <= now);
}

/** The states plus one more; drops old ones, but never the visible one. */
export function revised(stored: StoredResource, revision: Revision, now: number): readonly Revision[] {
  const all = [...stored.revisions, revision];
  const shownAt = all.findLastIndex(({ visibleAt }) => visibleAt <= now);
  return all.slice(Math.max(0, Math.min(all.length - mostRevisions, shownAt)));
}

/** Whether `reader` may read it. */
export function isReadable({ owner, sharedWith }: StoredResource, reader: Reader): boolean {
  return reader === "client" || owner === reader || sharedWith.includes(reader);
}

/** The ids of the patients that a resource refers to, by `Patient/{id}` or an absolute address. */
export function patientsIn(text: string): ReadonlySet<string> {
  const found = text.matchAll(/"(?:[^"\\]*\/)?Patient\/([A-Za-z0-9.-]{1,64})"/g);
  return new Set(Array.from(found, ([, id = ""]) => id));
}
