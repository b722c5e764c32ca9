/**
 * The format in which a commit is passed to the scripts.
 *
 * @module
 */
import type { Commit } from "../../src/store/contract.ts";
import { encodeValue } from "../../src/store/row-rules.ts";
import { eventsField } from "./outbox.ts";

/** Parts of the row are passed as JSON, because encoding JSON in Lua is slow; `""` stands for null. */
export type Fields = [
  expectedRevision: string,
  writeId: string,
  mode: string,
  state: string,
  dueInMs: string,
  staleInMs: string,
  lane: string,
  leaseId: string,
  leaseMs: string,
  /** The row's JSON up to the value of `dueAt`. */
  head: string,
  /** The lease's JSON up to the value of `until`. */
  lease: string,
  /** The row's JSON from its value on. */
  value: string,
  /** `{ take, settle, giveBack }`. */
  slots: string,
  unless: string,
  /** See `eventsField()`. */
  events: string,
];

/** The number of fields. */
export const fieldsOfCommit: Fields["length"] = 15;

/** @throws {LifecycleError} `INVALID_OPTION` if the value cannot be represented as JSON */
export function fieldsOf(commit: Commit): Fields {
  const { value, expectedRevision, writeId, mode, state, dueInMs, lane, lease } = commit;
  const { staleInMs, take, settle, giveBack } = commit;
  const text = JSON.stringify;
  const leased = mode === "take" || mode === "keep";
  return [
    String(expectedRevision),
    writeId,
    mode,
    state,
    dueInMs === null ? "" : String(dueInMs),
    staleInMs === undefined ? "" : String(staleInMs),
    lane ?? "",
    lease.id,
    String(lease.ms),
    `{"revision":${expectedRevision + 1},"writeId":${text(writeId)},"state":${text(state)},"dueAt":`,
    leased ? `{"id":${text(lease.id)},"owner":${text(lease.owner)},"until":` : "",
    `,"value":${encodeValue(value)}}`,
    take || settle || giveBack ? text({ take, settle, giveBack }) : "",
    commit.unless ?? "",
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
