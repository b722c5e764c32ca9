/** Timers ordered by due time: a binary heap, so that adding and cancelling cost O(log n). */

/** One waiting task. */
export interface QueuedTimer {
  /** When it is due, in milliseconds of the owner's monotonic clock. */
  readonly due: number;
  readonly task: () => void;
  /** Breaks ties: timers fire in the order in which they were set. */
  readonly order: number;
  /** Index in the heap, -1 once removed. */
  index: number;
}

/** Timers by due time; ties in the order in which they were added. */
export class TimerQueue {
  readonly #heap: QueuedTimer[] = [];
  #order = 0;

  add(due: number, task: () => void): QueuedTimer {
    const timer: QueuedTimer = { due, task, order: this.#order++, index: this.#heap.length };
    this.#heap.push(timer);
    this.#rise(timer);
    return timer;
  }

  /** The timer that is due first. */
  peek(): QueuedTimer | undefined {
    return this.#heap[0];
  }

  /** Number of timers. */
  get size(): number {
    return this.#heap.length;
  }

  /** The timer that is due first, removed, if it is due until then. */
  take(until: number): QueuedTimer | undefined {
    const head = this.peek();
    if (head === undefined || head.due > until) return undefined;
    this.remove(head);
    return head;
  }

  /** Removes `timer`; does nothing if it was removed already. */
  remove(timer: QueuedTimer): void {
    const { index } = timer;
    if (index < 0) return;
    timer.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === timer) return;
    this.#place(last, index);
    this.#rise(last);
    this.#sink(last);
  }

  #place(timer: QueuedTimer, index: number): void {
    this.#heap[index] = timer;
    timer.index = index;
  }

  #rise(timer: QueuedTimer): void {
    for (;;) {
      const above = (timer.index - 1) >> 1;
      const parent = this.#heap[above];
      if (timer.index === 0 || parent === undefined || before(parent, timer)) return;
      const { index } = timer;
      this.#place(timer, above);
      this.#place(parent, index);
    }
  }

  #sink(timer: QueuedTimer): void {
    for (;;) {
      const left = this.#heap[2 * timer.index + 1];
      const right = this.#heap[2 * timer.index + 2];
      const child = right !== undefined && left !== undefined && before(right, left) ? right : left;
      if (child === undefined || before(timer, child)) return;
      const { index } = timer;
      this.#place(timer, child.index);
      this.#place(child, index);
    }
  }
}

function before(a: QueuedTimer, b: QueuedTimer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order);
}
