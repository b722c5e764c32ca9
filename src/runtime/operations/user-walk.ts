/**
 * A walk through 1upHealth's own list of users, page by page.
 *
 * Its paging is undocumented, so nothing is assumed beyond what the pages show: the server may ignore the parameters,
 * and return fewer users than requested.
 *
 * @module
 */
import { leavable } from "../../abort.ts";
import type { RemoteUser, UserList } from "../../http/user-management.ts";

/** How far a walk has come. */
export interface Walk {
  /** Users that the list has shown so far. */
  readonly users: number;
  /** Management calls made so far. */
  readonly calls: number;
  /**
   * Whether the list was read from beginning to end. `false` until then. It stays `false` if a page came a second
   * time, because the server then does not page as requested (see the option `pager`), unless its first page was
   * longer than requested and so holds all users; if a page was refused where the list may have ended; or if an entry
   * could not be read.
   */
  readonly complete: boolean;
}

/** The users of a list, for `for await`, with the progress in `walk`. */
export interface UserWalk extends AsyncGenerator<RemoteUser, Walk, undefined> {
  readonly walk: Walk;
}

/** One page as received. */
export type Page = Omit<UserList, "type">;

/** Requests a page. */
export type AskPage = (page: { readonly skip: number; readonly limit: number }) => Promise<Page>;

/**
 * The pages of a list, and the progress. The list ends with an empty page, or with one that is shorter than an
 * earlier one; the first page may be short because the server returns no more at once. A page that starts like an
 * earlier one also ends it; it then counts as complete only if the whole list came in one page that was longer than
 * requested.
 */
export function pagesOf(
  ask: AskPage,
  limit: number,
): { readonly pages: AsyncGenerator<readonly RemoteUser[], void, undefined>; readonly walk: () => Walk } {
  let walk: Walk = { users: 0, calls: 0, complete: false };
  let isReadable = true;
  const end = (): void => void (walk = { ...walk, complete: isReadable });

  async function* readPages(): AsyncGenerator<readonly RemoteUser[], void, undefined> {
    const firsts = new Set<number>();
    let longest = 0;
    for (let skip = 0; ;) {
      const page = await ask({ skip, limit });
      const first = page.users[0]?.oneupUserId;
      const isRepeated = first !== undefined && firsts.has(first);
      walk = { ...walk, users: walk.users + (isRepeated ? 0 : page.users.length), calls: walk.calls + 1 };
      isReadable &&= isRepeated || page.entries <= page.users.length;
      // The server ignores both parameters and returned all users at once: a list without pages.
      if (isRepeated && firsts.size === 1 && longest > limit) return end();
      if (isRepeated || page.isUnexplained) return;
      if (first !== undefined) {
        firsts.add(first);
        yield page.users;
      }
      // seam: a-list-has-more-than-a-page
      if (page.entries === 0 || page.entries < longest) return end();
      longest = page.entries;
      skip += page.entries;
    }
  }

  return { pages: readPages(), walk: () => walk };
}

/** The users of a list, one by one. */
export function walkOf(
  ask: (page: Parameters<AskPage>[0], left: AbortSignal) => Promise<Page>,
  limit: number,
): UserWalk {
  let walk: () => Walk;
  async function* users(
    pages: AsyncIterable<readonly RemoteUser[]>,
  ): AsyncGenerator<RemoteUser, Walk, undefined> {
    for await (const page of pages) yield* page;
    return walk();
  }
  const all = leavable((left) => {
    const listed = pagesOf((page) => ask(page, left), limit);
    ({ walk } = listed);
    return users(listed.pages);
  });
  return Object.defineProperty(all, "walk", { get: () => walk(), enumerable: true }) as UserWalk; // has it now
}
