/**
 * Scans a JSON text before it is parsed. Parsing sixteen megabytes of nested brackets or of distinct names blocks the
 * event loop for seconds; scanning takes a hundredth of that.
 *
 * @module
 */

/** Limits on a JSON text. */
export interface JsonBounds {
  /** Maximum nesting of lists and objects. */
  readonly depth: number;
  /** Maximum number of values, including lists and objects. */
  readonly values: number;
}

/**
 * `exact`: JavaScript would print every number unchanged. `inexact`: it would not (`1.50`, `1e3`). The scan does not
 * validate the JSON.
 */
export type Survey = "exact" | "inexact" | "tooDeep" | "tooMany";

/** Character codes. */
export const quote = 34;
export const comma = 44;
export const minus = 45;
const zero = 48;
const nine = 57;
export const openList = 91;
const backslash = 92;
export const closeList = 93;
export const openObject = 123;
export const closeObject = 125;

/** Integers of up to this many digits are represented exactly. */
const exactDigits = 15;

/** Scans the text once: a few milliseconds per megabyte, whatever the content. */
export function survey(text: string, { depth: deepest, values: most }: JsonBounds): Survey {
  let depth = 0;
  let values = 1;
  let result: Survey = "exact";
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === quote) {
      at = endOfString(text, at);
    } else if (char === comma) {
      if (++values > most) return "tooMany";
    } else if (char === openObject || char === openList) {
      if (++depth > deepest) return "tooDeep";
      if (++values > most) return "tooMany";
    } else if (char === closeObject || char === closeList) {
      depth--;
    } else if (isDigit(char) || char === minus) {
      const end = endOfNumber(text, at);
      if (result === "exact" && !isExact(text, at, end)) result = "inexact";
      at = end - 1;
    }
  }
  return result;
}

/** The end of the string that starts here; the end of the text if it is not terminated. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === backslash) slashes++;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}

/** The end of the number that starts here. */
export function endOfNumber(text: string, start: number): number {
  let end = start + 1;
  while (end < text.length && isOfNumber(text.charCodeAt(end))) end++;
  return end;
}

/** Whether it is the code of a digit. */
export function isDigit(char: number): boolean {
  return char >= zero && char <= nine;
}

/** A digit, or one of `+ - . E e`. */
function isOfNumber(char: number): boolean {
  return isDigit(char) || char === 46 || char === 101 || char === 69 || char === minus || char === 43;
}

/** Whether JavaScript would print this number as it stands here. */
export function isExact(text: string, start: number, end: number): boolean {
  if (end - start <= exactDigits && text.charCodeAt(start) !== zero) {
    let at = start;
    while (at < end && isDigit(text.charCodeAt(at))) at++;
    if (at === end) return true;
  }
  const digits = text.slice(start, end);
  return String(Number(digits)) === digits;
}
