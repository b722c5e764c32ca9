/**
 * Finds out what is not the same here and at 1upHealth: its list is read once, page by page, then every user here is
 * looked at. Held in memory are 32 bytes a user, and whoever is not where it should be, up to a bound.
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
import { loadRecord, lookFor } from "./load.ts";
import { numberOf, Numbers } from "./numbers.ts";
import { renaming } from "./renaming.ts";
import { callRoll } from "./roll-call.ts";
import { eachRow, rowsInHand } from "./rows.ts";
import { readInClear } from "./user.ts";
import type { User } from "./user.ts";

/** So many who are not where they should be are held until every user here was looked at. */
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
  /** Who has which id there: of each pair one number. */
  readonly #pairs = new Numbers();
  readonly #strangers = new Map<number, Named>();
  /** The ids there of whoever has another number here under that id, or none. */
  readonly #elsewhere = new Map<number, string>();
  /** The numbers here of those who have another one there. */
  readonly #others = new Set<number>();
  /** Users here whose number has another id there that is known here as well. */
  readonly #astray = new Map<string, number>();
  readonly #renamed = new Set<string>();
  readonly #missed = new Set<string>();
  /** Who was looked at: whoever takes a step meanwhile may be met again. */
  readonly #met = new Numbers();
  readonly #startedAt: number;
  /** Users here who were looked at; until all were, whoever was met twice counts twice. */
  here = 0;
  /** Users there only who are not held. */
  beyond = 0;
  /** Everybody here was met, so nobody of {@link strangers} is here under another id. */
  isCertain = false;

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
    if (this.#strangers.size < mostHeld) this.#strangers.set(user.oneupUserId, user);
    else this.beyond++;
  }

  /** Compares every user here with what the list has shown, and tells of those who are there only. */
  async everybody(isComplete: boolean, seen: () => void): Promise<void> {
    const { signal, found } = this.#finding;
    this.isCertain = await callRoll(this.#engine, {
      signal,
      matters: () => this.#strangers.size > 0,
      meet: async (id, again) => {
        const user = await this.#read(id);
        if (!again) {
          this.here++;
          this.#met.add(numberOf(id));
        }
        seen();
        if (user === null || typeof user === "string") return user === "unreadable";
        if (user.id !== id) return false; // it was renamed by ours
        this.#compare(user, isComplete);
        return true;
      },
    });
    this.here = this.#met.size();
    if (this.#astray.size > 0) await this.#findAstray();
    for (const { appUserId, oneupUserId, active } of this.#strangers.values()) {
      found({ type: "thereOnly", appUserId, oneupUserId, active });
    }
  }

  #compare(user: User, isComplete: boolean): void {
    const { found } = this.#finding;
    const { id: appUserId, position } = user;
    const { oneupUserId, codeAt, grantedAt } = position.context;
    if (oneupUserId === null) return;
    const thereAppUserId = this.#elsewhere.get(oneupUserId);
    if (thereAppUserId !== undefined) {
      this.#strangers.delete(oneupUserId);
      if (thereAppUserId !== appUserId) this.#tellRenamed(user, thereAppUserId, oneupUserId);
    } else if (this.#others.has(oneupUserId)) {
      return; // told already
    } else if (this.#there.has(oneupUserId)) {
      if (!this.#pairs.has(pair(oneupUserId, appUserId)) && this.#astray.size < mostHeld)
        this.#astray.set(appUserId, oneupUserId);
    } else if (isComplete && position.state !== "offboarded") {
      // Whoever got a code or a token meanwhile exists; the list had passed its place.
      if (Math.max(codeAt ?? 0, grantedAt ?? 0) >= this.#startedAt || this.#missed.has(appUserId)) return;
      if (this.#missed.size < mostHeld) this.#missed.add(appUserId);
      found({ type: "hereOnly", appUserId, oneupUserId });
    }
  }

  #tellRenamed(user: User, thereAppUserId: string, oneupUserId: number): void {
    // It may have been renamed by ours while the list was read.
    if (renaming(user) || this.#renamed.has(user.id)) return;
    this.#renamed.add(user.id);
    this.#finding.found({ type: "renamed", appUserId: user.id, thereAppUserId, oneupUserId });
  }

  /** Whoever shares a number with another user here who has it under its id there, too. Ours may have renamed the rest. */
  async #findAstray(): Promise<void> {
    const { signal } = this.#finding;
    const numbers = new Set(this.#astray.values());
    const ids = new Map<number, string>();
    await eachRow(everyId(this.#engine, idsAPage), rowsInHand, signal, async (id) => {
      const user = await this.#read(id);
      if (user === null || typeof user === "string" || user.id !== id) return;
      const { oneupUserId } = user.position.context;
      if (oneupUserId === null || !numbers.has(oneupUserId)) return;
      if (this.#pairs.has(pair(oneupUserId, id))) ids.set(oneupUserId, id);
    });
    for (const [id, oneupUserId] of this.#astray) {
      const thereAppUserId = ids.get(oneupUserId);
      const user = thereAppUserId === undefined ? null : await this.#read(id);
      if (thereAppUserId === undefined || user === null || typeof user === "string" || user.id !== id)
        continue;
      if (user.position.context.oneupUserId === oneupUserId)
        this.#tellRenamed(user, thereAppUserId, oneupUserId);
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
      if (error.code === "RENAMED" && typeof renamedTo === "string") return this.#read(renamedTo);
      return this.#readInClear(id);
    }
  }

  /** Whoever has secrets that do not open has a number all the same. */
  async #readInClear(id: string): Promise<User | "unreadable"> {
    try {
      const record = await insist(this.#engine, this.#finding.signal, "reconcile users", () =>
        loadRecord(this.#engine, id),
      );
      return readInClear(record, this.#engine.sealer).user;
    } catch (error) {
      if (!isLifecycleError(error) || error.retryable) throw error;
      return "unreadable";
    }
  }
}

/** A number for a user of 1upHealth's and its id. */
function pair(oneupUserId: number, appUserId: string): number {
  return numberOf(`${oneupUserId} ${appUserId}`);
}
