/**
 * What PostgreSQL and its client say when something fails, and what we say then.
 *
 * @module
 */
import { isLifecycleError, LifecycleError, masked, underneath } from "../../src/errors.ts";

/** Nothing came back in time. */
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

/** The five letters of an answer in which PostgreSQL refuses; `undefined`: it did not answer. */
export function refusalOf(error: unknown): string | undefined {
  const beneath = error instanceof NotSent ? error.cause : error;
  if (typeof beneath !== "object" || beneath === null || !("code" in beneath)) return undefined;
  const { code } = beneath;
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Refusals that pass by themselves, or when somebody looks after the server: with the same call later all is well. */
const passing: Readonly<Record<string, string>> = {
  "25006": "this PostgreSQL takes no writes: it is a replica, or default_transaction_read_only is on",
  "40001": "PostgreSQL could not serialize it among others",
  "40P01": "PostgreSQL ended a deadlock",
  "53100": "PostgreSQL has no space left on its disk",
  "53200": "PostgreSQL is out of memory",
  "53300": "PostgreSQL has no connection left (max_connections)",
  "55P03": "PostgreSQL waited too long for a lock (lock_timeout)",
  "57014": "PostgreSQL cancelled the statement (statement_timeout, or somebody)",
  "57P01": "PostgreSQL is shutting down",
  "57P02": "PostgreSQL crashed and is starting again",
  "57P03": "PostgreSQL is starting or shutting down",
};

/** Refusals that only another setting ends. */
const lasting: Readonly<Record<string, string>> = {
  "0A000": "PostgreSQL does not know how to: it must be version 14 or later",
  "28000": "PostgreSQL does not let this user in (pg_hba.conf)",
  "28P01": "PostgreSQL refused the user or the password",
  "3D000": "there is no such database",
  "42501": "PostgreSQL does not let this user do what the store needs",
};

/** What is missing where `migrate()` was never called: a schema, a table, a function, a type. */
const missing: ReadonlySet<string> = new Set(["3F000", "42P01", "42883", "42704"]);

/** Is what failed gone, as if it had never been sent? Then it may be sent again. */
export function leftNothing(error: unknown): boolean {
  const code = refusalOf(error);
  return error instanceof NotSent
    ? code === undefined || /^(08|53|57)/.test(code)
    : code === "40001" || code === "40P01";
}

/** May it have been carried out? The connection broke, or the server ended it. */
export function isLost(error: unknown): boolean {
  if (error instanceof NotSent || isLifecycleError(error)) return false;
  const code = refusalOf(error);
  return code === undefined || /^(08|57P)/.test(code);
}

/** Is it the data of this statement that PostgreSQL does not take? Others would not have failed. */
export function isOfData(error: unknown): boolean {
  return /^(22|23|54)/.test(refusalOf(error) ?? "");
}

/** Does the connection still serve? Not one to a server that may no longer be the one to write to. */
export function isUsable(error: unknown): boolean {
  const code = refusalOf(error);
  return code !== undefined && code !== "25006" && !/^(08|57P|58|F0|XX)/.test(code);
}

/** What an error says by itself, in few words. */
function wordsOf(error: unknown): string {
  const beneath = error instanceof NotSent || error instanceof Silence ? (error.cause ?? error) : error;
  if (!(beneath instanceof Error)) return typeof beneath;
  if ("code" in beneath && typeof beneath.code === "string") return beneath.code;
  return masked(beneath.message).slice(0, 200).trim();
}

/** The error of a verb. */
export function storeError(doing: string, place: string, error: unknown): LifecycleError {
  if (isLifecycleError(error)) return error;
  const code = refusalOf(error);
  const text =
    code !== undefined
      ? missing.has(code)
        ? `what migrate() made is gone (${code})`
        : (passing[code] ?? lasting[code] ?? `PostgreSQL answered ${code}`)
      : error instanceof Silence
        ? `${error.message} from ${place}`
        : `the connection to ${place} is gone`;
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the PostgreSQL store: ${text}`, {
    retryable: code === undefined || code in passing || code.startsWith("08"),
    cause: underneath(error),
  });
}

/** The error of opening. */
export function openError(place: string, schema: string, error: unknown): LifecycleError {
  if (isLifecycleError(error)) return error;
  const code = refusalOf(error);
  const words = wordsOf(error);
  const isCertificate = /CERT|UNABLE_TO_|SSL/.test(words);
  if (code === undefined && !isCertificate) {
    return new LifecycleError("STORE_UNAVAILABLE", `Cannot reach ${place}: ${words}`, {
      retryable: true,
      cause: underneath(error),
    });
  }
  const known = code === undefined ? undefined : (passing[code] ?? lasting[code]);
  const text =
    code !== undefined && missing.has(code)
      ? `its schema "${schema}" is not there, or not whole: call migrate() of the adapter once, or run oneup-lifecycle migrate`
      : (known ?? (code === undefined ? words : `PostgreSQL answered ${code}`));
  const passes = code !== undefined && code !== "25006" && (code in passing || code.startsWith("08"));
  return new LifecycleError(
    passes ? "STORE_UNAVAILABLE" : "STORE_UNUSABLE",
    `Cannot open the store in ${place}: ${text}`,
    { retryable: passes, cause: underneath(error) },
  );
}
