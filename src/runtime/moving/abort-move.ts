/**
 * Calls a move off: opens the store that was left again, and empties the other one.
 *
 * The target is fenced first, so that nothing can be written to it any more. If it was in use, it is compared with what
 * it held when it arrived, and gets its identity back if a process has written to it.
 *
 * @module
 */
import { aSwitch, checkValue } from "../../checks.ts";
import { type LifecycleError, storeUnusable } from "../../errors.ts";
import type { AccountRecord, StoreAdapter } from "../../store/contract.ts";
import { isLostStore } from "../../store/lost-store.ts";
import { withMarks, type ArrivedMark, type Marks, type MovedMark } from "../../store/moved-store.ts";
import { markedRecord, withBoth, type BothStores, type Marked } from "./both-stores.ts";
import { heldBy, limitNames, logsOf } from "./copy.ts";
import type { AbortOptions, MoveOptions } from "./move-options.ts";

/**
 * Calls off what {@link moveStore} began with the same stores, as long as the other store has taken no write of its own.
 * Afterwards the first store is used as before, and the other one is empty. If it rejects, or its process dies, call it
 * again.
 *
 * With `lost`, the first store is opened though the other one holds nothing of the move, because it was emptied, or is gone
 * and another empty one is named: users continue as they were when the move began.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` if no move was begun, or if the other store was written to since;
 *   `STORE_UNAVAILABLE`
 * @example
 * ```ts
 * import { abortMove, moveStore } from "oneup-lifecycle";
 * import { memory } from "oneup-lifecycle/adapters/memory";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle, sandbox, store } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 *
 * const { clientId } = sandbox.credentials;
 * const other = memory();
 * await moveStore(store, other, { clientId });
 * await abortMove(store, other, { clientId });
 * console.log((await lifecycle.onboard("bob")).usable); // true
 * ```
 */
export async function abortMove(from: StoreAdapter, to: StoreAdapter, options: AbortOptions): Promise<void> {
  const { lost = false, ...others } = options ?? ({} as Partial<AbortOptions>);
  checkValue(verb, "lost", lost, aSwitch);
  await withBoth(verb, from, to, others, async (both) => {
    let id: string | null | undefined;
    while (id !== null) id = await step(both, id, options);
  });
}

const verb = "call a move off";

/** An error about the state of one of the stores. */
function unfit(why: string): LifecycleError {
  return storeUnusable(`Cannot ${verb}: ${why}`);
}

const holdsNothing =
  "the other store holds nothing of this move; name the store that it was begun with, or, if that is gone for good, add --lost (the option `lost`)";

/** One step. `begun`: the move that this call has begun to call off. Returns that, or `null` after the last step. */
async function step(
  both: BothStores,
  begun: string | undefined,
  options: AbortOptions,
): Promise<string | null> {
  options.signal?.throwIfAborted();
  const source = await markedRecord(both.from);
  const target = await markedRecord(both.to);
  const { moved } = source?.marks ?? {};
  const { moving, arrived } = target?.marks ?? {};
  const id = moving?.id ?? arrived?.id;
  if (source === null || target === null) {
    if (begun !== undefined && moved === undefined) return null; // it was cleared, and the answer was lost
    if (moved === undefined || source === null) throw unfit("no move to that store was begun");
    if (options.lost !== true) throw unfit(holdsNothing);
    return (await openSource(both, source.record, moved.id, moved.identity)) ? null : moved.id;
  }
  // Another move from the same store was faster, and this target was never in use.
  const isLeft =
    arrived === undefined && moved !== undefined && moved.id !== id && moving?.of === moved.identity;
  const isIts = moved === undefined ? moving?.of === source.record.identity : moved.id === id || isLeft;
  if (id === undefined || !isIts) throw unfit("no move to that store was begun");
  // This call may have stood still for long.
  if (begun !== undefined && begun !== id)
    throw unfit("it was called off meanwhile, and another move was begun");
  if (moving?.isAborting !== true) {
    await fenceTarget(both, target, id, source.marks);
    return id;
  }
  if (moved !== undefined && arrived !== undefined)
    await refuseWritten(both, moved, target.record, arrived, options);
  // Even if it is open: a call of moveStore() that was about to fence it finds another revision.
  if (!isLeft && !(await openSource(both, source.record, id, moved?.identity ?? moving.of))) return id;
  const { transfer } = both.to;
  const ask = { identity: abortingIdentity(id), limits: limitNames };
  try {
    while (!(await transfer.clear(ask)));
    return null;
  } catch (error) {
    if (isLostStore(error)) return id;
    throw error;
  }
}

async function fenceTarget(
  { to }: BothStores,
  { record, marks: { moving, arrived } }: Marked,
  id: string,
  { moved }: Marks,
): Promise<void> {
  const of = moving?.of ?? moved?.identity ?? "";
  const byMs = moving?.byMs ?? arrived?.byMs ?? 0;
  const marks = { moving: { id, of, byMs, isAborting: true }, ...(arrived && { arrived }) };
  await to.transfer.seat({
    value: withMarks(record.value, marks),
    expectedRevision: record.revision,
    expectedIdentity: record.identity,
    writeId: `aborting ${id} ${record.revision}`,
    identity: abortingIdentity(id),
  });
}

/** @throws {LifecycleError} `STORE_UNUSABLE`, and gives the target back, if it was written to since it arrived */
async function refuseWritten(
  { to }: BothStores,
  moved: MovedMark,
  record: AccountRecord,
  arrived: ArrivedMark,
  options: MoveOptions,
): Promise<void> {
  const isAsItWas =
    record.revision === arrived.revision + 1 &&
    (await logsOf(to)) === arrived.logs &&
    (await heldBy(to, options)) === arrived.held;
  if (isAsItWas) return;
  await to.transfer.seat({
    value: withMarks(record.value, { arrived: { ...arrived, revision: -1 } }), // it was written to: it stays so
    expectedRevision: record.revision,
    expectedIdentity: record.identity,
    writeId: `arrived ${moved.id} ${record.revision}`,
    identity: `arrived ${moved.id}`,
  });
  throw unfit("the other store was written to since; use that store");
}

function openSource(
  { from }: BothStores,
  { value, revision: expectedRevision, identity: expectedIdentity }: AccountRecord,
  id: string,
  identity: string,
): Promise<boolean> {
  const writeId = `opened ${id} ${expectedRevision}`;
  const expected = { expectedRevision, /* seam: the-identity-of-a-fenced-store */ expectedIdentity };
  const opened = { value: withMarks(value, {}), /* seam: a-store-gets-its-identity-back */ identity };
  return from.transfer.seat({ ...opened, ...expected, writeId });
}

function abortingIdentity(id: string): string {
  return `aborting ${id}`;
}
