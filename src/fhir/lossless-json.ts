/**
 * JSON without loss. In FHIR `1.50` says more than `1.5`: how exactly something was measured. JavaScript has one number
 * for both, so the digits of the source are remembered beside the object that holds the number, and written again as
 * long as the number in that place is the same. Numbers that come out as they went in cost nothing.
 *
 * @module
 */
import { LosslessNumber, stringify } from "lossless-json";

/** Objects and arrays that hold numbers of which JavaScript keeps less than the source said: the source, by name. */
const remembered = new WeakMap<object, Map<string, string>>();

/**
 * Parses JSON as `JSON.parse` does, and remembers the digits of numbers that JavaScript would write differently (`1.50`,
 * `1e3`, `0.12345678901234567890`). They belong to the very objects that come back: a copy (`structuredClone`, a spread,
 * a store) is without them, so copy or keep the text, with {@link stringifyFhirJson}.
 *
 * @throws {SyntaxError} as `JSON.parse`
 * @example
 * ```ts
 * import { parseFhirJson, stringifyFhirJson } from "oneup-lifecycle";
 *
 * const quantity = parseFhirJson('{"value":1.50}');
 * console.log(stringifyFhirJson(quantity)); // {"value":1.50}
 * ```
 */
export function parseFhirJson(text: string): unknown {
  const source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const value: unknown = JSON.parse(source);
  if (mayLose(source)) remember(value, source);
  return value;
}

/**
 * Writes JSON as `JSON.stringify` does, and every number that is still the one it was parsed as with its own digits.
 * What a client sends is written like this.
 *
 * @returns `undefined` for what JSON cannot hold, as `JSON.stringify`
 * @throws {TypeError} for a cycle
 * @example
 * ```ts
 * import { parseFhirJson, stringifyFhirJson } from "oneup-lifecycle";
 *
 * const copy = parseFhirJson(stringifyFhirJson(parseFhirJson("[1.50]")) ?? "");
 * console.log(stringifyFhirJson(copy)); // [1.50]
 * ```
 */
export function stringifyFhirJson(value: unknown): string | undefined {
  if (!holdsDigits(value)) return JSON.stringify(value);
  return stringify(value, function (this: unknown, name: string, one: unknown) {
    const digits = digitsIn(this, name);
    if (typeof one !== "number" || digits === undefined || !Object.is(Number(digits), one)) return one;
    return new LosslessNumber(digits);
  });
}

/**
 * A number of a parsed resource as its source wrote it: `digitsOf(quantity, "value")` is `"1.50"` where
 * `quantity.value` is `1.5`. `undefined` if there is no number.
 *
 * @example
 * ```ts
 * import { digitsOf, parseFhirJson } from "oneup-lifecycle";
 *
 * const quantity = parseFhirJson('{"value":1.50}') as { value: number };
 * console.log(quantity.value, digitsOf(quantity, "value")); // 1.5 1.50
 * ```
 */
export function digitsOf<T extends object>(holder: T, name: keyof T & (string | number)): string | undefined {
  const value: unknown = holder[name];
  if (typeof value !== "number") return undefined;
  const digits = digitsIn(holder, String(name));
  return digits !== undefined && Object.is(Number(digits), value) ? digits : String(value);
}

function digitsIn(holder: unknown, name: string): string | undefined {
  return typeof holder === "object" && holder !== null ? remembered.get(holder)?.get(name) : undefined;
}

/** A number between the signs of JSON; one in a text may look like it, which costs time and does no harm. */
const number = /[:,[]\s*(-?\d[\d.eE+-]*)(?=\s*[,\]}])/g;

function mayLose(source: string): boolean {
  for (const [, digits = ""] of source.matchAll(number)) if (String(Number(digits)) !== digits) return true;
  return false;
}

/** A text, whose digits do not count, or a number. */
const textOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Parses the source once more, with its numbers as texts, and walks both results side by side. */
function remember(value: unknown, source: string): void {
  const quoted = source.replaceAll(textOrNumber, (found) => (found.startsWith('"') ? found : `"${found}"`));
  const pairs: [unknown, unknown][] = [[value, JSON.parse(quoted)]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [plain, exact] = pair;
    if (!isHolder(plain) || !isHolder(exact)) continue;
    for (const name of Object.keys(plain)) {
      const [one, digits] = [plain[name], exact[name]];
      if (isHolder(one)) pairs.push([one, digits]);
      else if (typeof one === "number" && typeof digits === "string" && String(one) !== digits)
        note(plain, name, digits);
    }
  }
}

function note(holder: object, name: string, digits: string): void {
  const all = remembered.get(holder) ?? new Map<string, string>();
  remembered.set(holder, all.set(name, digits));
}

function holdsDigits(value: unknown): boolean {
  const found = new Set<object>(isHolder(value) ? [value] : []);
  for (const holder of found) {
    if (remembered.has(holder)) return true;
    for (const one of Object.values(holder)) if (isHolder(one)) found.add(one); // and comes to its turn
  }
  return false;
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
