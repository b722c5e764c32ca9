/**
 * The users that an export or a leave covers.
 *
 * @module
 */
import { isLifecycleError, type LifecycleError } from "../../errors.ts";
import type { Rows } from "../bulk/for-each-row.ts";
import type { Engine } from "../engine/engine.ts";
import { listUserIds, type UserPages } from "../engine/load-user.ts";
import { checkId } from "../options/check-id.ts";
import { byState, sumOf } from "../user/index-key.ts";

/** Users listed per request to the store. */
const pageSize = 200;

/** The ids of all users, or the given ones, each once. `unusable` is called for each that is not a valid id. */
export async function* chosenUsers(
  engine: UserPages,
  ids: Rows<string> | "all",
  unusable: (id: string, error: LifecycleError) => void,
): AsyncGenerator<string, void, undefined> {
  if (ids === "all") {
    yield* listUserIds(engine, pageSize);
    return;
  }
  const seen = new Set<string>();
  for await (const id of ids) {
    if (seen.has(id)) continue;
    seen.add(id);
    try {
      checkId(id);
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
      unusable(typeof id === "string" ? id : "", error);
      continue;
    }
    yield id;
  }
}

/** How many there are; `null`: unknown until all of them were read. */
export async function countOfUsers({ store }: Engine, ids: Rows<string> | "all"): Promise<number | null> {
  if (ids === "all") return sumOf(byState(await store.counts()));
  return Array.isArray(ids) ? new Set(ids).size : null;
}
