/** Dates in searches: a date covers the time span that its precision leaves open (FHIR R4, 3.1.1.4.6). */

import { isObject } from "../../checks.ts";

/** From `from` up to, not including, `to`, in milliseconds since 1970. */
export interface DateSpan {
  readonly from: number;
  readonly to: number;
}

const form =
  /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$/;

/** Whether it is of FHIR's type `date`: a year, a month or a day that exists, without a time. */
export function isDate(value: unknown): boolean {
  if (typeof value !== "string" || !/^(?!0000)\d{4}(-\d\d){0,2}$/.test(value)) return false;
  const at = new Date(value);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(value); // of no other day
}

/** The span of a date, dateTime or instant; without a time zone it is read as UTC. */
export function spanOf(text: string): DateSpan | undefined {
  const found = form.exec(text);
  if (found === null) return undefined;
  const [, year = "", month, day, hour, minute, second, fraction, zone = "Z"] = found;
  if (!isDate(`${year}-${month ?? "01"}-${day ?? "01"}`)) return undefined;
  const clock = `${hour ?? "00"}:${minute ?? "00"}:${second ?? "00"}.${(fraction ?? "").padEnd(3, "0").slice(0, 3)}`;
  const from = Date.parse(`${year}-${month ?? "01"}-${day ?? "01"}T${clock}${zone}`);
  if (Number.isNaN(from)) return undefined;
  if (month === undefined) return { from, to: Date.UTC(Number(year) + 1, 0) };
  if (day === undefined) return { from, to: Date.UTC(Number(year), Number(month)) };
  return { from, to: from + lengthOf({ hour, second, fraction }) };
}

/** The span of an element: a date of any precision, or a Period, which may be open-ended. */
export function spanOfElement(element: unknown): DateSpan | undefined {
  if (typeof element === "string") return spanOf(element);
  if (!isObject(element)) return undefined;
  const [start, end] = [element["start"], element["end"]].map((edge) =>
    typeof edge === "string" ? spanOf(edge) : undefined,
  );
  if (start === undefined && end === undefined) return undefined;
  return { from: start?.from ?? -Infinity, to: end?.to ?? Infinity };
}

/** Compares the span of a resource with the span that is searched for; false for a prefix that is not evaluated. */
export function isInSpan(prefix: string, one: DateSpan, wanted: DateSpan): boolean {
  const equal = one.from >= wanted.from && one.to <= wanted.to;
  const [before, after] = [one.from < wanted.from, one.to > wanted.to];
  const holds = { eq: equal, ne: !equal, gt: after, ge: equal || after, lt: before, le: equal || before };
  return new Map(Object.entries(holds)).get(prefix) ?? false;
}

function lengthOf(given: Readonly<Record<"hour" | "second" | "fraction", string | undefined>>): number {
  if (given.fraction !== undefined) return 1;
  if (given.second !== undefined) return 1000;
  return given.hour === undefined ? 86_400_000 : 60_000;
}
