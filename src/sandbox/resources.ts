/** The FHIR resources of all users: versions, visibility after the read lag, sharing. */

import type { Chance } from "./chance.ts";
import type { FhirVersion } from "./fhir-types.ts";

/** A FHIR resource as JSON has it. */
export type Resource = Readonly<Record<string, unknown>>;

/** One state of a resource; without `resource` it is deleted. */
interface Revision {
  /** From when on reads show it, in milliseconds since 1970. */
  readonly visibleAt: number;
  readonly resource?: Resource;
}

/** A resource with its owner and its place. */
export interface StoredResource {
  /** Order of creation, for paging. */
  readonly order: number;
  readonly id: string;
  readonly owner: number;
  readonly version: FhirVersion;
  readonly type: string;
  /** Counts the writes; `meta.versionId` of the last one. */
  versionId: number;
  /** The states that a read may still show, oldest first. */
  revisions: Revision[];
  /** Users who may read it beside the owner. */
  sharedWith: number[];
}

/** Who reads: one user, or `client` for all users of the application. */
export type Reader = number | "client";

/** All resources, found by id and by reader without a scan. */
export class Resources {
  readonly #chance: Chance;
  readonly #lagMs: number;
  readonly #byId = new Map<string, StoredResource>();
  /** What each user can see, by user and version, then by type. */
  readonly #folders = new Map<string, Map<string, Set<StoredResource>>>();
  #order = 0;

  constructor(chance: Chance, lagMs: number) {
    this.#chance = chance;
    this.#lagMs = lagMs;
  }

  /** Stores a new resource under an id of the server's own. */
  create(owner: number, version: FhirVersion, type: string, sent: Resource, now: number): Resource {
    let id = this.#chance.hex(12);
    while (this.#byId.has(key(version, type, id))) id = this.#chance.hex(12);
    this.#order += 1;
    const stored: StoredResource = {
      order: this.#order,
      id,
      owner,
      version,
      type,
      versionId: 0,
      revisions: [],
      sharedWith: [],
    };
    this.#keep(stored);
    return this.update(stored, sent, now);
  }

  /** Replaces a resource. The server's id and `meta` win. */
  update(stored: StoredResource, sent: Resource, now: number): Resource {
    stored.versionId += 1;
    const meta = { versionId: String(stored.versionId), lastUpdated: new Date(now).toISOString() };
    const resource = { ...sent, id: stored.id, meta };
    this.#revise(stored, now, { visibleAt: now + this.#lagMs, resource });
    return resource;
  }

  /** Deletes a resource; reads stop showing it after the read lag. */
  delete(stored: StoredResource, now: number): void {
    if (this.#lagMs === 0) this.#forget(stored);
    else this.#revise(stored, now, { visibleAt: now + this.#lagMs });
  }

  /** A resource that is not deleted and that `reader` may write, whether reads show it yet or not. */
  owned(reader: Reader, version: FhirVersion, type: string, id: string): StoredResource | undefined {
    const stored = this.#byId.get(key(version, type, id));
    if (stored === undefined || stored.revisions.at(-1)?.resource === undefined) return undefined;
    return reader === "client" || stored.owner === reader ? stored : undefined;
  }

  /** What `reader` sees of a resource at `now`. */
  read(reader: Reader, version: FhirVersion, type: string, id: string, now: number): Resource | undefined {
    const stored = this.#byId.get(key(version, type, id));
    if (stored === undefined) return undefined;
    const allowed = reader === "client" || stored.owner === reader || stored.sharedWith.includes(reader);
    return allowed ? visible(stored, now) : undefined;
  }

  /** Everything that `reader` sees at `now`, of one type or of all, in order of creation. */
  list(reader: Reader, version: FhirVersion, type: string | undefined, now: number): Listed[] {
    const listed: Listed[] = [];
    for (const stored of this.#candidates(reader, version, type)) {
      const resource = visible(stored, now);
      if (resource !== undefined) listed.push({ order: stored.order, resource });
    }
    return listed.sort((a, b) => a.order - b.order);
  }

  share(stored: StoredResource, oneupUserId: number): void {
    if (stored.sharedWith.includes(oneupUserId)) return;
    stored.sharedWith.push(oneupUserId);
    this.#folder(oneupUserId, stored).add(stored);
  }

  unshare(stored: StoredResource, oneupUserId: number): void {
    stored.sharedWith = stored.sharedWith.filter((user) => user !== oneupUserId);
    if (stored.owner !== oneupUserId) this.#folder(oneupUserId, stored).delete(stored);
  }

  /** Erases up to `limit` resources that `owner` has in `version`; true when none is left. */
  purge(owner: number, version: FhirVersion, limit: number): boolean {
    let erased = 0;
    for (const folder of this.#folders.get(`${owner}/${version}`)?.values() ?? []) {
      for (const stored of folder) {
        if (stored.owner !== owner) continue;
        if (erased === limit) return false;
        this.#forget(stored);
        erased += 1;
      }
    }
    return true;
  }

  get state(): readonly StoredResource[] {
    return structuredClone([...this.#byId.values()]);
  }

  set state(state: readonly StoredResource[]) {
    this.#byId.clear();
    this.#folders.clear();
    this.#order = 0;
    for (const stored of structuredClone(state)) {
      this.#keep(stored);
      this.#order = Math.max(this.#order, stored.order);
    }
  }

  #keep(stored: StoredResource): void {
    this.#byId.set(key(stored.version, stored.type, stored.id), stored);
    for (const user of [stored.owner, ...stored.sharedWith]) this.#folder(user, stored).add(stored);
  }

  #forget(stored: StoredResource): void {
    this.#byId.delete(key(stored.version, stored.type, stored.id));
    for (const user of [stored.owner, ...stored.sharedWith]) this.#folder(user, stored).delete(stored);
  }

  #folder(user: number, { version, type }: StoredResource): Set<StoredResource> {
    const types = this.#folders.get(`${user}/${version}`) ?? new Map<string, Set<StoredResource>>();
    this.#folders.set(`${user}/${version}`, types);
    const folder = types.get(type) ?? new Set<StoredResource>();
    types.set(type, folder);
    return folder;
  }

  #candidates(reader: Reader, version: FhirVersion, type: string | undefined): Iterable<StoredResource> {
    if (reader === "client") {
      return [...this.#byId.values()].filter(
        (stored) => stored.version === version && (type === undefined || stored.type === type),
      );
    }
    const types = this.#folders.get(`${reader}/${version}`);
    if (types === undefined) return [];
    return type === undefined
      ? [...types.values()].flatMap((folder) => [...folder])
      : (types.get(type) ?? []);
  }

  #revise(stored: StoredResource, now: number, revision: Revision): void {
    const shown = stored.revisions.findLastIndex((earlier) => earlier.visibleAt <= now);
    stored.revisions = [...stored.revisions.slice(Math.max(0, shown)), revision];
    if (this.#lagMs === 0) stored.revisions = [revision];
  }
}

/** A resource in a list. */
export interface Listed {
  /** Order of creation. */
  readonly order: number;
  readonly resource: Resource;
}

function visible(stored: StoredResource, now: number): Resource | undefined {
  return stored.revisions.findLast((revision) => revision.visibleAt <= now)?.resource;
}

function key(version: FhirVersion, type: string, id: string): string {
  return `${version}/${type}/${id}`;
}
