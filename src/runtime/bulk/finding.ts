/**
 * Finds the differences between the users here and at 1upHealth: reads 1upHealth's list once, page by page, and then
 * every user here. Holds three numbers per user in memory, about 150 bytes, and up to a bound the users that differ.
 *
 * @module
 */
import { isRenaming } from "../../../machines/index.ts";
import { isLifecycleError } from "../../errors.ts";
import type { RemoteUser } from "../../http/user-management.ts";
import { isId } from "../options/check-id.ts";
import type { Difference } from "./reconciliation.ts";
import type { Engine } from "../engine/engine.ts";
import { retryWrite } from "../engine/retry-write.ts";
import { listUserIds, loadRecord, lookForUser, nullIfPermanent } from "../engine/load-user.ts";
import { hashOf } from "../user/hash-of.ts";
import { forEachRow, rowsAtOnce } from "./for-each-row.ts";
import { readInClear, type User } from "../user/user.ts";

/** The most differing users held until every user here has been read. */
const mostHeld = 100_000;
/** Ids listed per request to the store. */
const idsPerPage = 500;
/** After this many rounds, users that were not visited are given up. */
const mostRounds = 16;
/** How far other processes' clocks may be off, ms. */
const skewMs = 5 * 60_000;

/** A user of 1upHealth's list whose id is valid here. */
type Named = RemoteUser & { readonly appUserId: string };

/** The parameters of a comparison. */
export interface ComparisonOptions {
  readonly signal: AbortSignal;
  readonly found: (difference: Difference) => void;
}

/** One comparison of the users here with 1upHealth's list. */
export class UserComparison {
  readonly #engine: Engine;
  readonly #options: ComparisonOptions;
  readonly #there = new Set<number>();
  /** The pairs of number and id there, each as one hash. */
  readonly #pairs = new Set<number>();
  readonly #onlyThere = new Map<number, Named>();
  /** The ids there of users that have another number here under that id, or none. */
  readonly #elsewhere = new Map<number, string>();
  /** The numbers here of users that have another one there. */
  readonly #others = new Set<number>();
  /** Users here whose number has another id there that is also known here. */
  readonly #sharedNumbers = new Map<string, number>();
  /** Users here that were read. */
  readonly #visited = new Set<number>();
  readonly #startedAt: number;
  /** Users only there that are not held. */
  notHeld = 0;
  /** Every user here was read, so none of {@link onlyThere} is here under another id. */
  isCertain = false;

  constructor(engine: Engine, options: ComparisonOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#startedAt = engine.clock.now() - skewMs;
  }

  /** The users that are only there, once every user here has been read. */
  get onlyThere(): readonly Named[] {
    return [...this.#onlyThere.values()];
  }

  /** The number of users here that were read. */
  get here(): number {
    return this.#visited.size;
  }

  /** Looks up each user of a page here. */
  async addPage(users: readonly RemoteUser[]): Promise<void> {
    await forEachRow(users, 32, this.#options.signal, (user) => this.#lookUp(user));
  }

  async #lookUp(user: RemoteUser): Promise<void> {
    const { found } = this.#options;
    const { oneupUserId, appUserId } = user;
    this.#there.add(oneupUserId);
    if (appUserId === undefined || !isId(appUserId)) return found({ type: "unusable", oneupUserId });
    if (!user.active) found({ type: "inactive", appUserId, oneupUserId });
    this.#pairs.add(pair(oneupUserId, appUserId));
    const here = await this.#read(appUserId);
    const number = here === null || typeof here === "string" ? null : here.position.context.oneupUserId;
    if (number === oneupUserId) return;
    if (this.#elsewhere.size < mostHeld) this.#elsewhere.set(oneupUserId, appUserId);
    if (here === null) this.#hold({ ...user, appUserId });
    else if (number !== null) {
      found({ type: "anotherNumber", appUserId, oneupUserId: number, thereOneupUserId: oneupUserId });
      if (this.#others.size < mostHeld) this.#others.add(number);
    }
  }

  #hold(user: Named): void {
    if (this.#onlyThere.size < mostHeld) this.#onlyThere.set(user.oneupUserId, user);
    else this.notHeld++;
  }

  /** Compares every user here with the list, and reports the users that are only there. */
  async compareAllUsers(isComplete: boolean, seen: () => void): Promise<void> {
    const { found } = this.#options;
    this.isCertain = await this.#visitAll(isComplete, seen);
    if (this.#sharedNumbers.size > 0) await this.#findSharedNumbers();
    for (const { appUserId, oneupUserId, active } of this.#onlyThere.values()) {
      found({ type: "thereOnly", appUserId, oneupUserId, active });
    }
  }

  /**
   * Visits every user here, in rounds: a round lists all ids in order and visits the new ones. It misses a user that is
   * created or renamed meanwhile to an id that it has passed; the next round lists that one. Returns whether a round
   * listed no new id.
   */
  async #visitAll(isComplete: boolean, seen: () => void): Promise<boolean> {
    for (let round = 1; round <= mostRounds; round++) {
      let newIds = 0;
      await this.#eachId(async (id) => {
        const number = hashOf(id);
        if (round > 1 && this.#visited.has(number)) return;
        newIds++;
        if (await this.#visit(id, isComplete)) this.#visited.add(number);
        seen();
      });
      if (this.#onlyThere.size === 0) return false;
      if (newIds === 0) return true;
    }
    return false;
  }

  /** Compares one user with the list. False: there is no user with this id any more. */
  async #visit(id: string, isComplete: boolean): Promise<boolean> {
    const user = await this.#read(id);
    if (user === "unreadable") return true;
    if (user === null || user === "forgotten" || user.id !== id) return false; // it was renamed by this library
    this.#compare(user, isComplete);
    return true;
  }

  #eachId(task: (id: string) => Promise<void>): Promise<void> {
    return forEachRow(listUserIds(this.#engine, idsPerPage), rowsAtOnce, this.#options.signal, task);
  }

  #compare(user: User, isComplete: boolean): void {
    const { found } = this.#options;
    const { id: appUserId, position } = user;
    const { oneupUserId, codeAt, grantedAt } = position.context;
    if (oneupUserId === null) return;
    const thereAppUserId = this.#elsewhere.get(oneupUserId);
    if (thereAppUserId !== undefined) {
      this.#onlyThere.delete(oneupUserId);
      // seam: another-id-at-1uphealth-is-noticed
      if (thereAppUserId !== appUserId) this.#reportRenamed(user, thereAppUserId, oneupUserId);
    } else if (this.#others.has(oneupUserId)) {
      return; // reported already
    } else if (this.#there.has(oneupUserId)) {
      if (!this.#pairs.has(pair(oneupUserId, appUserId)) && this.#sharedNumbers.size < mostHeld)
        this.#sharedNumbers.set(appUserId, oneupUserId);
    } else if (isComplete && position.state !== "offboarded") {
      // A user that got a code or a token meanwhile exists there; the walk had passed its place in the list.
      if (Math.max(codeAt ?? 0, grantedAt ?? 0) >= this.#startedAt) return;
      found({ type: "hereOnly", appUserId, oneupUserId });
    }
  }

  #reportRenamed(user: User, thereAppUserId: string, oneupUserId: number): void {
    // It may have been renamed by this library while the list was read.
    if (isRenaming(user.position.state)) return;
    this.#options.found({ type: "renamed", appUserId: user.id, thereAppUserId, oneupUserId });
  }

  /**
   * Finds users that share a number with another user here which has it under its own id there too. The rest may have
   * been renamed by this library.
   */
  async #findSharedNumbers(): Promise<void> {
    const numbers = new Set(this.#sharedNumbers.values());
    const ids = new Map<number, string>();
    await this.#eachId(async (id) => {
      const user = await this.#read(id);
      if (user === null || typeof user === "string" || user.id !== id) return;
      const { oneupUserId } = user.position.context;
      if (oneupUserId === null || !numbers.has(oneupUserId)) return;
      if (this.#pairs.has(pair(oneupUserId, id))) ids.set(oneupUserId, id);
    });
    for (const [id, oneupUserId] of this.#sharedNumbers) {
      const thereAppUserId = ids.get(oneupUserId);
      const user = thereAppUserId === undefined ? null : await this.#read(id);
      if (thereAppUserId === undefined || user === null || typeof user === "string" || user.id !== id)
        continue;
      if (user.position.context.oneupUserId === oneupUserId)
        this.#reportRenamed(user, thereAppUserId, oneupUserId);
    }
  }

  /** The user here with this id, or with the id it was renamed to; a word for one that cannot be compared. */
  async #read(id: string): Promise<User | "forgotten" | "unreadable" | null> {
    try {
      const found = await this.#retried(() => lookForUser(this.#engine, id));
      return found.user ?? (found.isForgotten ? "forgotten" : null);
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      const { renamedTo } = error.facts;
      if (error.code === "RENAMED" && typeof renamedTo === "string") return this.#read(renamedTo);
      // The number is read even of a user whose secrets cannot be decrypted.
      const read = async (): Promise<User> =>
        readInClear(await loadRecord(this.#engine, id), this.#engine.sealer).user;
      return (await this.#retried(read).catch(nullIfPermanent)) ?? "unreadable";
    }
  }

  #retried<T>(read: () => Promise<T>): Promise<T> {
    return retryWrite(this.#engine, this.#options.signal, "reconcile users", read);
  }
}

/** A hash of a number at 1upHealth and its id. */
function pair(oneupUserId: number, appUserId: string): number {
  return hashOf(`${oneupUserId} ${appUserId}`);
}
