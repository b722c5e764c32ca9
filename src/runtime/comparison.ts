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
}

const begun: Comparison = { skip: 0, pages: 0, known: 0, done: false };

/** So many imports are remembered; of older ones the list may be read again. */
const remembered = 50;

/** How far the import of this name has come. */
export async function readComparison(engine: Engine, name: string): Promise<Comparison> {
  const found = await engine.store.account.load();
  return comparisonsIn(found?.value ?? null).get(name)?.comparison ?? begun;
}

/** Writes down how far it has come. */
export async function noteComparison(engine: Engine, name: string, comparison: Comparison): Promise<void> {
  const { account } = engine.store;
  for (;;) {
    const found = await account.load();
    const value = isObject(found?.value) ? found.value : {};
    const all = comparisonsIn(value);
    all.delete(name);
    all.set(name, { comparison, at: engine.clock.now() });
    const newest = [...all].toSorted(([, one], [, other]) => other.at - one.at).slice(0, remembered);
    const imports = Object.fromEntries(newest.map(([key, { comparison: of, at }]) => [key, { ...of, at }]));
    const write = { value: { ...value, imports }, expectedRevision: found?.revision ?? 0 };
    if (await account.commit({ ...write, writeId: randomName(engine.clock) })) return;
  }
}

/** What cannot be read counts as not begun: at worst some pages are asked for again. */
function comparisonsIn(value: Json): Map<string, { readonly comparison: Comparison; readonly at: number }> {
  const kept = isObject(value) ? value["imports"] : undefined;
  const all = new Map<string, { readonly comparison: Comparison; readonly at: number }>();
  for (const [name, one] of Object.entries(isObject(kept) ? kept : {})) {
    if (!isObject(one)) continue;
    const { skip, pages, known, done, at } = one;
    if (!isCount(skip) || !isCount(pages) || !isCount(known) || typeof done !== "boolean" || !isTime(at))
      continue;
    all.set(name, { comparison: { skip, pages, known, done }, at });
  }
  return all;
}
