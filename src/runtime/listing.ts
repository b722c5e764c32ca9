/**
 * Lists users by id, a page at a time.
 *
 * @module
 */
import type { Engine } from "./engine.ts";
import { shelfOfMarks } from "./marks.ts";

/** Ids that are listed with one question to the store, where one is looked for. */
const idsAPage = 500;

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

/**
 * The shelf on which this id stands, found by looking through all of them, the shortest first: for a user whose record
 * does not say it. `null`: it stands on none, or `stop` aborted.
 */
export async function shelfWith(
  engine: Pick<Engine, "store">,
  id: string,
  stop: AbortSignal,
): Promise<string | null> {
  const shelves = Object.entries(await engine.store.counts()).toSorted(([, one], [, other]) => one - other);
  for (const [shelf] of shelves) {
    for await (const each of idsOn(engine, shelf, idsAPage)) {
      if (stop.aborted) return null;
      if (each === id) return shelf;
    }
  }
  return null;
}
