/**
 * Failures of PostgreSQL and its client, and the errors they become.
 *
 * @module
 */
import { isLifecycleError, LifecycleError, masked, storeUnavailable, underneath } from "../../src/errors.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import { isError } from "../../src/realms.ts";

/** The SQLSTATE with which `same_account` refuses to write because the account's record is not the caller's. */
export const lostState = "OUP01";

/** The SQLSTATE with which `used` refuses until its caller knows whether the server's clock was set forward. */
export const unsureState = "OUP03";

/** The SQLSTATE of a lock that was waited for in vain. */
export const lockTimeout = "55P03";

/** No answer arrived in time. */
export class Silence extends Error {
  constructor(timeoutMs: number, cause?: unknown) {
    super(`no answer within ${timeoutMs} ms`, cause === undefined ? undefined : { cause });
    this.name = "Silence";
  }
}

/** There was no connection, so nothing was sent. */
export class NotSent extends Error {
  constructor(cause: unknown) {
    super("no connection", { cause });
    this.name = "NotSent";
  }
}

/** Another transaction held a row that the call needs until its time was over. */
export class RowHeld extends Error {
  constructor(timeoutMs: number) {
    super(`another transaction holds this user's row, and has for ${timeoutMs} ms`);
    this.name = "RowHeld";
  }
}

/** The five-character SQLSTATE with which PostgreSQL refused; `undefined`: it did not answer. */
export function refusalOf(error: unknown): string | undefined {
  const beneath = error instanceof NotSent ? error.cause : error;
  if (typeof beneath !== "object" || beneath === null || !("code" in beneath)) return undefined;
  const { code } = beneath;
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The SQLSTATE in an error of a library that may wrap the one of `pg`. */
export function sqlStateOf(error: unknown): string | undefined {
  let at: unknown = error;
  for (let depth = 0; depth < 5 && typeof at === "object" && at !== null; depth++) {
    const meta: unknown = "meta" in at ? at.meta : undefined; // of Prisma, whose own codes look like SQLSTATEs
    const code = refusalOf(meta) ?? refusalOf(at);
    if (code !== undefined && !/^P[12]/.test(code)) return code;
    at = "cause" in at ? at.cause : undefined;
  }
  return undefined;
}

/** Temporary refusals: the same call can succeed later, by itself or after an administrator has acted. */
const passing: Readonly<Record<string, string>> = {
  "08P01":
    "PostgreSQL or a pooler does not allow what was sent (08P01): a pooler must be in session or transaction mode, and its server must run",
  "25006": "this PostgreSQL is read-only: it is a replica, or default_transaction_read_only is on",
  "40001": "PostgreSQL could not serialize the transaction",
  "40P01": "PostgreSQL ended a deadlock",
  "53100": "PostgreSQL has no space left on its disk",
  "53200": "PostgreSQL is out of memory",
  "53300":
    "PostgreSQL has no connection left (max_connections, or the CONNECTION LIMIT of the role or the database)",
  [lockTimeout]: "another transaction holds a lock that this needs (55P03)",
  "57014": "PostgreSQL cancelled the statement (statement_timeout, or an administrator)",
  "57P01": "PostgreSQL is shutting down",
  "57P02": "PostgreSQL crashed and is starting again",
  "57P03": "PostgreSQL is starting or shutting down",
};

/** Refusals that last until the configuration is changed. */
const lasting: Readonly<Record<string, string>> = {
  "22021":
    "PostgreSQL answered 22021: standard_conforming_strings must be on (ALTER ROLE … SET standard_conforming_strings = on, then connect anew), and the encoding of the database UTF8",
  "25001": "transactions must be read committed (default_transaction_isolation)",
  "0A000": "PostgreSQL lacks a feature: it must be version 14 or later",
  "28000":
    "PostgreSQL does not let this user in: there is no such role, it is NOLOGIN, or pg_hba.conf refuses it",
  "28P01": "PostgreSQL refused the user or the password; correct them in the URL or in the pool",
  "3D000": "there is no such database",
  "42501": "this PostgreSQL user lacks a right that the store needs",
};

/** A refusal because of a missing right, as a read-only store recognises it. */
const noRight = { reason: "noRight" } as const;

/** The right that the user lacks, as PostgreSQL names it where it speaks English: `permission denied for table events`. */
function rightIn(code: string | undefined, error: unknown): string {
  const beneath = error instanceof NotSent ? error.cause : error;
  if (code !== "42501" || !isError(beneath)) return "";
  const [told, kind] =
    /permission denied for (table|schema|database|function|sequence) [\w.]+/.exec(beneath.message) ?? [];
  if (told === undefined) return "";
  const needs = {
    table: "SELECT, INSERT, UPDATE and DELETE on each table of its schema",
    schema: "USAGE on it",
  }[kind ?? ""];
  return `: ${told}${needs === undefined ? "" : `; it needs ${needs}`}`;
}

/** SQLSTATEs of a missing schema, table, function or type, as before `migrate()`. */
const missing: ReadonlySet<string> = new Set(["3F000", "42P01", "42883", "42704"]);

/** What to do about a schema that `migrate()` can make usable. */
export const toMigrate = "call migrate() of the adapter once, or run oneup-lifecycle migrate";

/** What to do about them. The store may have been in use: an empty one would take its place. */
export const toMigrateOrRestore: string = `${toMigrate}; if users were in it, restore its data instead`;

/** Whether this refusal is temporary. */
export function isPassing(code: string): boolean {
  return code in passing || code.startsWith("08");
}

/** Whether the failed statement had no effect, so that it may be sent again. */
export function leftNothing(error: unknown): boolean {
  const code = refusalOf(error);
  return error instanceof NotSent
    ? code === undefined || /^(08|53|57)/.test(code)
    : code === "40001" || code === "40P01";
}

/** Whether it is unknown if the statement was carried out: the connection broke, or the server ended it. */
export function isLost(error: unknown): boolean {
  if (error instanceof NotSent || isLifecycleError(error)) return false;
  const code = refusalOf(error);
  return code === undefined || /^(08|57P)/.test(code);
}

/** Whether PostgreSQL rejected the data of this statement. Other statements of the batch may succeed. */
export function isOfData(error: unknown): boolean {
  return /^(22|23|54)/.test(refusalOf(error) ?? "");
}

/** Whether the connection is still usable. It is not if its server may no longer be the primary. */
export function isUsable(error: unknown): boolean {
  const code = refusalOf(error);
  return code !== undefined && code !== "25006" && !/^(08|57P|58|F0|XX)/.test(code);
}

/** The server's time in the refusal of a request that was slow, or met a clock that was set forward. */
export function unsureAt(error: unknown): number | undefined {
  const isUnsure = refusalOf(error) === unsureState && isError(error);
  return isUnsure ? Number(/[\d.]+$/.exec(error.message)?.[0]) : undefined;
}

/** A short description of an error. */
function wordsOf(error: unknown): string {
  if (error instanceof Silence && error.cause !== undefined) return wordsOf(error.cause);
  const beneath = error instanceof NotSent ? error.cause : error;
  if (!isError(beneath)) return typeof beneath;
  if ("code" in beneath && typeof beneath.code === "string") return beneath.code;
  return masked(beneath.message).slice(0, 200).trim();
}

/** The error of a failed verb. `failure`: why statements have failed since the last one that was answered. */
export function storeError(doing: string, place: string, failed: unknown, failure: unknown): LifecycleError {
  if (isLifecycleError(failed)) return failed;
  const isBare = failed instanceof Silence && failed.cause === undefined && failure !== undefined;
  const error = isBare ? Object.assign(failed, { cause: failure }) : failed;
  const code = refusalOf(error);
  if (code === lostState) return lostStore();
  const text =
    code !== undefined
      ? missing.has(code)
        ? `what migrate() creates is missing (${code}): ${toMigrateOrRestore}`
        : (passing[code] ?? lasting[code] ?? `PostgreSQL answered ${code}`) + rightIn(code, error)
      : error instanceof RowHeld
        ? error.message
        : error instanceof Silence
          ? `${error.message} from ${place}${error.cause === undefined ? "" : ` (${wordsOf(error)})`}`
          : `the connection to ${place} was lost`;
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the PostgreSQL store: ${text}`, {
    retryable: code === undefined || isPassing(code),
    cause: underneath(error),
    ...(code === "42501" && { facts: noRight }),
    ...(code === lockTimeout && { facts: { waitsFor: "lock" } }),
    ...(error instanceof RowHeld && { facts: { waitsFor: "row" } }),
  });
}

/** The error of a failed opening. */
export function openError(place: string, schema: string, error: unknown): LifecycleError {
  if (isLifecycleError(error)) return error;
  const code = refusalOf(error);
  const words = wordsOf(error);
  const isCertificate = /CERT|UNABLE_TO_|SSL/.test(words);
  if (code === undefined && !isCertificate) {
    return storeUnavailable(`Cannot reach ${place}: ${words}`, { cause: underneath(error) });
  }
  const known = code === undefined ? undefined : (passing[code] ?? lasting[code]);
  const text =
    code !== undefined && missing.has(code)
      ? `its schema "${schema}" is missing or incomplete: ${toMigrateOrRestore}`
      : (known ?? (code === undefined ? words : `PostgreSQL answered ${code}`)) + rightIn(code, error);
  const passes = code !== undefined && code !== "25006" && isPassing(code);
  return new LifecycleError(
    passes ? "STORE_UNAVAILABLE" : "STORE_UNUSABLE",
    `Cannot open the store in ${place}: ${text}`,
    { retryable: passes, cause: underneath(error) },
  );
}
