/**
 * The last steps of users: of all processes where events are on, else of this one.
 *
 * @module
 */
import type { Lifecycle, LifecycleEvent, UserStatus } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";
import type { SealedIds } from "./sealed-ids.ts";
import { flowCounter } from "./flow.ts";
import type { Change, Flow } from "./shapes.ts";

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
