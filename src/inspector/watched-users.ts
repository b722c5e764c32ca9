/**
 * The users that open pages show: whether the store has another record of them by now. Where events are off, nothing else
 * tells that another process has held a user.
 *
 * @module
 */
import { aText, check, whole, type Rules } from "../checks.ts";
import { isLifecycleError } from "../errors.ts";
import { recordOf, withUser, type Fields, type Views } from "./views.ts";

/** `POST api/watch`: what a page shows from now on. */
export interface Watching {
  /** The name that the stream has given to the page. */
  readonly page: string;
  /** Names the user. Missing: it shows none. */
  readonly key?: string;
  /** The revision of its record that the page shows. */
  readonly revision?: number;
}

const rules: Rules<Watching> = { page: aText, key: aText, revision: whole(0) };

/** @throws {LifecycleError} `INVALID_OPTION` */
export function readWatching(fields: Fields): Watching {
  const { page = "", ...shown } = check<Partial<Watching>>("watch a user", fields, rules);
  return { page, ...shown };
}

/** Users that are looked at in one round; of more, some wait for the next round. */
const mostLooked = 20;

/** A user as a page shows it. */
interface Shown {
  readonly key: string;
  readonly revision: number | null;
}

/** See the module. `P`: a page. */
export class WatchedUsers<P extends object> {
  readonly #views: Views;
  readonly #shown = new Map<P, Shown>();

  constructor(views: Views) {
    this.#views = views;
  }

  show(page: P, { key, revision }: Pick<Watching, "key" | "revision">): void {
    this.leave(page);
    if (key !== undefined) this.#shown.set(page, { key, revision: revision ?? null });
  }

  /** The page shows no user. */
  leave(page: P): void {
    this.#shown.delete(page);
  }

  /** Looks at them. Resolves with the pages that show a user as it is no longer. @throws {LifecycleError} `STORE_UNAVAILABLE` */
  async outdated(): Promise<readonly P[]> {
    const keys = [...new Set([...this.#shown.values()].map(({ key }) => key))].slice(0, mostLooked);
    const found = new Map(await Promise.all(keys.map(async (key) => [key, await this.#look(key)] as const)));
    return [...this.#shown].flatMap(([page, { key, revision }]) => {
      const now = found.get(key);
      if (now === undefined) return [];
      this.#shown.delete(page); // behind those that wait for the next round
      this.#shown.set(page, { key, revision: now });
      return now === revision ? [] : [page];
    });
  }

  /** The revision of the user's record; `null`: there is none that can be read. */
  async #look(key: string): Promise<number | null> {
    try {
      const { lifecycle } = this.#views;
      return await withUser<number | null>(
        this.#views,
        key,
        async (id) => (await recordOf(lifecycle, id)).revision,
      );
    } catch (error) {
      if (isLifecycleError(error) && !error.retryable) return null;
      throw error;
    }
  }
}
