/**
 * Takes measurements: each with the load of the machine beside it, and again if it missed its bar.
 *
 * @module
 */
import { holds, type Measurement } from "./report.ts";

/** A measurement, and how it came about. */
export interface Taken extends Measurement {
  /** The share of all processors that other programs used before or after it, whichever is more. */
  readonly load: number;
  /** It is the second one, because the first missed its bar. */
  readonly isRepeated: boolean;
}

/** Some measurements that are taken together. */
export interface Series {
  readonly take: () => Promise<readonly Measurement[]>;
  /** Of all processors, the share that other programs use now. */
  readonly load: () => Promise<number>;
  /** Whether to measure again, once, if a bar is missed. */
  readonly again: boolean;
}

/** Takes a series. A bar counts as missed if both times miss it. */
export async function taken({ take, load, again }: Series): Promise<readonly Taken[]> {
  const before = await load();
  const first = await take();
  const after = await load();
  const once = first.map((one) => ({ ...one, load: Math.max(before, after), isRepeated: false }));
  if (!again || once.every((one) => holds(one) !== false)) return once;
  const second = await take();
  const repeated = { load: Math.max(after, await load()), isRepeated: true };
  return once.map((one) => {
    const other = second.find(({ name }) => name === one.name);
    return holds(one) !== false || other === undefined ? one : { ...other, ...repeated };
  });
}
