/**
 * Moves everything that a client id has in one store to another one.
 *
 * The marks in both accounts' records are the state of the move, so a call that finds them goes on from there:
 *
 * | mark of the source | mark of the target | next |
 * |---|---|---|
 * | none | none, and no record | mark the target |
 * | none | `moving` | fence the source: its record gets another identity, and every write of it is refused from then on |
 * | `moved` | `moving` | copy, compare, and give the target the account's record |
 * | `moved` | `arrived` | mark the source as done |
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import { type LifecycleError, storeUnusable } from "../../errors.ts";
import type { StoreAdapter } from "../../store/contract.ts";
import type { WrappedStoreKey } from "../../store/sealing/key-record.ts";
import { isLostStore } from "../../store/lost-store.ts";
import {
  movedAway,
  withMarks,
  type ArrivedMark,
  type MovedMark,
  type MovingMark,
} from "../../store/moved-store.ts";
import { markedRecord, withBoth, type BothStores, type Marked } from "./both-stores.ts";
import { compare, copy, copyLogs, type Sides } from "./copy.ts";
import type { MoveOptions, MoveSummary } from "./move-options.ts";
import { beginKeys, checkKeys, movingKeys } from "./moving-keys.ts";

/**
 * Moves all users of a client id, with everything that belongs to them and to the account, to another store. It makes no
 * call to 1upHealth. Processes may work with the first store when it begins; from then on each of their writes is refused
 * with `STORE_MOVED`, while they still hand out valid tokens, and they are started again with the other store once this
 * has resolved. The other store must be empty. If it rejects, or its process dies, call it again: it goes on from there;
 * {@link abortMove} opens the first store again instead.
 *
 * @throws {LifecycleError} `STORE_UNUSABLE` if the other store is not empty or the two differ at the end;
 *   `KEY_REFUSED`; `STORE_UNAVAILABLE`
 * @example
 * ```ts
 * import { moveStore } from "oneup-lifecycle";
 * import { memory } from "oneup-lifecycle/adapters/memory";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle, sandbox, store } = await createTestLifecycle();
 * await lifecycle.onboard("ada");
 *
 * const { clientId } = sandbox.credentials;
 * const { users } = await moveStore(store, memory(), { clientId });
 * console.log(users); // 1
 * ```
 */
export async function moveStore(
  from: StoreAdapter,
  to: StoreAdapter,
  options: MoveOptions,
): Promise<MoveSummary> {
  return withBoth(verb, from, to, options, async (both) => {
    const { arrived, moved } = await untilArrived(both, to.name, options);
    const { users, formerIds, events, digest } = arrived;
    return { users, formerIds, events, digest, interruptedMs: Math.max(0, arrived.at - moved.at) };
  });
}

const verb = "move a store";

/** An error about the state of one of the stores. */
function unfit(why: string): LifecycleError {
  return storeUnusable(`Cannot move the store: ${why}`);
}

/** Whether the first store takes no writes, because a move away from it has begun or is done. */
export async function isFenced(from: StoreAdapter, to: StoreAdapter, options: MoveOptions): Promise<boolean> {
  return withBoth(verb, from, to, options, async (both) => {
    const source = await markedRecord(both.from);
    return source?.marks.moved !== undefined;
  });
}

/** Goes from state to state until the target is in use, and the source is marked as done. */
async function untilArrived(
  both: BothStores,
  toName: string,
  options: MoveOptions,
): Promise<{ readonly arrived: ArrivedMark; readonly moved: MovedMark }> {
  /** The move that this call goes on with. */
  let id: string | undefined;
  for (;;) {
    options.signal?.throwIfAborted();
    const source = await markedRecord(both.from);
    const target = await markedRecord(both.to);
    if (source === null) throw unfit("it holds no users of this client id");
    const { moved } = source.marks;
    const arrived = target?.marks.arrived;
    const current = moved?.id ?? target?.marks.moving?.id ?? arrived?.id;
    // This call may have stood still for long. What was called off meanwhile is not begun anew.
    if (id !== undefined && id !== current) throw unfit("the move was called off meanwhile");
    id = current;
    refuseOthers(source, target);
    if (moved === undefined) {
      // Keys that do not open a store are refused before anything is interrupted.
      const keys = await keysFor(both, source, target, options);
      if (keys === null) continue;
      if (target === null) id = await markTarget(both, source, keys.fresh);
      else await fence(both, source, target, toName);
    } else if (arrived === undefined) {
      await fill(both, source, moved, target, options).catch((error: unknown) => {
        if (!isLostStore(error)) throw error; // another call has finished the move, or has called it off
      });
    } else if (moved.isDone) {
      await checkKeys(target?.record.value ?? null, both, options);
      return { arrived, moved };
    } else await markSource(both, source, { ...moved, isDone: true });
  }
}

/** Opens the keys. `null`: a process has replaced and retired one since the record was read, which is read again. */
async function keysFor(
  both: BothStores,
  { record: { value, revision } }: Marked,
  target: Marked | null,
  options: MoveOptions,
): Promise<{ readonly fresh: WrappedStoreKey | undefined } | null> {
  try {
    if (target === null) return { fresh: await beginKeys(value, both, options) };
    await movingKeys(value, target.marks.moving?.storeKey, both, options);
    return { fresh: undefined };
  } catch (error) {
    if ((await both.from.account.load())?.revision === revision) throw error;
    return null;
  }
}

/** @throws {LifecycleError} `STORE_UNUSABLE` if the target is not empty, or one of them belongs to another move */
function refuseOthers({ record, marks: { moved, moving: unfilled } }: Marked, target: Marked | null): void {
  if (unfilled !== undefined) throw movedAway(record.value) as LifecycleError; // not null with that mark
  const { moving, arrived } = target?.marks ?? {};
  if (moving?.isAborting === true)
    throw unfit("an earlier move to that store is being called off; run it again with --abort");
  const id = moving?.id ?? arrived?.id;
  if (moved !== undefined) {
    if (id !== moved.id) throw unfit(`its users are being moved to another ${moved.to} store`);
    return;
  }
  const { identity } = record;
  if (identity !== undefined && target?.record.identity === identity)
    throw unfit(
      "both are the same store, or one is a copy of the other; name an empty folder, prefix or schema",
    );
  if (moving === undefined ? target !== null : moving.of !== identity)
    throw unfit(
      "the other store must be empty, and a process has used it with this client id: name another folder, prefix or schema",
    );
}

/** From here on the target opens for no process. Returns the move that begins; `undefined`: another call was faster. */
async function markTarget(
  { from, to, clock }: BothStores,
  { record }: Marked,
  storeKey: WrappedStoreKey | undefined,
): Promise<string | undefined> {
  const id = randomName(clock);
  const before = await from.transfer.now();
  const byMs = Math.ceil((await to.transfer.now()) - before); // never too small, so that no slot counts for too short
  const moving = { id, of: record.identity ?? "", byMs, isAborting: false, ...(storeKey && { storeKey }) };
  const value = withMarks({}, { moving });
  const write = { value, expectedRevision: 0, writeId: movingIdentity(id) };
  return (await to.account.commit(write)) ? id : undefined;
}

/** From here on the source takes no write. */
async function fence({ from, clock }: BothStores, source: Marked, target: Marked, to: string): Promise<void> {
  const { id } = target.marks.moving as MovingMark; // checked by refuseOthers()
  const { identity = "" } = source.record;
  await markSource({ from }, source, { id, to, identity, at: clock.now(), isDone: false });
}

async function markSource(
  { from }: Pick<BothStores, "from">,
  { record }: Marked,
  moved: MovedMark,
): Promise<void> {
  const identity = `moved ${moved.id}`;
  await from.transfer.seat({
    value: withMarks(record.value, { moved }),
    expectedRevision: record.revision, // or a process has changed it meanwhile: it is read again
    // seam: the-identity-before-the-fence
    expectedIdentity: record.identity,
    writeId: `${identity} ${record.revision}`,
    // seam: the-source-is-fenced
    identity,
  });
}

/** Copies everything, compares, and gives the target the account's record. */
async function fill(
  both: BothStores,
  source: Marked,
  { id }: MovedMark,
  target: Marked | null,
  options: MoveOptions,
): Promise<void> {
  const { from, to, clock } = both;
  const { moving } = target?.marks ?? {};
  if (target === null || moving === undefined) return; // refused by refuseOthers()
  const { byMs, storeKey } = moving;
  const { contents, record } = await movingKeys(source.record.value, storeKey, both, options);
  const sides: Sides = { from, to, byMs, identity: movingIdentity(id), contents };
  await copy(sides, options);
  const logs = await copyLogs(sides);
  await to.transfer.complete?.(sides);
  const found = await compare(sides, options);
  const value = await record();
  const { revision, identity: expectedIdentity } = target.record;
  const arrived = { id, revision: revision + 1, logs, byMs, at: clock.now(), ...found };
  await to.transfer.seat({
    value: withMarks(value, { arrived }),
    expectedRevision: revision,
    expectedIdentity,
    writeId: `arrived ${id}`,
    identity: `arrived ${id}`, // so that no late write of another call arrives
  });
}

function movingIdentity(id: string): string {
  return `moving ${id}`;
}
