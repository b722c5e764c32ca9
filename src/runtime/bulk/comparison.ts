/**
 * How far an import has read 1upHealth's own list, in the account's record: a process that goes on with the import does
 * not ask for the same pages again.
 *
 * @module
 */
import { randomName } from "../clock.ts";
import type { Json } from "../store/contract.ts";
import { isCount, isObject, isTime } from "../store/shapes.ts";
import type { Engine } from "./engine.ts";
import { insist } from "./insist.ts";

/** See the module. */
export interface Comparison {
  /** Users of the list that were looked at. */
  readonly skip: number;
  /** Pages that were asked for. */
  readonly pages: number;
  /** Users of the import that were found in it. */
  readonly known: number;
  /** The list is at its end, or going on would not save calls. */
  readonly done: boolean;
  /** The process that reads it, until when (ms since 1970) at most, for two of them would pay twice. */
  readonly by: string | null;
  readonly until: number;
}

const begun: Comparison = { skip: 0, pages: 0, known: 0, done: false, by: null, until: 0 };

/** So many imports are remembered; of older ones the list may be read again. */
const remembered = 50;

/** How far the import of this name has come. */
export async function readComparison(engine: Engine, name: string): Promise<Comparison> {
  const found = await engine.store.account.load();
  return comparisonsIn(found?.value ?? null).get(name)?.comparison ?? begun;
}

/**
 * Writes down how far it has come: `next` is given what stands there, for another process may compare as well, and
 * returns it unchanged if there is nothing to write. Resolves with what stands there then.
 */
export async function noteComparison(
  engine: Engine,
  name: string,
  signal: AbortSignal,
  next: (before: Comparison) => Comparison,
): Promise<Comparison> {
  const { account } = engine.store;
  const insisting = <T>(task: () => Promise<T>): Promise<T> =>
    insist(engine, signal, "note how far an import has come", task);
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

/** What cannot be read counts as not begun: at worst some pages are asked for again. */
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
