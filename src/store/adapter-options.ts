/**
 * Checks what an adapter is given. Adapters know nothing of the library's own rules of options.
 *
 * @module
 */
import { invalidOption, type LifecycleError } from "../errors.ts";

/** The name of each option that an adapter knows. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * The options of an adapter, of which each may be missing. A mistyped one is reported: a store without the `prefix` that was
 * meant would be shared with others.
 *
 * @throws {LifecycleError} `INVALID_OPTION` if they are no object, or one of them is not known
 */
export function optionsOf<T extends object>(verb: string, options: T, names: OptionNames<T>): T {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw unfitOption(verb, "the options must be an object", options);
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return options;
  throw unfitOption(verb, `an option must be one of ${Object.keys(names).join(", ")}`, unknown);
}

/** Checks a time limit. @throws {LifecycleError} `INVALID_OPTION` */
export function checkTimeout(verb: string, timeoutMs: unknown): void {
  if (!Number.isFinite(timeoutMs) || Number(timeoutMs) <= 0)
    throw unfitOption(verb, "`timeoutMs` must be a number of milliseconds above 0", timeoutMs);
}

/** Checks a number of things. @throws {LifecycleError} `INVALID_OPTION` */
export function checkCount(verb: string, name: string, count: unknown): void {
  if (!Number.isSafeInteger(count) || Number(count) < 1)
    throw unfitOption(verb, `\`${name}\` must be a whole number from 1`, count);
}

export function unfitOption(verb: string, rule: string, value: unknown): LifecycleError {
  return invalidOption(`Cannot ${verb}: ${rule}, not ${shown(value)}`);
}

/**
 * A value in words, without a call of its own methods, which may throw or be missing. A text that may be a URL is not
 * quoted: it may hold a password.
 */
export function shown(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string")
    return /^[^:@]{0,40}$/.test(value) ? JSON.stringify(value) : `a text of ${value.length} characters`;
  if (typeof value === "function") return "a function";
  if (typeof value === "object") return Array.isArray(value) ? "an array" : "an object";
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return value.toString();
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "undefined";
}
