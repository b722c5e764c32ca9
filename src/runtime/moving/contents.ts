/**
 * What is in the rows and events of both stores of a move: with secrets sealed for the other store, or open, to be
 * compared.
 *
 * @module
 */
import { unlessDamaged } from "../../errors.ts";
import type { Json, StoredEvent } from "../../store/contract.ts";
import { isSealed, type Sealed } from "../../store/envelope.ts";
import { isObject } from "../../store/guards.ts";
import type { Row, Tombstone } from "../../store/row-rules.ts";
import type { HiddenNames } from "../../store/sealing/hidden-names.ts";
import type { Owner, Sealer, Secrets } from "../../store/sealing/sealer.ts";
import { placeOf, readUserEvent } from "../user/user-event-value.ts";

/** The part of a user's record that secrets are bound to. */
interface Kept {
  readonly owner: Owner;
  readonly format: number;
  readonly sealed: Sealed;
}

/** What no key opens moves as it is. */
export class Contents {
  /** Makes digests that reveal nothing without the keys, and are the same in every store that users move to. */
  readonly digestKey: ReturnType<Sealer["keyFor"]>;
  readonly #sealer: Sealer;
  readonly #hidden: HiddenNames | null;
  /** Whether the other store seals with a key of its own. */
  readonly #anew: boolean;
  #needsOlderKeys = false;

  /** `sealer` has the keys of both stores, and seals with that of the other one. */
  constructor(sealer: Sealer, hidden: HiddenNames | null, anew: boolean) {
    this.#sealer = sealer;
    this.#hidden = hidden;
    this.#anew = anew;
    this.digestKey = sealer.keyFor("digest of a move");
  }

  /** Whether something that was compared is still sealed with a key of the first store. */
  get needsOlderKeys(): boolean {
    return this.#needsOlderKeys;
  }

  /** The row for the other store. */
  moved(id: string, row: Row | Tombstone): Row | Tombstone {
    if (!this.#anew || "renamedTo" in row) return row;
    return { ...row, value: this.#with(id, row.value, (kept) => this.#sealedAnew(kept)) };
  }

  /** The row as both stores have it: as it is if they seal with the same key. */
  compared(id: string, row: Row | Tombstone): Row | Tombstone {
    return this.#anew ? this.opened(id, row) : row;
  }

  /** The row with its secrets in clear. */
  opened(id: string, row: Row | Tombstone): Row | Tombstone {
    if ("renamedTo" in row) return row;
    return { ...row, value: this.#with(id, row.value, (kept) => this.#open(kept)) };
  }

  /** The event for the other store. */
  movedEvent(event: StoredEvent): StoredEvent {
    return this.#anew ? this.#withId(event, (place, id) => this.#sealer.sealId(place, id)) : event;
  }

  /** As {@link compared}. */
  comparedEvent(event: StoredEvent): StoredEvent {
    return this.#anew ? this.openedEvent(event) : event;
  }

  /** The event with the id of its user in clear. */
  openedEvent(event: StoredEvent): StoredEvent {
    return this.#withId(event, (_, id) => id);
  }

  /** What the other store holds. */
  noteHeld(value: Json): void {
    if (!this.#anew || this.#needsOlderKeys) return;
    const user = userIn(value);
    const sealed = isObject(user) ? (user["sealed"] ?? user["id"]) : null;
    const key = isObject(sealed) ? sealed["key"] : undefined;
    this.#needsOlderKeys = typeof key === "string" && key !== this.#sealer.keyId;
  }

  /** The value of a user's record with something in place of what is sealed in it. */
  #with(id: string, value: Json, change: (kept: Kept) => Json | null): Json {
    const user = userIn(value);
    const kept = this.#keptIn(id, value, user);
    const sealed = kept && change(kept);
    if (sealed === null || !isObject(user)) return value;
    const changed = { ...user, sealed };
    return user === value ? changed : { ...(value as object), user: changed };
  }

  #keptIn(id: string, value: Json, user: Json): Kept | null {
    if (!isObject(user) || !isObject(value)) return null;
    const { format, context, sealed } = user;
    if (typeof format !== "number" || !isSealed(sealed)) return null;
    const number = isObject(context) ? context["oneupUserId"] : null;
    const oneupUserId = typeof number === "number" ? number : null;
    const owner = user === value ? id : this.#idIn(id, value["sealedId"]);
    return owner === null ? null : { owner: { user: owner, oneupUserId }, format, sealed };
  }

  /** The id of a user whose record hides it. */
  #idIn(key: string, sealedId: Json | undefined): string | null {
    if (this.#hidden === null || typeof sealedId !== "string") return null;
    const hidden = this.#hidden;
    return unlessDamaged(() => hidden.openUnder(key, sealedId)) ?? null;
  }

  /** `null`: no key opens them. */
  #secretsIn({ owner, format, sealed }: Kept): Secrets | null {
    return unlessDamaged(() => this.#sealer.open(owner, sealed, format)) ?? null;
  }

  #open(kept: Kept): Json | null {
    const secrets = this.#secretsIn(kept);
    return (
      secrets && kept.sealed.fields.map((name) => [name, secrets[name as keyof Secrets]?.reveal() ?? null])
    );
  }

  #sealedAnew(kept: Kept): Json | null {
    const secrets = this.#secretsIn(kept);
    const sealed = secrets && this.#sealer.seal(kept.owner, secrets, kept.format);
    return sealed as Json; // its fields are JSON
  }

  /** The event with something in place of the sealed id of its user. */
  #withId(event: StoredEvent, change: (place: string, id: string) => unknown): StoredEvent {
    const value = readUserEvent(event.value);
    if (value === null || value.id === null) return event;
    const place = placeOf(event.key, value.version);
    const id = this.#sealer.openId(place, value.id);
    if (id === null) return event;
    return { ...event, value: { ...value, id: change(place, id) } as unknown as Json }; // plain JSON values
  }
}

/** The row without the text of its seal, which is another one each time the same secrets are sealed. */
export function rowWithoutSeal(row: Row | Tombstone): Row | Tombstone {
  if ("renamedTo" in row) return row;
  const { value } = row;
  const user = userIn(value);
  if (!isObject(user) || !isSealed(user["sealed"])) return row;
  const { key, fields } = user["sealed"];
  const without = { ...user, sealed: { key, fields } };
  return { ...row, value: user === value ? without : { ...(value as object), user: without } };
}

/** Likewise an event, in which the id of the user is sealed. */
export function eventWithoutSeal(event: StoredEvent): StoredEvent {
  const value = readUserEvent(event.value);
  if (value === null || value.id === null) return event;
  return { ...event, value: { ...value, id: { key: value.id.key } } };
}

/** The user in a value, which holds it apart from its id if that is hidden. */
function userIn(value: Json): Json {
  return isObject(value) && typeof value["sealedId"] === "string" ? (value["user"] ?? null) : value;
}
