/**
 * The last steps of users: of all processes where events are on, else of this one. Those of the last hour are counted: how
 * many users passed each transition, and which processes took them.
 *
 * @module
 */
import { linkSignals } from "../abort.ts";
import type { Lifecycle, LifecycleEvent, UserStatus } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import type { SealedIds } from "./sealed-ids.ts";
import type { Change, Flow, Arrow, ProcessView } from "./shapes.ts";

/** The steps that are kept. */
const mostKept = 50;
/** The steps before it looks that are counted, beside those that are kept. */
const mostCounted = 100_000;

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

  /** Counts the steps of the last hour that were taken before, as far as they are told, the last ones first. */
  async function countBack(earlier: AsyncIterable<readonly Step[]>, signal: AbortSignal): Promise<void> {
    const begin = (inside?.now() ?? 0) - hourMs;
    let counted = 0;
    for await (const steps of earlier) {
      if (signal.aborted || counted >= mostCounted) return;
      for (const step of steps) counter.add(step);
      counted += steps.length;
      if (steps.length > 0 && steps.every(({ at }) => at <= begin)) break;
    }
    if (!signal.aborted) counter.complete();
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
      const following = linkSignals(signal);
      try {
        const recent = await inside?.recentEvents(mostKept, signal);
        if (recent === null || recent === undefined) return;
        followsAll = true;
        seen = [];
        counter.clear();
        void countBack(recent.earlier(following.signal), following.signal).catch(() => {}); // what is counted stays, as a part
        for await (const event of recent.events) {
          counter.add({ ...event, at: event.at.getTime() });
          add(() => changeOf(ids, event), recent.isNew(event));
        }
      } catch {
        // The store does not respond, or events were turned off: it is tried again.
      } finally {
        isFollowing = followsAll = false;
        following.abort();
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
export interface Step {
  readonly alias: string;
  readonly from: string | null;
  readonly to: string;
  readonly process?: string | null | undefined;
  /** When it was taken, ms since 1970. */
  readonly at: number;
}

const hourMs = 3_600_000;
const recentMs = 300_000;
/** Steps of so many ms are counted together. */
const slotMs = 10_000;

interface Slot {
  /** How often each transition was passed. */
  readonly arrows: Map<string, number>;
  readonly processes: Map<string, { steps: number; lastAt: number }>;
}

/** Counts steps, in whatever order they are told. It keeps no step. */
export function flowCounter() {
  const slots = new Map<number, Slot>();
  /** The users that each process took on. */
  const users = new Map<number, Map<string, Set<string>>>();
  let since: number | null = null;
  let isPartial = false;

  return {
    /** Begins anew: the steps will be told again, and earlier ones after later ones. */
    clear(): void {
      slots.clear();
      users.clear();
      since = null;
      isPartial = true;
    },

    /** All steps of the last hour that can be known have been told. */
    complete(): void {
      isPartial = false;
    },

    add({ from, to, alias, at, process }: Step): void {
      since = Math.min(since ?? at, at);
      const key = Math.floor(at / slotMs);
      const { arrows, processes } = inSlot(slots, key, hourMs, () => ({
        arrows: new Map<string, number>(),
        processes: new Map<string, { steps: number; lastAt: number }>(),
      }));
      if (from !== null && from !== to) {
        const name = `${from} ${to}`;
        arrows.set(name, (arrows.get(name) ?? 0) + 1);
      }
      if (process === null || process === undefined) return;
      const { steps, lastAt } = processes.get(process) ?? { steps: 0, lastAt: at };
      processes.set(process, { steps: steps + 1, lastAt: Math.max(lastAt, at) });
      const taken = inSlot(users, key, recentMs, () => new Map<string, Set<string>>());
      taken.set(process, (taken.get(process) ?? new Set()).add(alias));
    },

    /** What is counted at this time, ms since 1970. @param own this process, if it is known */
    view(now: number, own: string | null): Flow {
      const within = (key: number, ms: number): boolean => key > (now - ms) / slotMs - 1;
      const arrows = new Map<string, Arrow>();
      const processes = new Map<string, { lastAt: number; steps: number; users: Set<string> }>();
      for (const [key, slot] of slots) {
        if (!within(key, hourMs)) continue;
        const isRecent = within(key, recentMs);
        for (const [name, passed] of slot.arrows) {
          const { hour, recent } = arrows.get(name) ?? { hour: 0, recent: 0 };
          const [from = "", to = ""] = name.split(" ");
          arrows.set(name, { from, to, hour: hour + passed, recent: recent + (isRecent ? passed : 0) });
        }
        for (const [name, { steps, lastAt }] of slot.processes) {
          const seen = processes.get(name) ?? { lastAt, steps: 0, users: new Set() };
          processes.set(name, seen);
          seen.lastAt = Math.max(seen.lastAt, lastAt);
          if (!isRecent) continue;
          seen.steps += steps;
          for (const alias of users.get(key)?.get(name) ?? []) seen.users.add(alias);
        }
      }
      const shown = [...processes].map(([name, { lastAt, steps, users }]): ProcessView => ({
        name,
        isThis: name === own,
        users: users.size,
        steps,
        lastAt: new Date(lastAt),
      }));
      const isYoung = since !== null && since > now - hourMs;
      return {
        since: isYoung ? new Date(since ?? now) : null,
        isPartial: isYoung && isPartial,
        arrows: [...arrows.values()].toSorted((one, other) => other.hour - one.hour),
        processes: shown
          .toSorted((one, other) => Number(other.lastAt) - Number(one.lastAt))
          .slice(0, mostProcesses),
      };
    },
  };
}

/** The entry of a slot, among the newest ones of twice `ms`: the clocks of processes differ. */
function inSlot<T>(all: Map<number, T>, key: number, ms: number, create: () => T): T {
  const found = all.get(key);
  if (found !== undefined) return found;
  const made = create();
  all.set(key, made);
  if (all.size > (2 * ms) / slotMs) all.delete(Math.min(...all.keys()));
  return made;
}

/** Processes that are shown. */
const mostProcesses = 50;
