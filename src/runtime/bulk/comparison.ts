/**
 * How far an import has read 1upHealth's own list, stored in the account's record so that a process that resumes the
 * import does not request the same pages again.
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import type { Json } from "../../store/contract.ts";
import { isCount, isObject, isTime } from "../../store/guards.ts";
import type { Engine } from "../engine/engine.ts";
import { retryWrite } from "../engine/retry-write.ts";

/** The progress of a comparison. */
export interface Comparison {
  /** Users of the list that were read. */
  readonly skip: number;
  /** Pages that were requested. */
  readonly pages: number;
  /** Users of the import that were found in the list. */
  readonly known: number;
  /** The list is at its end, or reading on would not save calls. */
  readonly done: boolean;
  /**
   * The process that reads the list, and until when (ms since 1970) at most: two readers would pay for each page
   * twice.
   */
  readonly by: string | null;
  readonly until: number;
}

const begun: Comparison = { skip: 0, pages: 0, known: 0, done: false, by: null, until: 0 };

/** The number of imports remembered; an older import may read the list again. */
const remembered = 50;

/** How far the import of this name has read. */
export async function readComparison(engine: Engine, name: string): Promise<Comparison> {
  const found = await engine.store.account.load();
  return comparisonsIn(found?.value ?? null).get(name)?.comparison ?? begun;
}

/**
 * Stores how far it has read. `next` receives the stored value, since another process may compare too, and returns it
 * unchanged if there is nothing to write. Resolves with the value stored in the end.
 */
export async function noteComparison(
  engine: Engine,
  name: string,
  signal: AbortSignal,
  next: (before: Comparison) => Comparison,
): Promise<Comparison> {
  const { account } = engine.store;
  const insisting = <T>(task: () => Promise<T>): Promise<T> =>
    retryWrite(engine, signal, "store the progress of an import", task);
  for (;;) {
    const found = await insisting(() => account.load());
    const value = isObject(found?.value) ? found.value : {};
    const all = comparisonsIn(value);
    const before = all.get(name)?.comparison ?? begun;
    const comparison = next(before);
    if (comparison === before) return before;
    all.delete(name);
    all.set(name, { comparison, at: engine.clock.now() });
    const newest = [...all].toSorted(([, one], [, other]) => other.at - one.at).slice(0, remembered);
    const imports = Object.fromEntries(newest.map(([key, { comparison: of, at }]) => [key, { ...of, at }]));
    const write = {
      value: { ...value, imports },
      expectedRevision: found?.revision ?? 0,
      writeId: randomName(engine.clock),
    };
    if (await insisting(() => account.commit(write))) return comparison;
  }
}

/** An unreadable entry counts as not begun: at worst some pages are requested again. */
function comparisonsIn(value: Json): Map<string, { readonly comparison: Comparison; readonly at: number }> {
  const kept = isObject(value) ? value["imports"] : undefined;
  const all = new Map<string, { readonly comparison: Comparison; readonly at: number }>();
  for (const [name, one] of Object.entries(isObject(kept) ? kept : {})) {
    if (!isObject(one)) continue;
    const { skip, pages, known, done, by, until, at } = one;
    const reads = isCount(skip) && isCount(pages) && isCount(known) && typeof done === "boolean";
    if (!reads || !isTime(at)) continue;
    const reader = typeof by === "string" && isTime(until) ? { by, until } : { by: null, until: 0 };
    all.set(name, { comparison: { skip, pages, known, done, ...reader }, at });
  }
  return all;
}
