/**
 * Processes rows from any source (a list, a file, a database cursor), a few at a time. Only the rows in progress are
 * held, so a million rows need no more memory than a hundred.
 *
 * @module
 */
import { onAbort } from "../../abort.ts";
import { isObject, kindOf } from "../../checks.ts";

/** Rows in progress at once: enough for a store to write many in one sync. */
export const rowsAtOnce = 128;

/**
 * The task of every eighth row waits for the next turn of the event loop, because rows and store may both answer at once, and
 * timers and sockets must get their turn.
 */
export const rowsPerTurn = 8;

/** Anything that yields rows. */
export type Rows<T> = Iterable<T> | AsyncIterable<T>;

/**
 * Calls `task` with every row and its number, starting at 1, up to `width` at a time. Rows are requested one by one,
 * in order. If a task fails, or `signal` aborts, the rows in progress are finished and no more are requested.
 *
 * @throws what the rows or the first task that failed threw; the signal's reason
 */
export async function forEachRow<T>(
  rows: Rows<T>,
  width: number,
  signal: AbortSignal,
  task: (row: T, number: number) => Promise<void>,
): Promise<void> {
  const source = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
  /** Ends the wait for the row that was requested. */
  let interrupt = (_reason: unknown): void => {};
  const unsubscribe = onAbort(signal, () => interrupt(signal.reason));
  let turn: Promise<unknown> = Promise.resolve();
  let number = 0;
  let over = false;

  /**
   * The source's next result. A silent source must not delay an abort. `Promise.race()` is not used, because a
   * promise that never settles retains everything that raced against it, which would be every row.
   */
  function asked(): Promise<IteratorResult<T, unknown>> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      interrupt = reject;
      Promise.resolve(source.next()).then(resolve, reject);
    });
  }

  /** The next row, after all earlier requests have got theirs. */
  function next(): Promise<{ readonly row: T; readonly number: number } | null> {
    const result = turn.then(async () => {
      if (over) return null;
      const found = await asked();
      if (!isObject(found))
        throw new TypeError(`the rows must have results as iterators do, got ${kindOf(found)}`);
      over ||= found.done ?? false;
      return found.done ? null : { row: found.value, number: ++number };
    });
    turn = result.catch(() => {});
    return result;
  }

  async function loop(): Promise<void> {
    try {
      for (let found = await next(); found !== null; found = await next()) {
        await task(found.row, found.number);
        signal.throwIfAborted();
      }
    } catch (error) {
      if (!over) {
        over = true;
        interrupt(error); // a silent source would delay a task's error as it would an abort
        close(source);
      }
      throw error;
    }
  }

  const ended = await Promise.allSettled(Array.from({ length: width }, loop));
  unsubscribe();
  const failed = ended.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * Tells the source that no more rows are needed. The source may itself be waiting, so its reply is not awaited. An
 * error of its own is ignored, since the reading has already ended for another reason.
 */
function close<T>(source: Iterator<T> | AsyncIterator<T>): void {
  new Promise((resolve) => resolve(source.return?.())).catch(() => {});
}
