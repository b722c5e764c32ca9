/** The FHIR resources of all users: versions, read lag, sharing, and folders to find them. */

import type { Chance } from "../base/chance.ts";
import type { FhirVersion } from "./served-types.ts";
import { Folder } from "./folder.ts";
import { stamped } from "./resource-text.ts";
import {
  isReadable,
  latest,
  patientsIn,
  type Reader,
  type Revision,
  revised,
  shown,
  type StoredResource,
} from "./stored-resource.ts";

/** Options of writes. */
export interface ResourceSettings {
  /** Milliseconds before a write becomes visible: to the fastest replica, and to the slowest. */
  readonly readLagMs: readonly [min: number, max: number];
  readonly keepsMeta: boolean;
}

/** All resources of one type, or all that belong to one patient. */
export type Collection = { readonly type: string } | { readonly patient: string };

/** All resources, found by id and by reader without a scan. */
export class Resources {
  readonly #chance: Chance;
  readonly #settings: ResourceSettings;
  readonly #byId = new Map<string, StoredResource>();
  /** What each reader sees, by version, and by type or patient. */
  readonly #folders = new Map<string, Folder<StoredResource>>();
  /** The folders that contain a resource. */
  readonly #places = new Map<StoredResource, ReadonlySet<Folder<StoredResource>>>();
  /** What each user owns, by version, including deleted resources. */
  readonly #owned = new Map<string, Folder<StoredResource>>();
  /** Resources with a state that is not visible yet, oldest write first. */
  readonly #unsettled = new Set<StoredResource>();
  #order = 0;

  constructor(chance: Chance, settings: ResourceSettings) {
    this.#chance = chance;
    this.#settings = settings;
  }

  /** Stores a new resource, under `id` or one of the server's choice. `atOnce`: it is visible without a lag. */
  create(
    owner: number,
    version: FhirVersion,
    type: string,
    sent: string,
    now: number,
    {
      atOnce = false,
      id = this.#chance.hex(12),
    }: { readonly atOnce?: boolean; readonly id?: string | undefined } = {},
  ): StoredResource {
    while (this.#byId.has(key(version, type, id))) id = this.#chance.hex(12);
    this.#order += 1;
    const order = this.#order;
    const stored: StoredResource = { order, id, owner, version, type, revisions: [], sharedWith: [] };
    this.#keep(stored);
    this.revise(stored, now, sent, atOnce);
    return stored;
  }

  /**
   * Replaces a resource with what was sent; the server's id and `meta` take precedence. Without it, deletes the resource:
   * it stays visible until the read lag has passed, and its history stays.
   */
  revise(stored: StoredResource, now: number, sent?: string, atOnce: boolean = false): void {
    const { readLagMs, keepsMeta } = this.#settings;
    const [, longestLagMs] = readLagMs;
    const versionId = (latest(stored)?.versionId ?? 0) + 1;
    const visibleAt = atOnce || longestLagMs === 0 ? 0 : now + longestLagMs;
    const text =
      sent === undefined ? {} : { text: stamped(sent, { id: stored.id, versionId, at: now, keepsMeta }) };
    stored.revisions = revised(stored, { versionId, at: now, visibleAt, ...text }, now);
    this.#unsettled.delete(stored);
    if (visibleAt > 0) this.#unsettled.add(stored);
    this.#file(stored);
  }

  /** A resource that `reader` may write, whether it is visible yet or not. It may be deleted. */
  owned(reader: Reader, version: FhirVersion, type: string, id: string): StoredResource | undefined {
    const stored = this.#byId.get(key(version, type, id));
    return stored !== undefined && (reader === "client" || stored.owner === reader) ? stored : undefined;
  }

  /** A resource that `reader` may read and that has a visible state at `now`. It may be deleted. */
  readable(
    reader: Reader,
    version: FhirVersion,
    type: string,
    id: string,
    now: number,
  ): StoredResource | undefined {
    const stored = this.#byId.get(key(version, type, id));
    if (stored === undefined || !isReadable(stored, reader)) return undefined;
    return shown(stored, now) === undefined ? undefined : stored;
  }

  /**
   * The resources in a collection that `reader` sees at `now` and that pass `matches`, in order of creation. `search` is the
   * cache key of `matches`; without them, all of them.
   */
  find(
    reader: Reader,
    version: FhirVersion,
    collection: Collection,
    now: number,
    search = "",
    matches: (stored: StoredResource) => boolean = () => true,
  ): readonly StoredResource[] {
    this.#settle(now);
    const folder = this.#folders.get(collectionKey(reader, version, collection));
    if (folder === undefined) return [];
    if (this.#unsettled.size > 0) {
      return folder.items.filter((one) => isIn(collection, one, now) && (search === "" || matches(one)));
    }
    return search === "" ? folder.items : folder.find(search, matches);
  }

  /** The resources of a type that `reader` may read, also deleted ones. */
  everOf(reader: Reader, version: FhirVersion, type: string): readonly StoredResource[] {
    return [...this.#byId.values()].filter(
      (one) => one.version === version && one.type === type && isReadable(one, reader),
    );
  }

  /** Shares it with a user, or no longer. */
  share(stored: StoredResource, oneupUserId: number, isShared: boolean): void {
    const others = stored.sharedWith.filter((user) => user !== oneupUserId);
    stored.sharedWith = isShared ? [...others, oneupUserId] : others;
    this.#file(stored);
  }

  /** Erases up to `limit` resources of `owner` in `version`, newest first; returns true when none is left. */
  purge(owner: number, version: FhirVersion, limit: number): boolean {
    const folder = this.#owned.get(`${owner}/${version}`);
    for (let erased = 0; erased < limit; erased++) {
      const stored = folder?.items.at(-1); // from the end, so that no item has to move
      if (stored === undefined) return true;
      this.#forget(stored);
    }
    return folder === undefined || folder.items.length === 0;
  }

  get state(): readonly StoredResource[] {
    return structuredClone([...this.#byId.values()]);
  }

  set state(state: readonly StoredResource[]) {
    for (const map of [this.#byId, this.#folders, this.#places, this.#owned, this.#unsettled]) map.clear();
    this.#order = 0;
    for (const stored of structuredClone(state)) {
      this.#keep(stored);
      this.#file(stored);
      this.#order = Math.max(this.#order, stored.order);
    }
    const lagging = [...this.#byId.values()].filter((stored) => visibleAt(stored) > 0);
    for (const stored of lagging.sort((a, b) => visibleAt(a) - visibleAt(b))) this.#unsettled.add(stored);
  }

  #keep(stored: StoredResource): void {
    this.#byId.set(key(stored.version, stored.type, stored.id), stored);
    const owned = `${stored.owner}/${stored.version}`;
    open(this.#owned, owned).add(stored);
  }

  #forget(stored: StoredResource): void {
    this.#byId.delete(key(stored.version, stored.type, stored.id));
    this.#owned.get(`${stored.owner}/${stored.version}`)?.delete(stored);
    this.#unsettled.delete(stored);
    for (const place of this.#places.get(stored) ?? []) place.delete(stored);
    this.#places.delete(stored);
  }

  /** Files a resource by every state that is visible now or later. */
  #file(stored: StoredResource): void {
    const current = latest(stored);
    const states = (current?.visibleAt ?? 0) > 0 ? stored.revisions : stored.revisions.slice(-1);
    const before = this.#places.get(stored) ?? new Set();
    const places = new Set(placesOf(stored, states).map((place) => open(this.#folders, place)));
    for (const place of before) if (!places.has(place)) place.delete(stored);
    for (const place of places) place.add(stored);
    this.#places.set(stored, places);
  }

  /** Files resources whose latest state every replica shows by that state alone. */
  #settle(at: number): void {
    const [shortestMs, longestMs] = this.#settings.readLagMs;
    const now = at - (longestMs - shortestMs); // or earlier: see World.lookedAt()
    for (const stored of this.#unsettled) {
      const current = latest(stored);
      if (current !== undefined && current.visibleAt > now) return;
      this.#unsettled.delete(stored);
      if (current === undefined) continue;
      stored.revisions = [...stored.revisions.slice(0, -1), { ...current, visibleAt: 0 }];
      this.#file(stored);
    }
  }
}

function open(folders: Map<string, Folder<StoredResource>>, name: string): Folder<StoredResource> {
  const folder = folders.get(name) ?? new Folder<StoredResource>();
  folders.set(name, folder);
  return folder;
}

function placesOf(stored: StoredResource, states: readonly Revision[]): string[] {
  const { version, type, id, owner, sharedWith } = stored;
  const texts = states.flatMap(({ text }) => (text === undefined ? [] : [text]));
  if (texts.length === 0) return [];
  const collections: Collection[] = [{ type }];
  if (type === "Patient") collections.push({ patient: id });
  for (const text of texts) for (const patient of patientsIn(text)) collections.push({ patient });
  const readers: readonly Reader[] = [owner, ...sharedWith, "client"];
  return readers.flatMap((reader) =>
    collections.map((collection) => collectionKey(reader, version, collection)),
  );
}

/** Whether the state visible at `now` belongs to that collection. Only needed while some write is not visible yet. */
function isIn(collection: Collection, stored: StoredResource, now: number): boolean {
  const text = shown(stored, now)?.text;
  if (text === undefined || "type" in collection) return text !== undefined;
  return (
    (stored.type === "Patient" && stored.id === collection.patient) ||
    patientsIn(text).has(collection.patient)
  );
}

function visibleAt(stored: StoredResource): number {
  return latest(stored)?.visibleAt ?? 0;
}

function collectionKey(reader: Reader, version: FhirVersion, collection: Collection): string {
  return "type" in collection
    ? `${reader}/${version}/${collection.type}`
    : `${reader}/${version}/Patient/${collection.patient}`;
}

function key(version: FhirVersion, type: string, id: string): string {
  return `${version}/${type}/${id}`;
}
