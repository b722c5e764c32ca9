/** Loggers for tests. */
import type { LogFields, Logger } from "oneup-lifecycle";

/** One line of a log. */
export interface LogLine extends LogFields {
  readonly level: keyof Logger;
  readonly message: string;
}

/** Passes each line on. */
export function loggerTo(note: (line: LogLine) => void): Logger {
  const at = (level: keyof Logger) => (fields: LogFields, message: string) =>
    note({ ...fields, level, message });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** Collects the messages of warnings and errors. */
export function warningsIn(messages: string[]): Logger {
  return loggerTo(({ level, message }) => {
    if (level === "warn" || level === "error") messages.push(message);
  });
}

export const silentLogger: Logger = loggerTo(() => {});
