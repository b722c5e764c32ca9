/**
 * A commit as the scripts are told it.
 *
 * @module
 */
import type { Commit } from "../../src/store/contract.ts";
import { encodeValue } from "../../src/store/rules.ts";

/** Texts that become part of the row are JSON already, for Lua is slow to make it; `""` is null. */
export type Fields = [
  expectedRevision: string,
  writeId: string,
  mode: string,
  state: string,
  dueInMs: string,
  lane: string,
  leaseId: string,
  leaseMs: string,
  /** The row up to the moment at which it is due. */
  head: string,
  /** Its lease up to the moment at which that ends. */
  lease: string,
  /** The row from its value on. */
  value: string,
  /** `{ take, settle, giveBack }`. */
  slots: string,
];

/** How many there are. */
export const fieldsOfCommit: Fields["length"] = 12;

/** @throws {LifecycleError} `INVALID_OPTION` if the value does not survive JSON */
export function fieldsOf(commit: Commit): Fields {
  const { value, expectedRevision, writeId, mode, state, dueInMs, lane, lease } = commit;
  const { take, settle, giveBack } = commit;
  const text = JSON.stringify;
  const leased = mode === "take" || mode === "keep";
  return [
    String(expectedRevision),
    writeId,
    mode,
    state,
    dueInMs === null ? "" : String(dueInMs),
    lane ?? "",
    lease.id,
    String(lease.ms),
    `{"revision":${expectedRevision + 1},"writeId":${text(writeId)},"state":${text(state)},"dueAt":`,
    leased ? `{"id":${text(lease.id)},"owner":${text(lease.owner)},"until":` : "",
    `,"value":${encodeValue(value)}}`,
    take || settle || giveBack ? text({ take, settle, giveBack }) : "",
  ];
}

/** Names of the limits in whose logs the commit notes something. */
export function limitsOf({ take, settle, giveBack }: Commit): readonly string[] {
  const names: string[] = [];
  if (take !== undefined) names.push(take.limit.name);
  if (settle !== undefined) names.push(settle.limit);
  if (giveBack !== undefined) names.push(giveBack.limit);
  return names;
}
