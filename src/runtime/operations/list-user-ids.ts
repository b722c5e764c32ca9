/**
 * Lists users by id, a page at a time.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { shelfOfMarks } from "./marks.ts";

/** The ids on one shelf of the store, in its own order. */
export async function* idsOn(
  { store }: Pick<Engine, "store">,
  shelf: string,
  limit: number,
): AsyncGenerator<string, void, undefined> {
  for (let after: string | undefined; ;) {
    const ids = await store.page({ state: shelf, after, limit });
    yield* ids;
    after = ids.at(-1);
    if (ids.length < limit) return;
  }
}

/** Every id. Whoever takes a step meanwhile may be met twice, or not at all: see `callRoll()`. */
export async function* everyId(
  engine: Pick<Engine, "store">,
  limit: number,
): AsyncGenerator<string, void, undefined> {
  for (const shelf of Object.keys(await engine.store.counts())) {
    if (shelf !== shelfOfMarks) yield* idsOn(engine, shelf, limit);
  }
}
