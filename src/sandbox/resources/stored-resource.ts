/** A resource as the sandbox keeps it: its owner, its place, and its states. */

import type { FhirVersion } from "./fhir-types.ts";

/** One state of a resource; without `text` it is deleted. */
export interface Revision {
  /** Counts the writes of the resource from 1: `meta.versionId`. */
  readonly versionId: number;
  /** When it was written, in milliseconds since 1970. */
  readonly at: number;
  /** From when on reads show it, in milliseconds since 1970; 0: at once. */
  readonly visibleAt: number;
  /** The resource as JSON, with the digits that were sent. */
  readonly text?: string;
}

/** A resource with its owner and its place. */
export interface StoredResource {
  /** Order of creation, for paging. */
  readonly order: number;
  readonly id: string;
  readonly owner: number;
  readonly version: FhirVersion;
  readonly type: string;
  /** The latest states, oldest first. */
  revisions: readonly Revision[];
  /** Users who may read it beside the owner. */
  sharedWith: readonly number[];
}

/** Who reads: one user, or `client` for all users of the application. */
export type Reader = number | "client";

/** How many states of a resource are kept. */
const mostRevisions = 100;

/** The latest state, whether reads show it yet or not. */
export function latest(stored: StoredResource): Revision | undefined {
  return stored.revisions.at(-1);
}

/** The state that reads show at `now`, if any. */
export function shown(stored: StoredResource, now: number): Revision | undefined {
  return stored.revisions.findLast(({ visibleAt }) => visibleAt <= now);
}

/** The states with one more; old ones go, but never the one that reads show. */
export function revised(stored: StoredResource, revision: Revision, now: number): readonly Revision[] {
  const all = [...stored.revisions, revision];
  const shownAt = all.findLastIndex(({ visibleAt }) => visibleAt <= now);
  return all.slice(Math.max(0, Math.min(all.length - mostRevisions, shownAt)));
}

/** May `reader` read it? */
export function isReadable({ owner, sharedWith }: StoredResource, reader: Reader): boolean {
  return reader === "client" || owner === reader || sharedWith.includes(reader);
}

/** The ids of the patients that a resource refers to, by `Patient/{id}` or an absolute address. */
export function patientsIn(text: string): ReadonlySet<string> {
  const found = text.matchAll(/"(?:[^"\\]*\/)?Patient\/([A-Za-z0-9.-]{1,64})"/g);
  return new Set(Array.from(found, ([, id = ""]) => id));
}

/** A resource of a snapshot. Snapshots of format 1 hold parsed resources. */
export function upgraded(stored: StoredResource): StoredResource {
  const revisions = stored.revisions as readonly (Revision & { readonly resource?: object })[];
  if (revisions.every(({ versionId }) => versionId !== undefined)) return stored;
  const first = versionOf(stored) - revisions.length + 1;
  return {
    ...stored,
    revisions: revisions.map(({ visibleAt, resource }, place) => ({
      versionId: first + place,
      at: visibleAt,
      visibleAt,
      ...(resource === undefined ? {} : { text: JSON.stringify(resource) }),
    })),
  };
}

function versionOf(stored: object): number {
  return "versionId" in stored && typeof stored.versionId === "number" ? stored.versionId : 1;
}
