/**
 * Finds out what is not the same here and at 1upHealth: its list is read once, page by page, then every user here is
 * looked at. Held in memory are eight bytes a user there, and whoever seems to be there only, up to a bound.
 *
 * @module
 */
import { isLifecycleError } from "../errors.ts";
import type { RemoteUser } from "../http/user-management.ts";
import { isId } from "./checks.ts";
import type { Difference } from "./differences.ts";
import type { Engine } from "./engine.ts";
import { insist } from "./insist.ts";
import { everyId } from "./listing.ts";
import { lookFor } from "./load.ts";
import { Numbers } from "./numbers.ts";
import { renaming } from "./renaming.ts";
import { eachRow, rowsInHand } from "./rows.ts";
import type { User } from "./user.ts";

/** So many who are there only are held until every user here was looked at: one may be a user here under another id. */
const mostHeld = 100_000;
/** Ids that are listed with one question to the store. */
const idsAPage = 500;
/** How wrong other processes' clocks may be, ms. */
const skewMs = 5 * 60_000;

/** A user of 1upHealth's list who has an id that can be one here. */
type Named = RemoteUser & { readonly appUserId: string };

/** What a comparison works with. */
export interface Finding {
  readonly signal: AbortSignal;
  readonly found: (difference: Difference) => void;
}

/** See the module. */
export class Comparison {
  readonly #engine: Engine;
  readonly #finding: Finding;
  readonly #there = new Numbers();
  readonly #strangers = new Map<number, Named>();
  /** Users who are there under the id of another one here, and those others. */
  readonly #taken = new Map<number, string>();
  readonly #others = new Set<number>();
  readonly #startedAt: number;
  /** Users here who were looked at. */
  here = 0;
  /** Users there only who are not held. */
  beyond = 0;

  constructor(engine: Engine, finding: Finding) {
    this.#engine = engine;
    this.#finding = finding;
    this.#startedAt = engine.clock.now() - skewMs;
  }

  /** Those who are there only, once everybody here was looked at. */
  get strangers(): readonly Named[] {
    return [...this.#strangers.values()];
  }

  /** Looks for each user of a page here. */
  async page(users: readonly RemoteUser[]): Promise<void> {
    await eachRow(users, 32, this.#finding.signal, (user) => this.#look(user));
  }

  async #look(user: RemoteUser): Promise<void> {
    const { found } = this.#finding;
    const { oneupUserId, appUserId } = user;
    this.#there.add(oneupUserId);
    if (appUserId === undefined || !isId(appUserId)) return found({ type: "unusable", oneupUserId });
    if (!user.active) found({ type: "inactive", appUserId, oneupUserId });
    const here = await this.#read(appUserId);
    const number = here === null || typeof here === "string" ? null : here.position.context.oneupUserId;
    if (here === null) this.#hold({ ...user, appUserId });
    else if (number !== null && number !== oneupUserId) {
      found({ type: "anotherNumber", appUserId, oneupUserId: number, thereOneupUserId: oneupUserId });
      if (this.#taken.size >= mostHeld) return;
      this.#taken.set(oneupUserId, appUserId);
      this.#others.add(number);
    }
  }

  #hold(user: Named): void {
    if (this.#strangers.size < mostHeld) this.#strangers.set(user.oneupUserId, user);
    else this.beyond++;
  }

  /** Compares every user here with what the list has shown, and tells of those who are there only. */
  async everybody(isComplete: boolean, seen: () => void): Promise<void> {
    const { signal, found } = this.#finding;
    await eachRow(everyId(this.#engine, idsAPage), rowsInHand, signal, async (id) => {
      const user = await this.#read(id);
      if (user !== null && typeof user !== "string" && user.id === id) this.#compare(user, isComplete);
      this.here++;
      seen();
    });
    for (const { appUserId, oneupUserId, active } of this.#strangers.values()) {
      found({ type: "thereOnly", appUserId, oneupUserId, active });
    }
  }

  #compare(user: User, isComplete: boolean): void {
    const { found } = this.#finding;
    const { id: appUserId, position } = user;
    const { oneupUserId, codeAt, grantedAt } = position.context;
    if (oneupUserId === null) return;
    const thereAppUserId = this.#strangers.get(oneupUserId)?.appUserId ?? this.#taken.get(oneupUserId);
    if (thereAppUserId !== undefined) {
      this.#strangers.delete(oneupUserId);
      // It may have been renamed by ours while the list was read.
      if (thereAppUserId !== appUserId && !renaming(user)) {
        found({ type: "renamed", appUserId, thereAppUserId, oneupUserId });
      }
    } else if (this.#others.has(oneupUserId)) {
      return; // told already
    } else if (isComplete && position.state !== "offboarded" && !this.#there.has(oneupUserId)) {
      // Whoever got a code or a token meanwhile exists; the list had passed its place.
      if (Math.max(codeAt ?? 0, grantedAt ?? 0) < this.#startedAt)
        found({ type: "hereOnly", appUserId, oneupUserId });
    }
  }

  /** The user here of this id, or of the one that it was given here since; a word for one who is not to be compared. */
  async #read(id: string): Promise<User | "forgotten" | "unreadable" | null> {
    try {
      const found = await insist(this.#engine, this.#finding.signal, "reconcile users", () =>
        lookFor(this.#engine, id),
      );
      return found.user ?? (found.isForgotten ? "forgotten" : null);
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      const { renamedTo } = error.facts;
      return error.code === "RENAMED" && typeof renamedTo === "string" ? this.#read(renamedTo) : "unreadable";
    }
  }
}
