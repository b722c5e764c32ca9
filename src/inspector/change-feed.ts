/**
 * The last steps of users: of all processes where events are on, else of this one. Those of the last hour are counted: how
 * many users passed each transition, and which processes took them.
 *
 * @module
 */
import type { Lifecycle, LifecycleEvent, UserStatus } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import type { SealedIds } from "./sealed-ids.ts";
import type { Change, Flow, Arrow, ProcessView } from "./shapes.ts";

/** The steps that are kept. */
const mostKept = 50;
/** The steps before it looks that are counted. */
const mostCounted = 1_000;

/**
 * Keeps the last steps and those to come, and calls `onChange` after each: `isNew`, unless it was taken before it was
 * looked for.
 */
export function changeFeed(lifecycle: Lifecycle, ids: SealedIds, onChange: (isNew: boolean) => void) {
  let seen: (() => Change)[] = [];
  const inside = internalsOf(lifecycle);
  const own = inside?.process() ?? null;
  const counter = flowCounter();
  let isFollowing = false;
  let followsAll = false;

  function add(change: () => Change, isNew: boolean): void {
    seen.unshift(once(change));
    if (seen.length > mostKept) seen.pop();
    onChange(isNew);
  }

  const unsubscribe = lifecycle.subscribe((status) => {
    if (isFollowing) return; // the event tells of it
    const { from, to, at } = lastOf(status);
    const alias = lifecycle.alias(status.appUserId);
    counter.add({ from, to, at: at.getTime(), alias, process: own });
    add(() => stepOf(lifecycle, ids, status), true);
  });

  return {
    /** The steps of the last hour in numbers, at this time, ms since 1970. */
    flow: (now: number): Flow => counter.view(now, own),
    /** Whether it brings each step of all processes now. */
    followsAll: (): boolean => followsAll,
    /** Newest first. */
    latest: (): readonly Change[] => seen.map((change) => change()),
    /** Follows the events of all processes until `signal` aborts, if they are on and not followed yet. Never rejects. */
    async follow(signal: AbortSignal): Promise<void> {
      if (isFollowing) return;
      isFollowing = true;
      try {
        const recent = await inside?.recentEvents(mostCounted, signal);
        if (recent === null || recent === undefined) return;
        followsAll = true;
        seen = [];
        counter.clear();
        for await (const event of recent.events) {
          counter.add({ ...event, at: event.at.getTime() });
          add(() => changeOf(ids, event), recent.isNew(event));
        }
      } catch {
        // The store does not respond, or events were turned off: it is tried again.
      } finally {
        isFollowing = followsAll = false;
      }
    },
    /** Ends the subscription. */
    close: (): void => unsubscribe(),
  };
}

function changeOf(ids: SealedIds, { appUserId, alias, from, to, type, at }: LifecycleEvent): Change {
  const key = appUserId === null ? "" : ids.seal("user", appUserId);
  return { key, alias, from, to, event: type, at };
}

/** The last step of a user. */
function stepOf(lifecycle: Lifecycle, ids: SealedIds, status: UserStatus): Change {
  const { appUserId } = status;
  const { at, from, to, event } = lastOf(status);
  return { key: ids.seal("user", appUserId), alias: lifecycle.alias(appUserId), from, to, event, at };
}

function lastOf({ state, since, history }: UserStatus): Omit<Change, "key" | "alias"> {
  return history.at(-1) ?? { at: since, from: null, to: state, event: "" };
}

/** Computes a value when it is first needed: most steps of a busy process are never shown. */
function once<T>(compute: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: compute() }).value;
}

/** A step to be counted. */
export interface Step extends Pick<LifecycleEvent, "from" | "to" | "alias" | "process"> {
  /** When it was taken, ms since 1970. */
  readonly at: number;
}

const hourMs = 3_600_000;
const recentMs = 300_000;
/** Steps that are counted; of more, the last ones. */
const mostSteps = 20_000;

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
      if (steps.length <= 2 * mostSteps) return;
      steps = steps.slice(-mostSteps);
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
