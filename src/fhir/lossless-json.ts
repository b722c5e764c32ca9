/**
 * JSON without loss of digits. In FHIR `1.50` and `1.5` differ in the precision of a measurement, but JavaScript has
 * one number for both. So the digits of the source are remembered beside the object that holds the number, and are
 * written again while the number in that place is unchanged. Numbers that JavaScript writes as it read them cost
 * nothing.
 *
 * @module
 */
import { LosslessNumber, stringify } from "lossless-json";
import { survey } from "../http/survey.ts";

/** The source digits, by field name, of objects and arrays with numbers that JavaScript would write differently. */
const remembered = new WeakMap<object, Map<string, string>>();

/**
 * Parses JSON like `JSON.parse`, and remembers the digits of numbers that JavaScript would write differently (`1.50`,
 * `1e3`, `0.12345678901234567890`). They belong to the returned objects themselves: a copy (`structuredClone`, a
 * spread, a store) loses them, so copy or store the text, with {@link stringifyFhirJson}.
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
  return parseKnown(text, survey(text, unbounded) === "exact");
}

const unbounded = { depth: Number.POSITIVE_INFINITY, values: Number.POSITIVE_INFINITY };

/** The same for a text of which it is known whether JavaScript writes all its numbers unchanged. */
export function parseKnown(text: string, isExact: boolean): unknown {
  const source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const value: unknown = JSON.parse(source);
  if (!isExact) remember(value, source);
  return value;
}

/**
 * Writes JSON like `JSON.stringify`, but with the source digits of every number that has not changed since it was
 * parsed. The FHIR client sends its bodies in this form.
 *
 * @returns `undefined` for a value that JSON cannot represent, like `JSON.stringify`
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
 * The source text of a number in a parsed resource: `digitsOf(quantity, "value")` is `"1.50"` where `quantity.value`
 * is `1.5`. `undefined` if the field is not a number.
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

/** A string, whose digits do not count, or a number. */
const textOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;

/** Parses the source again with its numbers as strings, and walks both results in parallel. */
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
    for (const one of Object.values(holder)) if (isHolder(one)) found.add(one); // the loop visits it later
  }
  return false;
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
