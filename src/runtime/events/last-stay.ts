/**
 * Which of the events under the name of an id are of the person who had it last: ids pass on, and events are stored under
 * their names.
 *
 * @module
 */
import type { Engine } from "../engine/engine.ts";
import { beginsStay, forgottenType, readUserEvent, type UserEventValue } from "../user/user-event-value.ts";

/** Events read at once. */
const pageSize = 1_000;

/** The events of the last stay. */
interface LastStay {
  /** Those up to this number are of earlier stays; 0: there are none that are told of. */
  readonly above: number;
  /** The aliases in them. */
  readonly aliases: ReadonlySet<string>;
}

/** The last stay under this key. `retried` repeats a call to the store. @throws what `retried` throws */
export async function lastStay(
  { outbox }: Engine,
  key: string,
  retried: <T>(ask: () => Promise<T>) => Promise<T>,
): Promise<LastStay> {
  const aliases = new Set<string>();
  let first: { readonly number: number; readonly value: UserEventValue } | undefined;
  let isWhole = false;
  for (let before: number | undefined; ;) {
    const page = await retried(() => outbox.events.under({ key, before, limit: pageSize }));
    for (const { number, value: stored } of page) {
      const value = readUserEvent(stored);
      if (value === null) continue;
      isWhole ||= first !== undefined && beginsStay(first.value, value);
      if (isWhole && first !== undefined) {
        if (value.type !== forgottenType)
          return { above: /* seam: only-the-last-stay-is-forgotten */ first.number - 1, aliases };
        continue; // of one who is forgotten
      }
      first = { number, value };
      aliases.add(value.alias);
    }
    const last = page.at(-1);
    if (last === undefined) return { above: 0, aliases };
    before = last.number;
  }
}
