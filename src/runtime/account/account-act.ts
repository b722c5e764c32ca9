/**
 * What operators did to the account: the account's record keeps the last acts, with the operators' names.
 *
 * @module
 */
import { lanes, type Json, type Lane } from "../../store/contract.ts";
import { isObject, isTime } from "../../store/guards.ts";
import { changeAccount, type RecordParts } from "./change-account.ts";

/** Something that an operator did to the account. */
export interface AccountAct {
  readonly at: Date;
  /** `forget`: of a user, which the act does not name. */
  readonly what: "pause" | "unpause" | "reopen" | "forget";
  /** The lane that was paused or unpaused; `null`: all. */
  readonly lane: Lane | null;
  /** The operator's words, of a pause. */
  readonly reason: string | null;
  /** Who did it, as the application named them; `null`: not named. */
  readonly by: string | null;
}

/** The acts that are kept. */
const keptActs = 12;

/** An act that is done now, if it does not say when. */
export type NewAct = Pick<AccountAct, "what" | "by"> & Partial<AccountAct>;

/**
 * Writes the act into the account's record, in one commit with what it changes there. Resolves with the value that was
 * written; `null`: there is no record.
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export async function writeAct(
  parts: Omit<RecordParts, "logger">,
  { at = new Date(parts.clock.now()), what, lane = null, reason = null, by }: NewAct,
  change: (value: Json) => Json = (value) => value,
): Promise<Json> {
  const act = { at, what, lane, reason, by };
  const done = await changeAccount(parts, ({ value }) => ({ value: withAct(change(value), act) }));
  return done && done.value;
}

function isAct(what: unknown): what is AccountAct["what"] {
  return what === "pause" || what === "unpause" || what === "reopen" || what === "forget";
}

function withAct(value: Json, { at, ...act }: AccountAct): Json {
  const record = isObject(value) ? value : {};
  const kept: readonly Json[] = Array.isArray(record["acts"]) ? record["acts"] : [];
  return { ...record, acts: [...kept, { at: at.getTime(), ...act }].slice(-keptActs) };
}

/** The acts in the record, oldest first. One that cannot be read is left out: it decides nothing. */
export function readActs(value: Json): readonly AccountAct[] {
  const kept = isObject(value) ? value["acts"] : undefined;
  if (!Array.isArray(kept)) return [];
  return kept.flatMap((act: unknown): AccountAct[] => {
    if (!isObject(act)) return [];
    const { at, what, lane, reason, by } = act;
    if (!isTime(at) || !isAct(what)) return [];
    return [
      {
        at: new Date(at),
        what,
        lane: lanes.find((one) => one === lane) ?? null,
        reason: typeof reason === "string" ? reason : null,
        by: typeof by === "string" ? by : null,
      },
    ];
  });
}
