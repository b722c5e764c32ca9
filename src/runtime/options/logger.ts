/**
 * Where a lifecycle logs.
 *
 * @module
 */
import { inWords, isLifecycleError } from "../../errors.ts";

/** What a log line is about. A line has the fields that apply to it, always under these names. */
export interface LogFields {
  /** The user, by its alias (`lifecycle.alias(id)`), never by its id. */
  readonly user?: string;
  /** The user's state. */
  readonly state?: string;
  /** The call to 1upHealth: `createUser`, `exchangeCode`, … */
  readonly call?: string;
  /** 1upHealth's endpoint: `management`, `token` or `fhir`. */
  readonly endpoint?: string;
  /** Its host. */
  readonly host?: string;
  /** Why a call to it failed, as in `Cause`: `ENOTFOUND`, `http_503`, … */
  readonly code?: string;
  /** The HTTP status of the response. */
  readonly status?: number;
  /** The account's gate. */
  readonly gate?: string;
  /** Why the gate is shut, or why the user waits. */
  readonly reason?: string;
  /** The limit: `management`, `token` or `fhir`. */
  readonly limit?: string;
  /** The ring key, by its id. */
  readonly key?: string;
  /** The listener of the application: `onProgress`. */
  readonly listener?: string;
  /** The code of the error: an `ErrorCode`, or the name and code of an error of another library. */
  readonly error?: string;
  /** How many users the line is about. */
  readonly users?: number;
  /** When it is tried again, ISO 8601. */
  readonly retryAt?: string;
}

/**
 * Receives log lines as fields and a message. A logger of pino fits as it is, and so does `console`. The message is a
 * whole sentence, and the fields repeat its facts for programs. Neither contains a secret, an `app_user_id`, or a text
 * of a response. Errors that a logger throws are ignored.
 *
 * | level | a line means |
 * |---|---|
 * | `error` | new work has stopped until a person acts |
 * | `warn` | something failed and is tried again, or is not as it should be |
 * | `info` | what was wrong is over |
 * | `debug` | a gate that stays shut for the same reason, for as long at a time |
 */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export const levels: readonly (keyof Logger)[] = ["debug", "info", "warn", "error"];

/** The field `error`. Other errors' messages may quote what was sent, so they are left out. */
export function errorField(error: unknown): string {
  return isLifecycleError(error) ? error.code : inWords(error);
}

/** The field `retryAt`: in `ms` from `now`. */
export function retryField(now: number, ms: number): string {
  return new Date(now + ms).toISOString();
}
