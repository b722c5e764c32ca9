/**
 * Goes through rows from anywhere (a list, a file, a database's cursor), some at a time. No more of them are held than
 * are in hand, so a million rows need no more memory than a hundred.
 *
 * @module
 */

/** Rows in hand at once: enough for a store to write many in one sync. */
export const rowsInHand = 128;

/** Whatever yields rows, one after the other. */
export type Rows<T> = Iterable<T> | AsyncIterable<T>;

/**
 * Gives every row and its number, counted from 1, to `task`, up to `width` at a time. Rows are asked for one by one, in
 * their order. Where a task fails, or `signal` aborts, those in hand are finished and no more are asked for.
 *
 * @throws what the rows or the first task that failed threw; the signal's reason
 */
export async function eachRow<T>(
  rows: Rows<T>,
  width: number,
  signal: AbortSignal,
  task: (row: T, number: number) => Promise<void>,
): Promise<void> {
  const source = Symbol.asyncIterator in rows ? rows[Symbol.asyncIterator]() : rows[Symbol.iterator]();
  /** Ends the wait for the row that was asked for. */
  let interrupt = (_reason: unknown): void => {};
  const stop = (): void => interrupt(signal.reason);
  signal.addEventListener("abort", stop);
  let turn: Promise<unknown> = Promise.resolve();
  let number = 0;
  let over = false;

  /**
   * What the source says next. One that is silent holds nothing up. No `Promise.race()`: a promise that never
   * settles keeps whatever raced against it, and that would be every row.
   */
  function asked(): Promise<IteratorResult<T, unknown>> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      interrupt = reject;
      Promise.resolve(source.next()).then(resolve, reject);
    });
  }

  /** The next row, once everybody before has got theirs. */
  function next(): Promise<{ readonly row: T; readonly number: number } | null> {
    const mine = turn.then(async () => {
      if (over) return null;
      const found = await asked();
      over ||= found.done ?? false;
      return found.done ? null : { row: found.value, number: ++number };
    });
    turn = mine.catch(() => {});
    return mine;
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
        interrupt(error); // a source that is silent would hold a task's error up as it would an abort
        close(source);
      }
      throw error;
    }
  }

  const ended = await Promise.allSettled(Array.from({ length: width }, loop));
  signal.removeEventListener("abort", stop);
  const failed = ended.find((each) => each.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/**
 * Tells the source that nobody wants more of it. It may be waiting for something itself, so nobody waits for it; and what
 * it throws is no news beside what has ended the reading.
 */
function close<T>(source: Iterator<T> | AsyncIterator<T>): void {
  new Promise((resolve) => resolve(source.return?.())).catch(() => {});
}
