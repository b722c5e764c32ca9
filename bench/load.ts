/**
 * How busy the machine is with other programs.
 *
 * @module
 */
import { cpus } from "node:os";
import { setTimeout as wait } from "node:timers/promises";

/** Up to this share of its processors in use by others, a machine is quiet. */
const quiet = 0.1;

/** The share of all processors that was in use while this process waited for `ms`. */
export async function loadOfOthers(ms = 500): Promise<number> {
  const before = spent();
  await wait(ms);
  const after = spent();
  const all = after.all - before.all;
  return all === 0 ? 0 : 1 - (after.idle - before.idle) / all;
}

/** The time of all processors since the start of the machine. */
function spent(): { readonly idle: number; readonly all: number } {
  const times = cpus().map((cpu) => cpu.times);
  const all = times.flatMap((each) => Object.values(each)).reduce((sum, one) => sum + one, 0);
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), all };
}

/** What to know about numbers that were taken beside other programs; `null` if the machine was quiet. */
export function warning(loads: Readonly<Record<string, number>>): string | null {
  const busy = Object.entries(loads).filter(([, load]) => load > quiet);
  if (busy.length === 0) return null;
  const most = Math.round(100 * Math.max(...busy.map(([, load]) => load)));
  const names = busy.map(([name]) => name).join(", ");
  return `The machine was not quiet: other programs used up to ${most} % of its processors beside ${names}. Measure these again when it is; ratios suffer least.`;
}
