/**
 * The events of a user for the outbox: one for each step, written in the commit that makes the step durable, and one
 * when the user is forgotten. They hold no secret, no text of a response and no id in clear.
 *
 * @module
 */
import type { Json, NewEvent } from "../../store/contract.ts";
import { isCount, isObject, isTime } from "../../store/guards.ts";
import type { SealedId } from "../../store/sealing/sealer.ts";
import { isTombstoneId, nameOf, tombstoneKey, type Naming } from "./tombstone.ts";
import { unsavedSteps, type User } from "./user.ts";

/** An event as the store holds it. */
export interface UserEventValue {
  readonly alias: string;
  /** The type of the machine's event, or {@link forgottenType}. */
  readonly type: string;
  readonly from: string | null;
  readonly to: string;
  /** The code of the cause, if the call of the step brought nothing. */
  readonly cause?: string;
  /** Who did it, if that was named. */
  readonly by?: string;
  /** When the step was taken, ms since 1970. */
  readonly at: number;
  readonly version: number;
  /** The sealed id; `null` once the user is forgotten. */
  readonly id: SealedId | null;
  /** The alias that the user had before this commit, if that renamed it. */
  readonly was?: string;
  /** The process that wrote it; earlier releases did not record it. */
  readonly process?: string;
  /** See `Outbox`. */
  readonly epoch: number;
}

/** The type of the event that is left of a forgotten user. */
export const forgottenType = "FORGOTTEN";

/** The type of the event of a record that `reconcile()` moves to another id, which is no step. */
export const movedType = "MOVED";

/** Versions leave room for this many steps in one commit. */
const stepsPerCommit = 1_000;

/** When a commit is made, and the id that its record moves from, if it does. */
interface CommitFacts {
  readonly epoch: number;
  readonly at: number;
  readonly from: string | undefined;
  readonly process: string;
}

/** The events of what the user's next commit makes durable. */
export function eventsOf(naming: Naming, user: User, facts: CommitFacts): readonly NewEvent[] {
  const { sealer } = naming;
  const { epoch, at, from, process } = facts;
  const { state } = user.position;
  const was = from === undefined || isTombstoneId(from) ? undefined : sealer.alias(from);
  const taken = unsavedSteps(user);
  const moved = { at, from: state, to: state, type: movedType, by: null } as const;
  const steps = taken.length === 0 && was !== undefined ? [moved] : taken;
  if (steps.length === 0) return [];
  const [key, alias] = [nameOf(naming, user.id), sealer.alias(user.id)];
  return steps.map((step, index): NewEvent => {
    const cause = taken.length === 0 ? undefined : user.causes.at(index - taken.length)?.code;
    const version = versionOf(user.revision + 1, index);
    // seam: an-id-is-sealed-in-its-event
    const id = sealer.sealId(placeOf(key, version), /* seam: the-id-of-an-event */ user.id);
    const value: UserEventValue = {
      alias,
      type: step.type,
      from: step.from,
      to: step.to,
      ...(cause !== undefined && { cause }),
      ...(step.by !== null && { by: step.by }),
      at: step.at,
      version,
      id,
      ...(was !== undefined && { was }),
      process,
      epoch,
    };
    return { key, value: value as unknown as Json }; // plain JSON values
  });
}

/** What is left of a user that had this revision. `alias`: under this id, or under a former one. */
export function forgottenEvent(
  key: string,
  alias: string,
  facts: Pick<CommitFacts, "at" | "epoch"> & { readonly revision: number; readonly by: string | undefined },
): NewEvent {
  const { at, revision, epoch, by } = facts;
  const value: UserEventValue = {
    alias,
    type: forgottenType,
    from: "offboarded",
    to: tombstoneKey,
    ...(by !== undefined && { by }),
    at,
    version: versionOf(revision + 1, 0),
    id: null,
    epoch,
  };
  return { key, value: value as unknown as Json }; // likewise
}

/** What is left of an event that was withdrawn: its mark for readers. */
export function withdrawnEvent(mark: string): { readonly withdrawn: string } {
  return { withdrawn: mark };
}

/** The mark of an event that was withdrawn; `null`: it is there, or damaged. */
export function withdrawnMark(value: Json): string | null {
  const mark = isObject(value) ? value["withdrawn"] : undefined;
  return typeof mark === "string" ? mark : null;
}

/** Ascends from step to step of a record. */
function versionOf(revision: number, index: number): number {
  return revision * stepsPerCommit + index;
}

/** Whether one commit of one user wrote both: each event names the rename that its commit made. */
function isOfOneCommit(one: UserEventValue, other: UserEventValue | undefined): boolean {
  const [mine, its] = [one, other].map((event) => Math.floor((event?.version ?? -1) / stepsPerCommit));
  return mine === its && one.was === other?.was;
}

/** Whether a stay under an id begins with this event; `previous`: the event before it under the same name. */
export function beginsStay(event: UserEventValue, previous: UserEventValue | undefined): boolean {
  const isNew = event.from === null || event.type === forgottenType;
  return isNew || (event.was !== undefined && !isOfOneCommit(event, previous));
}

/** The name of an event that its id is bound to. */
export function placeOf(key: string, version: number): string {
  return `${key} ${version}`;
}

/** Reads an event; `null` if it is none. */
export function readUserEvent(value: Json): UserEventValue | null {
  return isUserEvent(value) ? value : null;
}

function isUserEvent(value: unknown): value is UserEventValue {
  if (!isObject(value)) return false;
  const { alias, type, from, to, cause, by, at, version, id, was, process, epoch } = value;
  return (
    [alias, type, to].every((word) => typeof word === "string") &&
    (from === null || typeof from === "string") &&
    (cause === undefined || typeof cause === "string") &&
    isTime(at) &&
    isCount(version) &&
    (id === null || (isObject(id) && typeof id["key"] === "string" && typeof id["text"] === "string")) &&
    [by, process, was].every((word) => word === undefined || typeof word === "string") &&
    isCount(epoch)
  );
}
