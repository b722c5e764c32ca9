/**
 * What open pages show of users, one of them or a list: whether it is something else by now. Where events are off, nothing
 * else tells that another process has held a user.
 *
 * @module
 */
import { anything, aText, check, isObject, whole, type Rules } from "../checks.ts";
import { isLifecycleError } from "../errors.ts";
import { listUsers, recordOf, withUser, type Fields, type Views } from "./views.ts";

/** `POST api/watch`: what a page shows from now on. */
export interface Watching {
  /** The name that the stream has given to the page. */
  readonly page: string;
  /** Names the user that it shows. */
  readonly key?: string;
  /** The revision of its record that the page shows. */
  readonly revision?: number;
  /** The list that it shows, if it shows one: as for `POST api/users`. */
  readonly list?: object;
  /** The mark of the list that the page shows. */
  readonly mark?: string;
}

const rules: Rules<Watching> = { page: aText, key: aText, revision: whole(0), list: anything, mark: aText };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function readWatching(fields: Fields): Watching {
  const { page = "", ...shown } = check<Partial<Watching>>("watch a user", fields, rules);
  return { page, ...shown };
}

/** Users that are looked at in one round, and lists, each of which is many; of more, some wait for the next round. */
const [mostLooked, mostLists] = [20, 1];

/** What a page shows. */
interface Shown {
  /** {@link Watching.key} or {@link Watching.list}, as JSON. */
  readonly what: string;
  /** Its revision or mark. */
  readonly seen: number | string | null;
}

/** `P`: a page. */
export function watchedUsers<P extends object>(views: Views) {
  const shownOn = new Map<P, Shown>();

  /** The revision of the user's record, or the mark of the list; `null`: there is none that can be read. */
  async function look(of: string | object): Promise<number | string | null> {
    try {
      if (typeof of === "object") return (await listUsers(views, { ...of }, true)).mark;
      return await withUser<number | null>(
        views,
        of,
        async (id) => (await recordOf(views.lifecycle, id)).revision,
      );
    } catch (error) {
      if (isLifecycleError(error) && !error.retryable) return null;
      throw error;
    }
  }

  return {
    show(page: P, { key, revision, list, mark }: Omit<Watching, "page">): void {
      shownOn.delete(page);
      const what = JSON.stringify(key ?? list);
      if (what !== undefined) shownOn.set(page, { what, seen: revision ?? mark ?? null });
    },

    /** The page shows no user. */
    leave(page: P): void {
      shownOn.delete(page);
    },

    /** Looks at all. Resolves with the pages that show something else by now. @throws {LifecycleError} `STORE_UNAVAILABLE` */
    async outdated(): Promise<readonly P[]> {
      const all = [...new Set([...shownOn.values()].map(({ what }) => what))].map((what) => ({
        what,
        of: JSON.parse(what) as string | object, // as it was shown
      }));
      const users = all.filter(({ of }) => !isObject(of)).slice(0, mostLooked);
      const lists = all.filter(({ of }) => isObject(of)).slice(0, mostLists);
      const looks = [...users, ...lists].map(async ({ what, of }) => [what, await look(of)] as const);
      const found = new Map(await Promise.all(looks));
      return [...shownOn].flatMap(([page, { what, seen }]) => {
        const now = found.get(what);
        if (now === undefined) return [];
        shownOn.delete(page); // behind those that wait for the next round
        shownOn.set(page, { what, seen: now });
        return now === seen ? [] : [page];
      });
    },
  };
}
