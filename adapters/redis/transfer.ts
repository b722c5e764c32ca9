/**
 * The verbs of a move over their scripts.
 *
 * @module
 */
import type { KeptRows, Transfer } from "../../src/store/movable.ts";
import { decodeRow, encodeRow, encodeValue, type Row } from "../../src/store/row-rules.ts";
import { encodeEvent } from "../../src/store/event-text.ts";
import { list, type Connection, type Reply } from "./connection.ts";
import { isEmpty } from "../../src/store/slot-log.ts";
import { logOf } from "./log-of.ts";
import { accountStart } from "./lua/rows.ts";
import type { Script } from "./script.ts";
import * as transferScripts from "./transfer-scripts.ts";

/** The bookkeeping of a row that is in no index; the scripts replace it with their own. */
export const unindexed: Omit<Row, "value" | "revision" | "writeId"> = {
  state: "",
  dueAt: null,
  lane: null,
  waitsSince: null,
  lease: null,
};

/** What the verbs need of their store. */
export interface TransferParts {
  /** Runs a script for the account, with further keys. */
  readonly run: (script: Script, keys: readonly string[], args?: readonly string[]) => Promise<Reply>;
  readonly connection: Connection;
  /** The account's record. */
  readonly account: string;
  user(id: string): string;
  logs(...limits: readonly string[]): readonly string[];
}

/** A walk through the keys that start with `beginning`, which are on one server. */
export function walkOf(connection: Connection, beginning: string) {
  const pattern = `${beginning.replaceAll(/[\\*?[\]^-]/g, String.raw`\$&`)}*`;
  const read = async (...command: readonly string[]): Promise<readonly Reply[]> =>
    list(await connection.command("read", beginning, command));
  return {
    /** One step, with the cursor and how many keys to look at. */
    async scan(cursor: string, count: number): Promise<readonly [next: string, keys: readonly string[]]> {
      const [next, keys] = await read("SCAN", cursor, "MATCH", pattern, "COUNT", String(count));
      return [String(next), list(keys).map(String)];
    },
    /** The texts under the keys; `null`: there is none. */
    texts: async (keys: readonly string[]): Promise<readonly (string | null)[]> =>
      (await read("MGET", ...keys)).map((text) => (text === null ? null : String(text))),
  };
}

/** The verbs for one account. */
export function redisTransfer({ run, connection, account, user, logs }: TransferParts): Transfer {
  const start = user("");
  const { scan, texts } = walkOf(connection, start);
  const rowsUnder = async (keys: readonly string[]): Promise<KeptRows> => {
    if (keys.length === 0) return [];
    const found = await texts(keys);
    return found.flatMap((text, n) =>
      text === null ? [] : [[(keys[n] ?? "").slice(start.length), decodeRow(text)] as const],
    );
  };
  return {
    now: async () => Number(await run(transferScripts.time, [])),
    async seat({ value, expectedRevision, expectedIdentity, writeId, identity }) {
      const text = encodeRow({ ...unindexed, value, revision: expectedRevision + 1, writeId });
      const row = `${accountStart(identity)}${text.slice(1)}`;
      const reply = await run(
        transferScripts.seat,
        [account],
        [String(expectedRevision), writeId, row, accountStart(expectedIdentity)],
      );
      return Array.isArray(reply) && reply[0] === "committed";
    },
    async rows(after, limit) {
      const keys = new Set<string>();
      let cursor = after ?? "0";
      do {
        const [next, found] = await scan(cursor, limit);
        for (const key of found) keys.add(key);
        cursor = next;
      } while (cursor !== "0" && keys.size < limit);
      return { rows: await rowsUnder([...keys]), next: cursor === "0" ? null : cursor };
    },
    rowsOf: (ids) => rowsUnder(ids.map(user)),
    async logs(limits) {
      const kept = (await run(transferScripts.readLogs, logs(...limits))) as readonly Reply[][]; // fields of each
      const found = limits.map((limit, n) => [limit, logOf(kept[n] ?? [])] as const);
      return new Map(found.filter(([, log]) => !isEmpty(log)));
    },
    async writeRows({ rows, identity }) {
      const args = rows.flatMap(([id, row]) => [id, encodeRow(row)]);
      const keys = rows.map(([id]) => user(id));
      await run(transferScripts.writeRows, keys, [...args, accountStart(identity)]);
    },
    async writeLog({ limit, log, identity }) {
      await run(transferScripts.writeLog, logs(limit), [JSON.stringify(log), accountStart(identity)]);
    },
    async writeEvents({ events, last, trimmed, identity }) {
      const args = events.flatMap(({ number, key, at, value }) => [
        String(number),
        JSON.stringify(key),
        encodeEvent({ key, at, text: encodeValue(value) }),
      ]);
      const all = [String(last), String(trimmed), ...args, accountStart(identity)];
      await run(transferScripts.writeEvents, [], all);
    },
    async clear({ identity, limits }) {
      let cursor = "0";
      do {
        const [next, keys] = await scan(cursor, 1_000);
        if (keys.length > 0) {
          await run(transferScripts.remove, keys, [accountStart(identity)]);
          return false;
        }
        cursor = next;
      } while (cursor !== "0");
      await run(transferScripts.remove, [...logs(...limits), account], [accountStart(identity)]);
      return true;
    },
  };
}
