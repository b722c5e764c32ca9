/**
 * New users that a transaction of the application writes. It only adds a row to a table that no other verb locks; once
 * it is committed, the next verb that looks takes the user in.
 *
 * @module
 */
import { inTime, randomName } from "../../src/clock.ts";
import {
  invalidOption,
  LifecycleError,
  storeUnavailable,
  underneath,
  storeUnusable,
} from "../../src/errors.ts";
import type { Commit, TransactionClient } from "../../src/store/contract.ts";
import { isObject } from "../../src/store/guards.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import { batches } from "./batches.ts";
import type { Connection, Verb } from "./connection.ts";
import { isPassing, Silence, sqlStateOf } from "./failures.ts";
import { takenInAtOnce } from "./join-functions.ts";
import { headOf, writeOf } from "./rows.ts";
import { isError } from "../../src/realms.ts";

/** How long a worker takes in users before it goes on with others, ms. */
const longestTakeInMs = 1_000;

/** The verbs of joins. */
export type Joins = ReturnType<typeof postgresJoins>;

/** The name of the lock that a transaction with a join shares, and the fence of a move takes alone. */
export function fenceName(s: string, account: string): string {
  return `${s}\n${account}`;
}

/** The verbs for one account. @param s the schema, quoted */
export function postgresJoins(connection: Connection, s: string, account: string) {
  const taking = batches<string, number>(connection, {
    verb: { text: `SELECT ${s}.take_in($1, $2) AS answer`, doing: "write to", repeatable: true },
    values: (ids) => [account, [...new Set(ids)]],
    answers: (reply, ids) => ids.map(() => reply as number), // as the function returns it
    most: 128,
    flights: 1,
  });
  const witnessed: Verb = {
    text: `SELECT json_build_array(NOT pg_try_advisory_xact_lock(hashtextextended($2, 4)),
      (SELECT identity FROM ${s}.account WHERE account = $1))::text AS answer`,
    doing: "read",
    repeatable: true,
  };

  return {
    /** The expression that tells whether there are any that this call of a function should see. */
    areThere: (call: string): string =>
      call.startsWith("load_users") ? `${s}.has_joins_of($1, $2)` : `${s}.has_joins($1)`,
    /** Takes in users that were committed, those of this id among the first. False: it failed, and that is no matter. */
    async takeIn(id: string, matters: boolean): Promise<boolean> {
      try {
        await taking(id);
        return true;
      } catch (error) {
        if (matters) throw error;
        return false;
      }
    },
    /** Takes in all, or very many of them. A failure is left to the next call. Returns whether it took in any. */
    async takeInAll(): Promise<boolean> {
      const { clock } = connection;
      const until = clock.monotonic() + longestTakeInMs;
      let took = 0;
      try {
        for (let last = takenInAtOnce; last === takenInAtOnce && clock.monotonic() < until;) {
          last = await taking("");
          took += last;
        }
      } catch {
        // What was read, or claimed, is true without them.
      }
      return took > 0;
    },
    join: async (client: TransactionClient, commit: Commit): Promise<void> => {
      await connection.during("write to", async (until) => {
        const ask = async (text: string, values: string[]): Promise<readonly Columns[]> => {
          const leftMs = Math.max(0, until - connection.clock.monotonic());
          const late = (): Silence => new Silence(connection.timeoutMs);
          let answer: unknown;
          try {
            answer = await inTime(connection.clock, leftMs, () => client.query(text, values), late);
          } catch (error) {
            throw refusedByClient(error, values, s);
          }
          return rowsIn(answer);
        };
        // The first call in a transaction names it. Both locks end with it, and are of this moment in any snapshot.
        const [first] = await ask(
          `SELECT pg_try_advisory_xact_lock_shared(hashtextextended($1::text, 5)) AS free, token,
                pg_try_advisory_xact_lock(hashtextextended(token, 4)) AS held,
                pg_client_encoding()::text AS encoding
              FROM (SELECT set_config('oneup_lifecycle.join',
                coalesce(nullif(current_setting('oneup_lifecycle.join', true), ''), $2::text), true) AS token OFFSET 0) AS own`,
          [fenceName(s, account), randomName(connection.clock)],
        );
        const { free, token, encoding } = first ?? {};
        if (typeof free !== "boolean" || typeof token !== "string" || typeof encoding !== "string")
          throw misshapen(first === undefined ? "no row" : "columns of other names or types");
        // Clients send UTF-8 all the same. As SQL_ASCII it arrives as it is, in any other it becomes other text.
        if (encoding !== "UTF8" && encoding !== "SQL_ASCII")
          throw unfit(
            `a client whose client_encoding is UTF8, so that text arrives as it was sent, and this one's is ${encoding}`,
          );
        if (!free)
          throw storeUnavailable(
            "Cannot onboard within a transaction: users are being moved to another store at this moment; roll back, and try again",
          );
        const seen = await connection.run(witnessed, () => [account, token], until);
        const [isHeld, identity] = seen as readonly [boolean, string | null];
        if (!isHeld) {
          const [now] = await ask("SELECT current_setting('oneup_lifecycle.join', true) = $1::text AS same", [
            token,
          ]);
          throw unfit(
            now?.["same"] === true
              ? "a client of the store's own database, and this one is of another database or server"
              : "a client inside a transaction, and this one is in none; begin one, and pass the client that it runs on, not a pool",
          );
        }
        if (identity === null || (commit.identity !== undefined && commit.identity !== identity))
          throw lostStore();
        const write = writeOf({ commit });
        const head = JSON.stringify(headOf(write, 0));
        const added = await ask(
          `INSERT INTO ${s}.joins (account, identity, id, mark, head, value)
              SELECT $1::text, $2::text, $3::text, $4::text, $5::text::jsonb, $6::text::json
              WHERE current_setting('oneup_lifecycle.join', true) = $7::text RETURNING n::text AS n`,
          [account, identity, commit.id, commit.unless ?? "", head, write.value, token],
        );
        if (added.length !== 1)
          throw unfit(
            "a client inside a transaction, and that has ended meanwhile; await the call before it ends",
          );
      });
    },
  };
}

/** A row that the application's client has returned. */
type Columns = Readonly<Record<string, unknown>>;

/** The rows in what its `query` has resolved with. @throws {LifecycleError} `INVALID_OPTION` */
function rowsIn(answer: unknown): readonly Columns[] {
  if (!isObject(answer))
    throw misshapen(Array.isArray(answer) ? "an array" : answer === null ? "null" : typeof answer);
  const rows: unknown = answer["rows"];
  if (!Array.isArray(rows)) throw misshapen("an object without an array of rows");
  if (!rows.every(isObject)) throw misshapen("rows that are not objects");
  return rows;
}

function misshapen(got: string): LifecycleError {
  return unfit(
    `a client whose query resolves with { rows }, an array of objects such as { free: true, token: "a" }, and this one resolves with ${got}`,
  );
}

function unfit(rule: string): LifecycleError {
  return invalidOption(`Cannot onboard: within must be ${rule}`);
}

/** The cause, unless a library quotes the values of the statement in it: the user's id is one of them. */
function causeOf(error: unknown, values: readonly string[]): { readonly cause?: Error } {
  const cause = underneath(error);
  for (let each: unknown = cause; isError(each); each = each.cause) {
    const { message } = each;
    if (values.some((value) => value !== "" && message.includes(value))) return {};
  }
  return { cause };
}

/** The error of a statement on the application's client. */
function refusedByClient(error: unknown, values: readonly string[], s: string): Error {
  if (error instanceof Silence) return error;
  const code = sqlStateOf(error);
  switch (code) {
    case "25P02":
      return unfit("in a transaction that can go on, and this one has failed; roll it back");
    case "25006":
      return unfit("in a transaction that may write, and this one is read-only");
    case "42501":
      return storeUnusable(
        `Cannot onboard within a transaction: its database user needs USAGE on the schema ${s}, and INSERT and SELECT on ${s}.joins`,
        causeOf(error, values),
      );
    default:
      return new LifecycleError(
        "STORE_UNAVAILABLE",
        `Cannot onboard within a transaction: its client failed with ${code ?? "an error of its own"}; roll back`,
        { retryable: code !== undefined && isPassing(code), ...causeOf(error, values) },
      );
  }
}
