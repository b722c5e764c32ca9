/**
 * Opens both stores of a move, and reads the accounts' records in them.
 *
 * @module
 */
import { join } from "node:path";
import {
  aFunction,
  anything,
  aSignal,
  check,
  checkValue,
  invalid,
  withMethods,
  type Rule,
  type Rules,
} from "../../checks.ts";
import { systemClock, type Clock } from "../../clock.ts";
import { storeUnusable } from "../../errors.ts";
import { accountOf } from "../../store/account-of.ts";
import type { AccountRecord, StoreAdapter } from "../../store/contract.ts";
import { isMovable, type MovableStore } from "../../store/movable.ts";
import { marksOf, type Marks } from "../../store/moved-store.ts";
import { isInside } from "../../store/sealing/keys.ts";
import { checkEncryption } from "../options/check-encryption.ts";
import type { MoveOptions } from "./move-options.ts";

/** Both stores, open. */
export interface BothStores {
  readonly from: MovableStore;
  readonly to: MovableStore;
  readonly account: string;
  readonly clock: Clock;
}

/** An account's record, and the marks in it. */
export interface Marked {
  readonly record: AccountRecord;
  readonly marks: Marks;
}

/**
 * Opens both stores, runs `task`, and closes them. `verb`: what was asked for, for messages.
 * @throws {LifecycleError} `INVALID_OPTION`, `KEY_REFUSED`; `STORE_UNUSABLE` if one of them cannot be moved; as their `open()`
 */
export async function withBoth<T>(
  verb: string,
  from: StoreAdapter,
  to: StoreAdapter,
  options: MoveOptions,
  task: (both: BothStores) => Promise<T>,
): Promise<T> {
  checkValue(verb, "the store that is left", from, anAdapter);
  checkValue(verb, "the other store", to, anAdapter);
  refuseNested(verb, from, to);
  const given = check(verb, options, rules);
  const clientId = checkValue(verb, "clientId", given.clientId ?? "", someText);
  const { clock = systemClock, encryption, newEncryption = encryption } = given;
  checkEncryption(verb, encryption, from);
  checkEncryption(verb, newEncryption, to);
  const account = accountOf(clientId);
  const looked = await from.open({ account, clock, readOnly: true }); // a place that is mistyped is not created
  await looked.close();
  const source = movable(verb, from, await from.open({ account, clock }));
  try {
    const target = movable(verb, to, await to.open({ account, clock }));
    try {
      return await task({ from: source, to: target, account, clock });
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** @throws {LifecycleError} `INVALID_OPTION` if one folder is the other, or in it: who removes one would remove both */
function refuseNested(verb: string, { folder: from }: StoreAdapter, { folder: to }: StoreAdapter): void {
  if (from === undefined || to === undefined) return;
  const holds = (folder: string, other: string): boolean => isInside(folder, join(other, "store"));
  if (!holds(from, to) && !holds(to, from)) return;
  throw invalid(
    verb,
    "the folders of the two stores must be apart, neither in the other",
    `${from} and ${to}`,
  );
}

const anAdapter: Rule = withMethods("open");
const someText: Rule = {
  must: "the client id of its users",
  holds: (value) => typeof value === "string" && value !== "",
};

const rules: Rules<MoveOptions> = {
  clientId: anything,
  encryption: anything,
  newEncryption: anything,
  onProgress: aFunction,
  signal: aSignal,
  clock: anything,
};

function movable(
  verb: string,
  { name }: StoreAdapter,
  store: Awaited<ReturnType<StoreAdapter["open"]>>,
): MovableStore {
  if (isMovable(store)) return store;
  throw storeUnusable(`Cannot ${verb}: the ${name} store has no verbs for that`);
}

/** The account's record with its marks; `null`: there is none. */
export async function markedRecord({ account }: MovableStore): Promise<Marked | null> {
  const record = await account.load();
  return record && { record, marks: marksOf(record.value) };
}
