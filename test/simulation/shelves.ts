/** Judges what the store lists and counts in the end. */
import { shelfOf } from "./dossier.ts";
import type { PlainStore } from "./plain-store.ts";
import type { Stage } from "./stage.ts";

/** Where the store is found: it may be moved. */
export interface Shelf {
  store: PlainStore;
}

/** The counts and lists of the store match its records. */
export async function lookAtShelves({ judge, store }: Stage): Promise<void> {
  const counted: Record<string, number> = {};
  for (const dossier of judge.all()) counted[shelfOf(dossier)] = (counted[shelfOf(dossier)] ?? 0) + 1;
  const { forgotten = 0, ...counts } = await store.counts();
  const words = (all: Readonly<Record<string, number>>): string =>
    JSON.stringify(Object.entries(all).toSorted(([one], [other]) => (one < other ? -1 : 1)));
  if (words(counts) !== words(counted))
    judge.blame(`P1: the store counts ${words(counts)} of ${words(counted)}`);
  for (const [name, count] of Object.entries(counts)) {
    const listed = await store.page({ state: name, limit: 1_000 });
    if (listed.length !== count)
      judge.blame(`P1: ${listed.length} users are listed as "${name}", not ${count}`);
  }
  const all = await store.page({ limit: 5_000 });
  const expected = Object.values(counts).reduce((sum, count) => sum + count, forgotten);
  if (all.length !== expected) judge.blame(`P1: ${all.length} records are listed, not ${expected}`);
}
