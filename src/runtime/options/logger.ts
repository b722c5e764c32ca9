/**
 * Where a lifecycle logs.
 *
 * @module
 */

/** Receives log messages; `console` fits. Users appear by alias, never by id. Errors that it throws are ignored. */
export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
}
