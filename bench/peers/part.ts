/**
 * A part of the comparison, and how it is shown.
 *
 * @module
 */
import type { Measurement } from "../report.ts";
import { versionsOf } from "./versions.ts";

/** A table. */
export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** The result of a part of the comparison. */
export interface Part {
  readonly tables: readonly Table[];
  /** The compared packages, whose versions are printed. */
  readonly packages: readonly string[];
  readonly measured: readonly Measurement[];
}

/** A number without decimals. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A part as Markdown: below each table the versions of what was compared, and the load of the machine. */
export function markdown({ tables, packages }: Part, load: number): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const below = `${versionsOf(packages)} Other programs used ${Math.round(100 * load)} % of the processors.`;
  return tables
    .map(({ head, rows }) =>
      [line(head), line(head.map(() => "---")), ...rows.map(line), "", below, ""].join("\n"),
    )
    .join("\n");
}
