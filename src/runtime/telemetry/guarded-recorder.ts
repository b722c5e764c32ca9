/**
 * A recorder that cannot disturb what it reports: a span processor of the application that throws, rejects or never ends
 * must not cost a user an answer of 1upHealth.
 *
 * @module
 */
import { withMethods } from "../../checks.ts";
import { legible } from "../../errors.ts";
import type { Attached, Recorder, Telemetry } from "../../telemetry.ts";
import { errorField, type Logger } from "../options/logger.ts";

/**
 * Attaches the telemetry. What it throws is logged once, and the work goes on unreported.
 *
 * @returns `null` if there is no telemetry, or it cannot be attached
 */
export function guardedRecorder(
  telemetry: Telemetry | undefined,
  about: Attached,
  logger: Logger,
): Recorder | null {
  let hasWarned = false;
  const warn = (error: unknown): void => {
    if (hasWarned) return;
    hasWarned = true;
    logger.warn(
      { error: errorField(legible(error)) },
      "Cannot report to the telemetry; the work goes on without it",
    );
  };
  const tell = (report: () => unknown): void => void reportOf(report).catch(warn);

  /** Runs the task once and settles as the task does; a report that never ends is not waited for. */
  function run<T>(task: () => Promise<T>, report: (task: () => Promise<T>) => Promise<T>): Promise<T> {
    let begun: Promise<T> | undefined;
    const once = (): Promise<T> => (begun ??= task());
    reportOf(() => report(once)).catch(async (error: unknown) => {
      const isItsOwn = await begun?.then(
        () => false,
        (reason: unknown) => reason === error,
      );
      if (isItsOwn !== true) warn(error);
    });
    return once();
  }

  /** Like {@link run}, but a task that the recorder does not run fails. */
  async function runUnseen<T>(recorder: Recorder, task: () => Promise<T>): Promise<T> {
    let begun: Promise<T> | undefined;
    const unseen = reportOf(() => recorder.unseen(() => (begun ??= task())));
    if (begun === undefined) await unseen.catch(warn);
    else unseen.catch(() => {}); // the task's own
    return begun ?? Promise.reject(new Error("Cannot send a request: the telemetry did not run it unseen"));
  }

  const inner = attached(telemetry, about, warn);
  if (inner === null) return null;
  return {
    during: (work, task, end) => run(task, (task) => inner.during(work, task, end)),
    unseen: (task) => runUnseen(inner, task),
    detached: (task) => run(task, (task) => inner.detached(task)),
    takenOver: (call) => tell(() => inner.takenOver(call)),
    granted: (kind, ms) => tell(() => inner.granted(kind, ms)),
    observe: (read) => tell(() => inner.observe(read)),
    detach: () => tell(() => inner.detach()),
  };
}

const aRecorder = withMethods("during", "unseen", "detached", "takenOver", "granted", "observe", "detach");

function attached(
  telemetry: Telemetry | undefined,
  about: Attached,
  warn: (error: unknown) => void,
): Recorder | null {
  if (telemetry === undefined) return null;
  try {
    const recorder = telemetry.attach(about);
    if (aRecorder.holds(recorder)) return recorder;
    warn(new TypeError(`\`attach()\` must return ${aRecorder.must}`));
    reportOf(() => recorder).catch(() => {}); // that of an asynchronous `attach`
  } catch (error) {
    warn(error);
  }
  return null;
}

/** The result of a method of the application's, which may be asynchronous, as a promise. */
async function reportOf(report: () => unknown): Promise<unknown> {
  return report();
}
