/** Compares an element of a resource with a search value, by the kind of the parameter. */

import { isObject } from "../../checks.ts";
import { wordsIn } from "../../capabilities/declared.ts";
import { isInSpan, spanOf, spanOfElement } from "./date-span.ts";
import type { ParameterKind } from "./search-parameter.ts";

/** Whether an element matches the value. */
export type SearchComparison = (element: unknown) => boolean;

const prefixes = /^(eq|ne|gt|lt|ge|le)(?=[\d-])/;

/** The prefix of a date or number (default `eq`), and the rest. */
function prefixed(value: string): readonly [prefix: string, rest: string] {
  const prefix = prefixes.exec(value)?.[1];
  return prefix === undefined ? ["eq", value] : [prefix, value.slice(2)];
}

/** The comparison with `value`; `undefined` if the kind does not support the value or its modifier. */
export function comparison(
  kind: ParameterKind,
  modifier: string,
  value: string,
): SearchComparison | undefined {
  if (kind === "string") return text(modifier, unescaped(value));
  if (kind === "reference") return reference(modifier, value);
  const isNegated = kind === "token" && modifier === "not"; // by its caller
  return modifier === "" || isNegated ? plain[kind](value) : undefined;
}

/** The kinds that know no modifier of their own. */
const plain = {
  token,
  date,
  quantity,
  uri:
    (value: string): SearchComparison =>
    (element) =>
      element === unescaped(value),
} as const;

/** `code`, `system|code`, `|code` (without a system) or `system|` (any code of the system). */
function token(value: string): SearchComparison {
  const [first = "", second] = value.split(/(?<!\\)\|/, 2).map(unescaped);
  const system = second === undefined ? undefined : first;
  const code = second ?? first;
  return (element) =>
    codings(element).some(
      (one) => (code === "" || one.code === code) && (system === undefined || one.system === system),
    );
}

/** The codes of a code, Coding, CodeableConcept, Identifier or ContactPoint. */
function codings(element: unknown): readonly { readonly system: string; readonly code: string }[] {
  if (!isObject(element)) return [{ system: "", code: String(element) }];
  const { coding, system, value, code = value } = element;
  if (coding !== undefined) return Array.isArray(coding) ? coding.flatMap(codings) : [];
  return typeof code === "string" ? [{ system: typeof system === "string" ? system : "", code }] : [];
}

/** Starts with the value, ignoring case and accents; with a modifier: contains it, or equals it exactly. */
function text(modifier: string, value: string): SearchComparison | undefined {
  const wanted = folded(value);
  const matching = (matches: (text: string) => boolean): SearchComparison => {
    return (element) => texts(element).some(matches);
  };
  if (modifier === "") return matching((one) => folded(one).startsWith(wanted));
  if (modifier === "contains") return matching((one) => folded(one).includes(wanted));
  return modifier === "exact" ? matching((one) => one === value) : undefined;
}

/** The text parts of a name or an address. */
const readable = new Set(
  wordsIn("text family given prefix suffix line city district state postalCode country"),
);

function texts(element: unknown): readonly string[] {
  if (typeof element === "string") return [element];
  if (!isObject(element)) return [];
  const parts = Object.entries(element).filter(([name]) => readable.has(name));
  return parts.flatMap(([, part]) => (Array.isArray(part) ? part.flatMap(texts) : texts(part)));
}

function folded(value: string): string {
  return value.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase();
}

/** `id`, `Type/id` or an absolute URL; the modifier may name the type. */
function reference(modifier: string, value: string): SearchComparison | undefined {
  if (modifier !== "" && !/^[A-Z]/.test(modifier)) return undefined;
  const wanted = unescaped(value);
  const full = modifier === "" || wanted.includes("/") ? wanted : `${modifier}/${wanted}`;
  return (element) => {
    const found = isObject(element) && element["reference"];
    return typeof found === "string" && (found === full || found.endsWith(`/${full}`));
  };
}

function date(value: string): SearchComparison | undefined {
  const [prefix, rest] = prefixed(value);
  const wanted = spanOf(rest);
  if (wanted === undefined) return undefined;
  return (element) => {
    const span = spanOfElement(element);
    return span !== undefined && isInSpan(prefix, span, wanted);
  };
}

/** `5.4`, or `5.4|system|code`, with a prefix; numbers compare by value, not by precision. */
function quantity(value: string): SearchComparison | undefined {
  const [prefix, rest] = prefixed(value);
  const [digits = "", system = "", code = ""] = rest.split("|").map(unescaped);
  const wanted = Number(digits);
  if (digits === "" || Number.isNaN(wanted)) return undefined;
  return (element) => {
    if (!isObject(element)) return false;
    const { value: found, system: itsSystem, code: itsCode, unit } = element;
    if (typeof found !== "number" || (system !== "" && itsSystem !== system)) return false;
    if (code !== "" && itsCode !== code && unit !== code) return false;
    return isInSpan(prefix, { from: found, to: found }, { from: wanted, to: wanted });
  };
}

function unescaped(value: string): string {
  return value.replaceAll(/\\([\\,|$])/g, "$1");
}
