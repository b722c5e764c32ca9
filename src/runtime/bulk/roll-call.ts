/**
 * Visits every user here, including those that take steps meanwhile.
 *
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import { listUserIds } from "../operations/list-user-ids.ts";
import { tombstoneKey } from "../user/tombstone.ts";
import { hashOf } from "./hash-of.ts";
import { forEachRow, rowsInHand } from "./for-each-row.ts";

/** Ids listed per request to the store. */
const idsAPage = 500;
/** After this many rounds, users that were not visited are given up. */
const mostRounds = 16;

/** What to do with each id. */
export interface RollCall {
  readonly signal: AbortSignal;
  /**
   * Visits the user with this id; `again`: it may have been visited before. False: there is no such user (any
   * more).
   */
  readonly visit: (id: string, again: boolean) => Promise<boolean>;
  /** Whether another round is worth it; a round lists all ids and visits the new ones. */
  readonly needsAnotherRound: () => boolean;
}

/**
 * Visits every user. The store lists one index key after the other, and a user that moves from a key not yet listed
 * to one already listed is missed. So the listing is repeated until a round shows no new user and as many users were
 * visited as the store counts.
 *
 * @returns whether that happened, so that every user here was visited
 */
export async function callRoll(
  engine: Pick<Engine, "store">,
  { signal, visit, needsAnotherRound }: RollCall,
): Promise<boolean> {
  let visited = new Set<number>();
  let again = false;
  let tombstones = (await countUsers(engine)).tombstones;
  for (let round = 1; round <= mostRounds; round++) {
    const newIds = new Set<number>();
    await forEachRow(listUserIds(engine, idsAPage), rowsInHand, signal, async (id) => {
      const number = hashOf(id);
      if (round > 1 && (visited.has(number) || newIds.has(number))) return;
      if (!(await visit(id, again))) return;
      if (round > 1) newIds.add(number);
      else visited.add(number);
    });
    if (!needsAnotherRound()) return false;
    for (const number of newIds) visited.add(number);
    const now = await countUsers(engine);
    if (now.tombstones !== tombstones) {
      visited = new Set<number>(); // a forgotten user may have been visited, and would be counted in place of one that was not
      tombstones = now.tombstones;
      again = true;
    } else if (round > 1 && newIds.size === 0 && visited.size >= now.users) return true;
  }
  return false;
}

async function countUsers({ store }: Pick<Engine, "store">): Promise<{
  readonly users: number;
  readonly tombstones: number;
}> {
  const { [tombstoneKey]: tombstones = 0, ...others } = await store.counts();
  return { users: Object.values(others).reduce((sum, count) => sum + count, 0), tombstones };
}
