/**
 * Calls an application's listeners. An error in a listener must not fail the user it was notified about: work continues
 * and the error is logged. The log line omits the error's message, which may quote the data that the listener handled.
 *
 * @module
 */
import { inWords, legible, textIn } from "../../errors.ts";
import { errorField, type LogFields, type Logger } from "./logger.ts";
import { isError, isPromise } from "../../realms.ts";

/** How often each listener has failed, per logger. */
const failures = new WeakMap<object, WeakMap<object, number>>();

/**
 * Calls `listener`, which may be asynchronous. `name` identifies it in the log: "onProgress". A listener that keeps
 * failing is logged the 1st, 10th, 100th time and so on.
 */
export function callListener<T>(
  logger: Pick<Logger, "warn">,
  name: string,
  listener: ((news: T) => unknown) | undefined,
  news: T,
): void {
  if (listener === undefined) return;
  try {
    watchResult(logger, name, listener, listener(news));
  } catch (error) {
    report(logger, name, listener, error);
  }
}

/** Catches the rejection of an asynchronous listener, which would otherwise end the process. */
export function watchResult(
  logger: Pick<Logger, "warn">,
  name: string,
  listener: object,
  result: unknown,
): void {
  if (typeof result !== "object" || result === null || !("then" in result)) return;
  Promise.resolve(result).catch((error: unknown) => report(logger, name, listener, error));
}

function report(logger: Pick<Logger, "warn">, name: string, listener: object, thrown: unknown): void {
  const error = legible(thrown);
  const counts = failures.get(logger) ?? new WeakMap<object, number>();
  const times = (counts.get(listener) ?? 0) + 1;
  failures.set(logger, counts.set(listener, times));
  if (!/^10*$/.test(String(times))) return;
  const often = times === 1 ? "" : `, for the ${times}th time`;
  const fields = { listener: name, error: errorField(error) };
  logger.warn(
    fields,
    `A listener of ${name} failed${often}: ${inWords(error)}${whereIn(error)}; work continues`,
  );
}

/** The code location: the first line of the stack after the message. */
function whereIn(error: unknown): string {
  if (!isError(error)) return "";
  const place = textIn(error, "stack")
    .split("\n")
    .findLast((line, at, all) => isPlace(line) && !isPlace(all[at - 1] ?? ""));
  return place === undefined ? "" : ` ${place.trim()}`;
}

function isPlace(line: string): boolean {
  return /^ +at .*:\d+:\d+\)?$/.test(line);
}

/**
 * Wraps the application's logger so that one that throws does not interrupt work. The error cannot be reported
 * anywhere.
 */
export function unbreakable(logger: Logger): Logger {
  const quietly = (level: keyof Logger) => (fields: LogFields, message: string) => {
    try {
      const done: unknown = logger[level](fields, message);
      if (isPromise(done)) done.catch(() => {});
    } catch {} // nowhere is left to report it
  };
  return { debug: quietly("debug"), info: quietly("info"), warn: quietly("warn"), error: quietly("error") };
}
