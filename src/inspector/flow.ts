/**
 * Counts the steps of the last hour: how many users passed each transition, and which processes took them.
 *
 * @module
 */
import type { LifecycleEvent } from "../index.ts";
import type { Arrow, Flow, ProcessView } from "./shapes.ts";

/** A step to be counted. */
export interface Step extends Pick<LifecycleEvent, "from" | "to" | "alias" | "process"> {
  /** When it was taken, ms since 1970. */
  readonly at: number;
}

const hourMs = 3_600_000;
const recentMs = 300_000;
/** Steps that are counted; of more, the last ones. */
const mostCounted = 20_000;

export function flowCounter() {
  let steps: Step[] = [];
  let since: number | null = null;

  return {
    /** Begins anew: the steps that are kept will be told again. */
    clear(): void {
      steps = [];
      since = null;
    },

    add(step: Step): void {
      since = Math.min(since ?? step.at, step.at);
      steps.push(step);
      if (steps.length <= 2 * mostCounted) return;
      steps = steps.slice(-mostCounted);
      since = steps[0]?.at ?? null;
    },

    /** What is counted at this time, ms since 1970. @param own this process, if it is known */
    view(now: number, own: string | null): Flow {
      const inHour = steps.filter(({ at }) => at > now - hourMs);
      steps = inHour;
      const arrows = new Map<string, Arrow>();
      const processes = new Map<string, { lastAt: number; steps: number; users: Set<string> }>();
      for (const { from, to, at, alias, process } of inHour) {
        const isRecent = at > now - recentMs;
        if (from !== null && from !== to) {
          const name = `${from} ${to}`;
          const { hour, recent } = arrows.get(name) ?? { hour: 0, recent: 0 };
          arrows.set(name, { from, to, hour: hour + 1, recent: recent + Number(isRecent) });
        }
        if (process === null) continue;
        const seen = processes.get(process) ?? { lastAt: at, steps: 0, users: new Set() };
        processes.set(process, seen);
        seen.lastAt = Math.max(seen.lastAt, at);
        if (!isRecent) continue;
        seen.steps++;
        seen.users.add(alias);
      }
      const shown = [...processes].map(([name, { lastAt, steps, users }]): ProcessView => ({
        name,
        isThis: name === own,
        users: users.size,
        steps,
        lastAt: new Date(lastAt),
      }));
      return {
        since: since !== null && since > now - hourMs ? new Date(since) : null,
        arrows: [...arrows.values()].toSorted((one, other) => other.hour - one.hour),
        processes: shown
          .toSorted((one, other) => Number(other.lastAt) - Number(one.lastAt))
          .slice(0, mostProcesses),
      };
    },
  };
}

/** Processes that are shown. */
const mostProcesses = 50;
