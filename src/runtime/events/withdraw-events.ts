/**
 * Withdraws the events of a user under a former id that another user has by now: events are stored under the name of an id,
 * so those of both have the same one.
 *
 * @module
 */
import type { Json, StoredEvent } from "../../store/contract.ts";
import type { Engine } from "../engine/engine.ts";
import {
  beginsStay,
  forgottenType,
  readUserEvent,
  withdrawnEvent,
  type UserEventValue,
} from "../user/user-event-value.ts";
import { nameOf } from "../user/tombstone.ts";
import { markOf } from "./cursor.ts";

/** Events read at once. */
const pageSize = 1_000;

/**
 * Withdraws what the user of these ids has left under `former`: the events of each stay that ended with a rename to one of
 * `ids`, or with none that is known. What remains of an event is its number and a mark of it, so that readers which stand
 * there go on. `retried` repeats a call to the store.
 *
 * @throws what `retried` throws
 */
export async function withdrawEvents(
  engine: Engine,
  former: string,
  ids: readonly string[],
  retried: <T>(ask: () => Promise<T>) => Promise<T>,
): Promise<void> {
  const { outbox, sealer } = engine;
  const own = new Set(ids.map((id) => nameOf(engine, id)));
  const key = nameOf(engine, former);
  const withdrawn: StoredEvent[] = [];
  /** Those of the user that has the id at this point, and the latest one. */
  let stay: StoredEvent[] = [];
  let latest: UserEventValue | undefined;
  for (let after = 0; ;) {
    const { events } = await retried(() => outbox.events.read({ after, limit: pageSize }));
    for (const event of events) {
      const value = readUserEvent(event.value);
      if (value === null) continue;
      const leaves = event.key !== key && latest !== undefined && value.was === latest.alias;
      const arrives = event.key === key && beginsStay(value, latest);
      if (leaves ? own.has(event.key) : arrives) withdrawn.push(...stay);
      if (leaves || arrives) stay = [];
      if (event.key !== key) continue;
      if (value.type !== forgottenType) stay.push(event);
      latest = value;
    }
    const last = events.at(-1);
    if (last === undefined) break;
    after = last.number;
  }
  // The last stay is that of the user that has the id now.
  for (const event of withdrawn) {
    const value = withdrawnEvent(markOf(sealer, event)) as unknown as Json; // plain JSON values
    await retried(() => outbox.events.replace({ number: event.number, value }));
  }
}
