/**
 * What other parts of this package need of a lifecycle beside its public interface.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { check } from "../checks.ts";
import type { Lane } from "../store/contract.ts";
import { checkId } from "./options/check-id.ts";
import type { Engine } from "./engine/engine.ts";
import { loadUser, pagesOfUserIds } from "./engine/load-user.ts";
import { recentEvents, type RecentEvents } from "./events/recent-events.ts";
import { listAllUsers, type UnreadableUser } from "./list-users.ts";
import { filtering } from "./operations/call-checks.ts";
import { waitOf, type Wait } from "./operations/forecast.ts";
import type { UserFilter } from "./options/call-options.ts";
import type { UserStatus } from "./user/user-status.ts";
import { readOrigins, type Origins } from "./account/origins.ts";

export type Internals = ReturnType<typeof createInternals>;

/** What identifies a user's record, and when it is due. */
export interface RecordFacts {
  /**
   * When the record was created, ms since 1970; `null`: it was created by a release that did not record this. A user that
   * was forgotten and has come back has another one.
   */
  readonly begun: number | null;
  /** Incremented by every commit. */
  readonly revision: number;
  /** When it is due for a step; `null`: never, or it waits in a lane. */
  readonly dueAt: Date | null;
}

/** The property of a lifecycle that holds its {@link Internals}; equal in two copies of the library. */
export const internals: unique symbol = Symbol.for("oneup-lifecycle.internals");

/** A lifecycle that was opened by this package. */
export interface WithInternals {
  readonly [internals]: Internals;
}

/** The internals of a lifecycle; `null` if this package did not open it. */
export function internalsOf(lifecycle: object): Internals | null {
  return internals in lifecycle ? (lifecycle as WithInternals)[internals] : null; // no other code has this symbol
}

/** Ids per request to the store, in a search for an alias. */
const idsAtOnce = 1_000;

/** The internals of a lifecycle on this engine. */
export function createInternals(engine: Engine) {
  const { clock, sealer, settings, store } = engine;
  return {
    /** The store's name, e.g. `lmdb`. */
    store: (): string => settings.store.name,
    /** The name of this process in leases and events. */
    process: (): string => engine.owner,
    /** The base URLs that calls go to. */
    endpoints: (): Origins => ({ api: settings.api, auth: settings.auth }),
    /** The time of the lifecycle's clock, ms since 1970. */
    now: (): number => clock.now(),
    /** The format in which users are written. */
    format: (): number => sealer.format,
    /** A key for one purpose: the same in every process with this store. */
    key: (purpose: string): KeyObject => sealer.keyFor(purpose),
    /** The origins that the store's users belong to; `null`: not recorded. @throws {LifecycleError} `STORE_UNAVAILABLE` */
    async origins(): Promise<Origins | null> {
      const found = await store.account.load();
      return found === null ? null : readOrigins(found.value);
    },
    /** What reading 1upHealth's list waits for in this lane; `null`: nothing. @throws {LifecycleError} `STORE_UNAVAILABLE` */
    waitOfLists: (lane: Lane): Promise<Wait | null> => waitOf(engine, lane, "listUsers"),
    /** @throws {LifecycleError} as {@link recentEvents} */
    recentEvents: (count: number, signal: AbortSignal): Promise<RecentEvents | null> =>
      recentEvents(engine, count, signal),
    /**
     * The id of the user with this alias; `null`: there is none. Only the store's key makes aliases of ids, so ids are
     * read until one fits.
     * @throws {LifecycleError} `STORE_UNAVAILABLE`; the signal's reason
     */
    async idOf(
      alias: string,
      signal: AbortSignal,
      onProgress: (looked: number) => void,
    ): Promise<string | null> {
      let looked = 0;
      for await (const ids of pagesOfUserIds(engine, idsAtOnce)) {
        const found = ids.find((id) => sealer.alias(id) === alias);
        if (found !== undefined) return found;
        onProgress((looked += ids.length));
        signal.throwIfAborted();
      }
      return null;
    },
    /** As `users()`, with those that cannot be read. @throws {LifecycleError} as `users()` */
    allUsers: (
      filter: Pick<UserFilter, "state">,
    ): AsyncGenerator<UserStatus | UnreadableUser, void, undefined> =>
      listAllUsers(engine, check("list users", filter, filtering)),
    /** @throws {LifecycleError} as `inspect()` */
    async recordOf(appUserId: string): Promise<RecordFacts> {
      const { record, user } = await loadUser(engine, checkId(appUserId));
      const dueAt = record.dueInMs === null ? null : new Date(clock.now() + record.dueInMs);
      return { begun: user.begun, revision: record.revision, dueAt };
    },
  };
}
