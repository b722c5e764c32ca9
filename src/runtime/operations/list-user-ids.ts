/**
 * Lists the ids of users, a page at a time.
 *
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import { tombstoneKey } from "../user/tombstone.ts";

/** The ids under one index key, in the store's order. */
export async function* idsUnder(
  { store }: Pick<Engine, "store">,
  indexKey: string,
  limit: number,
): AsyncGenerator<string, void, undefined> {
  for (let after: string | undefined; ;) {
    const ids = await store.page({ state: indexKey, after, limit });
    yield* ids;
    after = ids.at(-1);
    if (ids.length < limit) return;
  }
}

/** All ids. A user that takes a step meanwhile may appear twice or not at all: see `callRoll()`. */
export async function* listUserIds(
  engine: Pick<Engine, "store">,
  limit: number,
): AsyncGenerator<string, void, undefined> {
  for (const indexKey of Object.keys(await engine.store.counts())) {
    if (indexKey !== tombstoneKey) yield* idsUnder(engine, indexKey, limit);
  }
}
