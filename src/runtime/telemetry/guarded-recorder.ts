/**
 * A recorder that cannot disturb what it reports: a span processor of the application that throws must not cost a user an
 * answer of 1upHealth.
 *
 * @module
 */
import type { Recorder, Telemetry } from "../../telemetry.ts";
import { errorField, type Logger } from "../options/logger.ts";

/**
 * Attaches the telemetry. What it throws is logged once, and the work goes on unreported.
 *
 * @returns `null` if there is no telemetry, or it cannot be attached
 */
export function guardedRecorder(
  telemetry: Telemetry | undefined,
  about: { readonly store: string },
  logger: Logger,
): Recorder | null {
  let hasWarned = false;
  const warn = (error: unknown): void => {
    if (hasWarned) return;
    hasWarned = true;
    logger.warn({ error: errorField(error) }, "Cannot report to the telemetry; the work goes on without it");
  };
  const tell = (report: () => void): void => {
    try {
      report();
    } catch (error) {
      warn(error);
    }
  };

  /** Runs the task once, with or without a report, and settles as the task does. */
  async function run<T>(
    task: () => Promise<T>,
    report: (task: () => Promise<T>) => Promise<T>,
    alone: (() => Promise<T>) | null,
  ): Promise<T> {
    let begun: Promise<T> | null = null;
    try {
      await report(() => (begun ??= task()));
    } catch (error) {
      const outcome = begun as Promise<T> | null; // the report has set it
      const isItsOwn = await outcome?.then(
        () => false,
        (reason: unknown) => reason === error,
      );
      if (isItsOwn !== true) warn(error);
      if (outcome === null && alone === null) throw error;
    }
    return begun ?? (alone ?? task)();
  }

  let recorder: Recorder | null = null;
  tell(() => (recorder = telemetry?.attach(about) ?? null));
  const inner = recorder as Recorder | null; // `tell` has set it
  if (inner === null) return null;
  return {
    during: (work, task, end) => run(task, (task) => inner.during(work, task, end), task),
    // Without it, other instrumentations would report the request: it is not sent then.
    unseen: (task) => run(task, (task) => inner.unseen(task), null),
    detached: (task) => run(task, (task) => inner.detached(task), task),
    takenOver: (call) => tell(() => inner.takenOver(call)),
    granted: (kind, ms) => tell(() => inner.granted(kind, ms)),
    observe: (read) => tell(() => inner.observe(read)),
    detach: () => tell(() => inner.detach()),
  };
}
