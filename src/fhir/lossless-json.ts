/**
 * JSON without loss of digits. In FHIR `1.50` and `1.5` differ in the precision of a measurement, but JavaScript has
 * one number for both. So the digits of the source are remembered beside the object that holds the number, and are
 * written again while the number in that place is unchanged. Numbers that JavaScript writes as it read them cost
 * nothing.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import {
  closeList,
  closeObject,
  comma,
  endOfNumber,
  endOfString,
  isDigit,
  isExact,
  minus,
  openList,
  openObject,
  quote,
  survey,
} from "../http/survey.ts";

/** Source digits by field name; of a single number, as most objects have, as a pair, which takes less time to build. */
type Digits = Map<string, string> | { readonly name: string; readonly digits: string };

/** A constructor whose new object is the given one. */
const Given = function (object: object): object {
  return object;
} as unknown as new (object: object) => object; // TypeScript knows no constructor that is a function

/**
 * Remembers the source digits of an object or array with numbers that JavaScript would write differently. A private
 * field of the object itself is as invisible as an entry in a `WeakMap`, and costs a page full of such numbers, and
 * each garbage collection after it, far less.
 */
class Remembered extends Given {
  #digits: Digits;

  private constructor(object: object, digits: Digits) {
    super(object);
    this.#digits = digits;
  }

  static of(object: object): Digits | undefined {
    return #digits in object ? object.#digits : undefined;
  }

  static set(object: object, digits: Digits): void {
    if (#digits in object) object.#digits = digits;
    else void new Remembered(object, digits);
  }
}

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

/** The same for a text of which it may be known that JavaScript writes all its numbers unchanged. */
export function parseKnown(text: string, isAllExact: boolean): unknown {
  const source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const value: unknown = JSON.parse(source);
  if (!isAllExact) remember(value, source);
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
  return writeFhirJson(value).text;
}

/** A value as text, as {@link stringifyFhirJson} writes it. */
export interface Written {
  readonly text: string | undefined;
  /** It holds nothing but objects and lists without a class, texts, numbers and the like, of which JSON leaves nothing out. */
  readonly isPlain: boolean;
}

/** @throws {TypeError} for a cycle */
export function writeFhirJson(value: unknown): Written {
  const { holdsDigits, isPlain } = lookInto(value);
  return { text: holdsDigits ? withDigits(value) : JSON.stringify(value), isPlain };
}

function withDigits(value: unknown): string | undefined {
  const kept: string[] = [];
  const text = JSON.stringify(value, function (this: unknown, name: string, one: unknown) {
    const digits = digitsIn(this, name);
    if (typeof one !== "number" || digits === undefined || !Object.is(Number(digits), one)) return one;
    kept.push(digits);
    return placeholder;
  }) as string | undefined; // `undefined` for what JSON cannot represent
  return text?.replaceAll(`"${placeholder}"`, () => kept.shift() ?? "");
}

/** Stands for a number until its digits are put in. No value can hold it, because it never leaves this module. */
const placeholder: string = randomUUID();

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
  const known = isHolder(holder) ? Remembered.of(holder) : undefined;
  if (known === undefined || known instanceof Map) return known?.get(name);
  return known.name === name ? known.digits : undefined;
}

/**
 * Finds the numbers whose digits would be lost, and notes them beside the objects and arrays of `value` that hold them.
 * The text has been parsed, so it is JSON.
 */
export function remember(value: unknown, text: string): void {
  const path = jsonPath(value, text);
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === quote) at = endOfString(text, at);
    else if (char === comma) path.next(at);
    else if (char === openObject || char === openList) path.enter(at, char === openList);
    else if (char === closeObject || char === closeList) path.leave();
    else if (isDigit(char) || char === minus) {
      const end = endOfNumber(text, at);
      if (!isExact(text, at, end)) path.note(text.slice(at, end));
      at = end - 1;
    }
  }
}

/**
 * The position of a scan in a parsed text. Only objects and arrays on the way to an inexact number are looked up, and
 * only the names on that way are read.
 */
function jsonPath(root: unknown, text: string) {
  let depth = 0;
  /** By depth: the current index of an array; below zero in an object. */
  const indexes: number[] = [];
  /** By depth: the end of the comma or bracket before the current member. */
  const starts: number[] = [];
  /** By depth, as far as they were looked up. */
  const holders: unknown[] = [];

  function childAt(level: number): unknown {
    const holder = holders[level];
    return isHolder(holder) ? holder[nameAt(level)] : undefined;
  }

  function nameAt(level: number): string {
    const index = indexes[level] ?? 0;
    if (index >= 0) return String(index);
    const start = text.indexOf('"', starts[level]);
    const name = text.slice(start + 1, endOfString(text, start));
    return name.includes("\\") ? (JSON.parse(`"${name}"`) as string) : name;
  }

  return {
    enter(at: number, isList: boolean): void {
      starts[depth] = at + 1;
      indexes[depth] = isList ? 0 : -1;
      depth++;
    },

    leave(): void {
      depth--;
      if (holders.length > depth) holders.pop();
    },

    next(at: number): void {
      const level = depth - 1;
      const index = indexes[level] ?? 0;
      if (index < 0) starts[level] = at + 1;
      else indexes[level] = index + 1;
    },

    note(digits: string): void {
      for (let at = holders.length; at < depth; at++) holders.push(at === 0 ? root : childAt(at - 1));
      const holder = holders[depth - 1];
      if (!isHolder(holder)) return;
      const name = nameAt(depth - 1);
      // Of a name that an object has twice, the last one counts.
      if (Object.is(holder[name], Number(digits))) note(holder, name, digits);
    },
  };
}

function note(holder: object, name: string, digits: string): void {
  const known = Remembered.of(holder);
  if (known === undefined) Remembered.set(holder, { name, digits });
  else if (known instanceof Map) known.set(name, digits);
  else Remembered.set(holder, new Map([[known.name, known.digits]]).set(name, digits));
}

function lookInto(value: unknown): { readonly holdsDigits: boolean; readonly isPlain: boolean } {
  const found = new Set<object>(isHolder(value) ? [value] : []);
  let holdsDigits = false;
  let isPlain = true;
  for (const holder of found) {
    holdsDigits ||= Remembered.of(holder) !== undefined;
    isPlain &&= Array.isArray(holder) || Object.getPrototypeOf(holder) === Object.prototype;
    for (const one of Object.values(holder)) {
      if (isHolder(one)) found.add(one); // the loop visits it later
      else if (typeof one === "function" || typeof one === "symbol") isPlain = false;
    }
  }
  return { holdsDigits, isPlain };
}

function isHolder(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
