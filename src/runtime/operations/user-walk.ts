/**
 * A walk through 1upHealth's own list of users, page by page.
 *
 * Nothing is documented of how it is paged, so nothing is believed that the pages themselves do not show: the server may
 * ignore the parameters, and give fewer users than it is asked for.
 *
 * @module
 */
import type { RemoteUser } from "../http/user-management.ts";

/** How far a walk has come. */
export interface Walk {
  /** Users that the list has shown so far. */
  readonly users: number;
  /** Management calls that this has cost so far. */
  readonly calls: number;
  /**
   * The list was seen from its beginning to its end. `false` before that; and it stays so if a page came a second time,
   * for then the server does not page as it is asked to (see the option `pager`), if a page was refused where the list
   * may have ended, or if an entry could not be read.
   */
  readonly complete: boolean;
}

/** The users of a list. Beside `for await` it says how far it has come. */
export interface UserWalk extends AsyncGenerator<RemoteUser, Walk, undefined> {
  readonly walk: Walk;
}

/** One page as it came. */
export interface Page {
  readonly users: readonly RemoteUser[];
  /** More than `users` if some of its entries cannot be read. */
  readonly entries: number;
  /** Nobody knows whether the list ends here, or this page was not given. */
  readonly isUnexplained?: true;
}

/** Asks for a page. */
export type AskPage = (page: { readonly skip: number; readonly limit: number }) => Promise<Page>;

/** Where a walk stands, to be written on. */
class Steps {
  walk: Walk = { users: 0, calls: 0, complete: false };
  #unreadable = false;

  add({ users, entries }: Page): void {
    this.#unreadable ||= entries > users.length;
    this.walk = { ...this.walk, users: this.walk.users + users.length, calls: this.walk.calls + 1 };
  }

  end(): void {
    this.walk = { ...this.walk, complete: !this.#unreadable };
  }
}

/**
 * The pages of a list, and how far it has come. An empty page ends it, or one that is shorter than an earlier one; the
 * first page may be short because the server gives no more at once. A page that begins as an earlier one did ends it, too.
 */
export function pagesOf(
  ask: AskPage,
  limit: number,
): { readonly pages: AsyncGenerator<readonly RemoteUser[], void, undefined>; readonly walk: () => Walk } {
  const steps = new Steps();
  return { pages: turned(ask, limit, steps), walk: () => steps.walk };
}

async function* turned(
  ask: AskPage,
  limit: number,
  steps: Steps,
): AsyncGenerator<readonly RemoteUser[], void, undefined> {
  const firsts = new Set<number>();
  let longest = 0;
  for (let skip = 0; ;) {
    const page = await ask({ skip, limit });
    const first = page.users[0]?.oneupUserId;
    const again = first !== undefined && firsts.has(first);
    steps.add(again ? { users: [], entries: 0 } : page);
    if (again || page.isUnexplained) return;
    if (first !== undefined) {
      firsts.add(first);
      yield page.users;
    }
    if (page.entries === 0 || page.entries < longest) return steps.end();
    longest = page.entries;
    skip += page.entries;
  }
}

/** The users of a list, one by one. */
export function walkOf(ask: AskPage, limit: number): UserWalk {
  const { pages, walk } = pagesOf(ask, limit);
  const users = each(pages, walk);
  return Object.defineProperty(users, "walk", { get: walk, enumerable: true }) as UserWalk; // has it now
}

async function* each(
  pages: AsyncGenerator<readonly RemoteUser[], void, undefined>,
  walk: () => Walk,
): AsyncGenerator<RemoteUser, Walk, undefined> {
  for await (const page of pages) yield* page;
  return walk();
}
