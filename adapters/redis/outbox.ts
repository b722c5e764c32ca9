/**
 * The outbox over its scripts.
 *
 * @module
 */
import type { EventOutbox, Json, NewEvent, OfAccount, StoredEvent } from "../../src/store/contract.ts";
import { decodeEvent } from "../../src/store/event-text.ts";
import { encodeValue } from "../../src/store/row-rules.ts";
import type { Reply } from "./connection.ts";
import { accountStart } from "./lua/rows.ts";
import * as outboxScripts from "./outbox-scripts.ts";
import type { Script } from "./script.ts";

/**
 * Events as a script takes them. JSON holds no NUL, so that they are separated without decoding them.
 * @throws {LifecycleError} `INVALID_OPTION` if a value cannot be represented as JSON
 */
export function eventsField(events: readonly NewEvent[] = []): string {
  return events.map(({ key, value }) => `${JSON.stringify(key)}\0${encodeValue(value)}\0`).join("");
}

type Found = readonly [number: string, text: string];

function storedEvent([number, stored]: Found): StoredEvent {
  const { key, at, text } = decodeEvent(stored.slice(stored.indexOf(":") + 1));
  return { number: Number(number), key, at, value: JSON.parse(text) as Json };
}

/** The verbs; `run` runs a script for the account. */
export function redisOutbox(run: (script: Script, args: readonly string[]) => Promise<Reply>): EventOutbox {
  const write = (script: Script, { identity }: OfAccount, ...args: readonly string[]): Promise<Reply> =>
    run(script, [...args, accountStart(identity)]);
  return {
    async read({ after, limit }) {
      const reply = await run(outboxScripts.readEvents, [String(after), String(limit)]);
      const [last, trimmed, found] = reply as readonly [string, string, readonly Found[]]; // as the script returns them
      return { events: found.map(storedEvent), last: Number(last), trimmed: Number(trimmed) };
    },
    async under({ key, before, limit }) {
      const args = [JSON.stringify(key), before === undefined ? "" : String(before), String(limit)];
      return ((await run(outboxScripts.eventsUnder, args)) as readonly Found[]).map(storedEvent); // likewise
    },
    trim: async ({ olderThanMs, limit, ...of }) =>
      Number(await write(outboxScripts.trimEvents, of, String(olderThanMs), String(limit))),
    async forget({ key, above = 0, events, ...of }) {
      const args = [JSON.stringify(key), eventsField(events), String(above)] as const;
      while (Number(await write(outboxScripts.forgetEvents, of, ...args)) === 0);
    },
    async replace({ number, value, expected, ...of }) {
      const before = expected === undefined ? "" : encodeValue(expected);
      await write(outboxScripts.replaceEvent, of, String(number), encodeValue(value), before);
    },
  };
}
