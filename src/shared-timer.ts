/**
 * One timer for the time limits of all calls that are under way.
 *
 * @module
 */
import { isRealTime, systemClock, type Clock } from "./clock.ts";

/** One of the tasks of {@link sharedTimer}, in a ring in the order of their times. */
interface Waiting {
  readonly until: number;
  task: () => void;
  before: Waiting;
  after: Waiting;
}

/** Timers of one duration: as `clock.timer(ms, …)`. */
export type TimersOf = (task: () => void) => () => void;

/**
 * Timers for the time limits of calls, of which many are under way. On the machine's own clock they share one, because
 * Node's timers cost a fortieth of the CPU of a short call. A clock of an application's or a test's own may stand still or
 * be replaced, so there each has its own.
 */
export function timersOf(clock: Clock, ms: number): TimersOf {
  const single: TimersOf = (task) => clock.timer(ms, task);
  if (clock.timer !== systemClock.timer || clock.monotonic !== systemClock.monotonic) return single;
  const shared = sharedTimer(clock, ms);
  return (task) => (isRealTime() ? shared(task) : single(task));
}

const none = (): void => {};

/** A timer is so late only in a process that was suspended or busy, ms. */
const lateMs = 500;

/**
 * Timers of one duration on a single timer of `clock`, whose `monotonic()` must advance with its timers. If that timer is
 * late, answers that arrived meanwhile are read before any task runs.
 */
export function sharedTimer(clock: Pick<Clock, "monotonic" | "timer">, ms: number): TimersOf {
  const ring = {} as Waiting; // no task: where the ring begins and ends
  ring.before = ring.after = ring;
  let disarm: (() => void) | null = null;

  function remove(one: Waiting): void {
    one.before.after = one.after;
    one.after.before = one.before;
    // One that has grown old would keep others in memory.
    one.before = one.after = one;
    one.task = none;
  }
  function fire(until: number, isAgain = false): void {
    const monotonic = clock.monotonic();
    if (monotonic - until > lateMs && !isAgain) {
      disarm = clock.timer(0, () => fire(until, true));
      return;
    }
    disarm = null;
    const now = Math.max(until, monotonic); // Node's timers may be early by a millisecond
    try {
      for (let { after: first } = ring; first !== ring && first.until <= now; { after: first } = ring) {
        const { task } = first;
        remove(first);
        task();
      }
    } finally {
      arm(); // also for the others that are due, after a task that threw
    }
  }
  function arm(): void {
    if (disarm !== null || ring.after === ring) return;
    const { until } = ring.after;
    disarm = clock.timer(Math.max(0, until - clock.monotonic()), () => fire(until));
  }

  return (task) => {
    const waiting: Waiting = { until: clock.monotonic() + ms, task, before: ring.before, after: ring };
    ring.before = ring.before.after = waiting;
    arm();
    return () => {
      if (waiting.after === waiting) return; // it is over
      remove(waiting);
      if (ring.after !== ring) return;
      disarm?.();
      disarm = null;
    };
  };
}
