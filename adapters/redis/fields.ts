/**
 * The format in which a commit is passed to the scripts.
 *
 * @module
 */
import type { Commit } from "../../src/store/contract.ts";
import { encodeValue, nextRevision } from "../../src/store/row-rules.ts";
import { eventsField } from "./outbox.ts";

/** Parts of the row are passed as its JSON, because encoding JSON in Lua is slow. */
export type Fields = [
  /** What the rules of a write depend on, as JSON. */
  rules: string,
  /** The row's JSON up to the value of `dueAt`. */
  head: string,
  /** The lease's JSON up to the value of `until`; `""`: it has none. */
  lease: string,
  /** The row's JSON from its value on. */
  value: string,
  /** See `eventsField()`. */
  events: string,
];

/** The number of fields. */
export const fieldsOfCommit: Fields["length"] = 5;

/** @throws {LifecycleError} `INVALID_OPTION` if the value cannot be represented as JSON */
export function fieldsOf(commit: Commit): Fields {
  const { value, expectedRevision, writeId, mode, state, dueInMs, lane, lease } = commit;
  const revision = nextRevision(commit);
  const { staleInMs, take, settle, giveBack, unless } = commit;
  const text = JSON.stringify;
  const { id: leaseId, ms: leaseMs } = lease;
  // One literal: to add members to a copy of another one takes ten times as long.
  const rules = {
    expectedRevision,
    revision,
    writeId,
    mode,
    state,
    dueInMs,
    staleInMs,
    lane,
    leaseId,
    leaseMs,
    unless,
    take,
    settle,
    giveBack,
  };
  const leased = mode === "take" || mode === "keep";
  return [
    text(rules),
    `{"revision":${revision},"writeId":${text(writeId)},"state":${text(state)},"dueAt":`,
    leased ? `{"id":${text(leaseId)},"owner":${text(lease.owner)},"until":` : "",
    `,"value":${encodeValue(value)}}`,
    eventsField(commit.events),
  ];
}

/** Names of the limits whose logs the commit changes. */
export function limitsOf({ take, settle, giveBack }: Commit): readonly string[] {
  const names: string[] = [];
  if (take !== undefined) names.push(take.limit.name);
  if (settle !== undefined) names.push(settle.limit);
  if (giveBack !== undefined) names.push(giveBack.limit);
  return names;
}
