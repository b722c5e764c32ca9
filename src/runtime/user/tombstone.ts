/**
 * The tombstone of a forgotten user, stored under a keyed name that can be computed from an id only with the store's
 * key. It keeps the record's revision, so that a stalled process with an old copy of the user cannot write it, neither
 * now nor after the id is onboarded again; and it excludes the user from lists.
 *
 * @module
 */
import type { Json } from "../../store/contract.ts";
import type { HiddenNames } from "../../store/sealing/hidden-names.ts";
import type { Sealer } from "../../store/sealing/sealer.ts";
import { isObject, isTexts } from "../../store/guards.ts";
import type { User } from "./user.ts";

/** How ids map to keys of the store. */
export interface Naming {
  readonly sealer: Sealer;
  /** The pseudonymisation of ids; `null`: ids are not hidden. */
  readonly hidden: HiddenNames | null;
}

/** The value that replaces a record. */
export const tombstone: Json = { forgotten: true };

/** The index key of tombstones; not the name of any state. */
export const tombstoneKey = "forgotten";

/** Whether a value is a tombstone. */
export function isTombstone(value: Json): boolean {
  return isObject(value) && value["forgotten"] === true;
}

/** Cannot clash with a user: ids contain no control characters. */
const beforeMarks = "\u0001";

/** A page of all ids that begins behind it holds users only, unless ids are hidden. */
export const behindTombstones = "\u0002";

/** Whether an id that the store lists is a tombstone's. */
export function isTombstoneId(id: string): boolean {
  return id.startsWith(beforeMarks);
}

/** The key of the tombstone of this user, existing or not. Takes an id, or an entry of `User.former`. */
export function tombstoneId(naming: Naming, id: string): string {
  return `${beforeMarks}${nameOf(naming, id)}`;
}

/** A name that only holders of the store's key can compute. Takes an id, or an entry of `User.former`. */
export function nameOf({ hidden, sealer }: Naming, id: string): string {
  return hidden === null ? sealer.keyedName(id) : hidden.key(id);
}

/** The user under another id, with its former ids in the form that its record may hold. */
export function underNewId({ hidden }: Pick<Naming, "hidden">, user: User, to: string): User {
  const form = (id: string): string => (hidden === null ? id : hidden.form(id));
  const former = new Set([...user.former, form(user.id)]);
  former.delete(form(to));
  return { ...user, id: to, former: [...former] };
}

/** The former ids in the value of a record, in that form. */
export function formerIn(value: Json): readonly string[] {
  const former = isObject(value) ? value["former"] : undefined;
  return isTexts(former) ? former : [];
}
