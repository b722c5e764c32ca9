/**
 * Listens to an abort signal only while a call lasts. A signal often outlives the calls that use it: a lifecycle's own,
 * or one signal that an application passes to every call. `AbortSignal.any()` leaks memory per call on such a signal,
 * and each listener slows the removal of the others. Here a signal has one listener however many calls use it, and none
 * after the last one ends.
 *
 * @module
 */

/** The tasks to run when a signal aborts, by the functions that unsubscribe them: two waits may run the same task. */
const tasksOf = new WeakMap<AbortSignal, Map<() => void, () => void>>();
/** The signals of {@link linkSignals}, which runs their tasks itself: a listener costs more than the tasks. */
const linkedSignals = new WeakSet<AbortSignal>();

function runTasks(this: AbortSignal): void {
  const tasks = tasksOf.get(this);
  tasksOf.delete(this);
  for (const task of tasks?.values() ?? []) task(); // a task that is removed meanwhile does not run
}

/**
 * Runs `task` once when `signal` aborts, immediately if it already has. The returned function unsubscribes and must be
 * called when the wait is over.
 */
export function onAbort(signal: AbortSignal, task: () => void): () => void {
  if (signal.aborted) {
    task();
    return () => {};
  }
  let tasks = tasksOf.get(signal);
  if (tasks === undefined) {
    tasks = new Map();
    tasksOf.set(signal, tasks);
    if (!linkedSignals.has(signal)) signal.addEventListener("abort", runTasks, { once: true });
  }
  const all = tasks;
  const unsubscribe = (): void => {
    if (!all.delete(unsubscribe) || all.size > 0 || tasksOf.get(signal) !== all) return;
    tasksOf.delete(signal);
    signal.removeEventListener("abort", runTasks);
  };
  all.set(unsubscribe, task);
  return unsubscribe;
}

/**
 * Settles as `task` does, unless `signal` aborts first and the task does not end soon after: `soon` schedules a
 * callback for when that time is over, and without it that is at once. The task then continues unobserved, and its
 * errors are ignored.
 *
 * @throws what the task throws; the signal's reason
 */
export function untilAborted<T>(
  signal: AbortSignal,
  task: Promise<T>,
  soon: (task: () => void) => (() => void) | void = (task) => task(),
): Promise<T> {
  return new Promise((resolve, reject) => {
    let cancel: (() => void) | void;
    const unsubscribe = onAbort(signal, () => (cancel = soon(() => reject(signal.reason))));
    const end = (settle: () => void): void => {
      unsubscribe();
      cancel?.();
      settle();
    };
    task.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}

/** A signal for one call, or for several in turn, see {@link linkSignals}. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Subscribes to others. */
  link(...others: readonly (AbortSignal | undefined)[]): void;
  /** Aborts the signal and unsubscribes from the others. */
  abort(reason?: unknown): void;
  /** Unsubscribes from the others: from now on they do not abort the signal. */
  release(): void;
}

/** A signal that aborts with the first of these and with its reason, until it is released. */
export function linkSignals(...others: readonly (AbortSignal | undefined)[]): LinkedSignal {
  const own = new AbortController();
  linkedSignals.add(own.signal);
  const links: (() => void)[] = [];
  const release = (): void => {
    for (const unlink of links.splice(0)) unlink();
  };
  const abort = (reason?: unknown): void => {
    release();
    own.abort(reason);
    runTasks.call(own.signal);
  };
  const link: LinkedSignal["link"] = (...others) => {
    for (const other of others) {
      if (own.signal.aborted) break;
      if (other !== undefined) links.push(onAbort(other, () => abort(other.reason)));
    }
  };
  link(...others);
  return { signal: own.signal, link, abort, release };
}

/**
 * Runs `task` with a signal that aborts with the caller's or with `lasting`, whichever is first. It is unlinked from
 * both when the task ends, so work that continues after it must not rely on that signal.
 */
export function withSignals<T>(
  callers: AbortSignal | undefined,
  lasting: AbortSignal,
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (callers === undefined || callers === lasting) return task(lasting);
  return whileLinked(linkSignals(callers, lasting), task);
}

async function whileLinked<T>(linked: LinkedSignal, task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await task(linked.signal);
  } finally {
    linked.release();
  }
}

/**
 * A sequence that can be left at any time. `return()` of a generator whose `next()` is pending waits for that one, and
 * meanwhile the generator goes on. Here it aborts `left` at once, as does `throw()`, and each pending `next()` resolves as
 * the end of the sequence; what the generator gives or throws later is dropped.
 *
 * @param run makes the generator, which must stop once `left` aborts
 */
export function leavable<T, End = void>(
  run: (left: AbortSignal) => AsyncGenerator<T, End, undefined>,
): AsyncGenerator<T, End | void, undefined> {
  const { signal: left, abort } = linkSignals();
  const all: AsyncGenerator<T, End | void, undefined> = run(left);
  const [next, end] = [all.next.bind(all), all.return.bind(all)];
  const over = { done: true, value: undefined } as const;
  const pending = new Set<() => void>();
  async function leave(value?: Parameters<typeof end>[0]): ReturnType<typeof end> {
    abort();
    const ended = end(value);
    if (pending.size === 0) return ended;
    for (const resolve of pending) resolve();
    ended.catch(() => {}); // it settles when the generator notices
    return { done: true, value: await value };
  }
  return Object.assign(all, {
    next: (): ReturnType<typeof next> =>
      new Promise((resolve, reject) => {
        if (left.aborted) return resolve(over);
        const toEnd = (): void => resolve(over);
        const settle = (how: () => void): void => {
          pending.delete(toEnd);
          how();
        };
        pending.add(toEnd);
        next().then(
          (one) => settle(() => resolve(one)),
          (error: unknown) => settle(() => reject(error)),
        );
      }),
    return: leave,
    async throw(error: unknown): ReturnType<typeof end> {
      await leave();
      throw error;
    },
  });
}
