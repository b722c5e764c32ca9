/**
 * Reads the bodies of answers. Only own properties are read, so `__proto__` or `constructor` in a body are ordinary
 * names.
 *
 * @module
 */

/** A JSON object of unknown content; read it with {@link field}. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON value of a text, or `undefined` if it is not JSON (empty, truncated, HTML). */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === 0xfeff ? text.slice(1) : text) as unknown; // JSON.parse returns any
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The own property with the first of these names that the object has; `undefined` for anything else. */
export function field(value: unknown, ...names: readonly string[]): unknown {
  if (!isObject(value)) return undefined;
  for (const name of names) if (Object.hasOwn(value, name)) return value[name];
  return undefined;
}

/** A non-empty string of at most `most` characters, or `undefined`. */
export function text(value: unknown, most: number = Number.POSITIVE_INFINITY): string | undefined {
  return typeof value === "string" && value !== "" && value.length <= most ? value : undefined;
}

/** A number, possibly in quotes, or `undefined`. */
export function numeric(value: unknown): number | undefined {
  if (typeof value === "string" && /^\d{1,16}(\.\d{1,9})?$/.test(value)) return Number(value);
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** Whether `value` is true or `"true"`; `otherwise` if it is missing. */
export function truth(value: unknown, otherwise: boolean): boolean {
  if (value === undefined || value === null) return otherwise;
  return value === true || (typeof value === "string" && value.toLowerCase() === "true");
}
