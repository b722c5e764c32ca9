/**
 * Measurements and their output formats.
 *
 * @module
 */
import type { Taken } from "./take.ts";

/** One number. */
export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The minimum, or with `atMost` the maximum, that is good enough; `null` if there is none. */
  readonly bar: number | null;
  /** Whether less is better. @default false */
  readonly atMost?: boolean;
}

/** Whether the value meets its bar; `null` if there is none. */
export function holds({ value, bar, atMost = false }: Measurement): boolean | null {
  if (bar === null) return null;
  return atMost ? value <= bar : value >= bar;
}

/** One line of JSON. */
export function asJson(measurement: Measurement & Partial<Taken>): string {
  const { name, value, unit, bar, load, isRepeated: repeated } = measurement;
  const rounded = Number(value.toPrecision(4));
  const beside = load === undefined ? undefined : Number(load.toFixed(2));
  return JSON.stringify({
    name,
    value: rounded,
    unit,
    bar,
    holds: holds(measurement),
    load: beside,
    repeated,
  });
}

/** Aligned columns: name, value, unit, bar, holds, load. */
export function asTable(measurements: readonly (Measurement & Partial<Taken>)[]): string {
  const head = ["name", "value", "unit", "bar", "holds", "load"];
  const rows = measurements.map((one) => {
    const held = holds(one);
    const bar = one.bar === null ? "" : `${one.atMost ? "≤" : "≥"} ${shown(one.bar)}`;
    const verdict = held === null ? "" : `${held ? "yes" : "NO"}${one.isRepeated ? " (repeated)" : ""}`;
    const load = one.load === undefined ? "" : `${Math.round(100 * one.load)} %`;
    return [one.name, shown(one.value), one.unit, bar, verdict, load];
  });
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  return [head, ...rows].map((row) => aligned(row, widths)).join("\n");
}

function aligned(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column === 1 || column === 3 || column === 5 ? cell.padStart(width) : cell.padEnd(width);
  });
  return cells.join("  ").trimEnd();
}

/** Three significant digits; whole numbers from 100. */
function shown(value: number): string {
  return Math.abs(value) >= 100
    ? Math.round(value).toLocaleString("en-US")
    : String(Number(value.toPrecision(3)));
}
