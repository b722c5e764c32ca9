/**
 * `oneup-lifecycle work`: runs a worker as a process of its own.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import { isLifecycleError, type Lifecycle, type UserStatus, type WorkSummary } from "../../index.ts";
import { afterUnsent, doubling } from "../../runtime/options/backoff.ts";
import { spanInWords } from "../../runtime/options/time-in-words.ts";
import { duration } from "../arguments.ts";
import { flag, option, type Command } from "../command.ts";
import { paintFor, printError, type Paint } from "../screen.ts";
import { withStore } from "../open-store.ts";
import { print, toneOf, waitOf, printJson } from "../format.ts";
import { concurrencyOf, policyOf, summaryLine, workerOptions } from "../worker-options.ts";

export const work: Command = {
  name: "work",
  description: "run a worker that processes due and waiting users, until Ctrl-C",
  more: [
    "Any number of workers may share a store. Prints every durable step it makes, with the user's alias",
    "instead of its app_user_id. On Ctrl-C or SIGTERM, users being processed finish their step first. A store",
    "that cannot be reached is waited for: at the start for five minutes, and later for as long as it takes. Each",
    "outage is one line, and its end another one. If the standard output cannot be written, it works on without it.",
  ],
  example: "work --concurrency 64",
  isEndless: true,
  outputIsOptional: true, // users wait for their tokens, whether or not a log is read
  opens: "work",
  json: "lines",
  options: {
    poll: option("TIME", "longest sleep between two polls of the store (default: 1s)"),
    ...workerOptions,
    quiet: flag("print only warnings, their ends and the summary"),
  },
  /** Works until `signal` aborts. */
  async run(given, signal) {
    const { switches, texts } = given;
    const poll = texts.get("poll");
    const pollMs = poll === undefined ? undefined : duration("poll", poll);
    const options = { concurrency: concurrencyOf(given), pollMs, signal };
    const isJson = switches.has("json");
    const begin = async (lifecycle: Lifecycle, opened: () => void): Promise<WorkSummary> => {
      if (!switches.has("quiet")) lifecycle.subscribe(teller(lifecycle, isJson, paintFor(process.stdout)));
      const isEmpty = Object.values(await lifecycle.counts()).every((count) => count === 0);
      opened();
      if (isEmpty) console.error("This store has no users yet: is it the right one?");
      if (!isJson && !switches.has("quiet")) console.log("Working; Ctrl-C stops it");
      return lifecycle.work(options);
    };
    const done = await onceReachable(signal, (opened) =>
      withStore(given, (lifecycle) => begin(lifecycle, opened), {
        options: policyOf(given),
        printsEnds: true,
      }),
    );
    if (done !== null) print(given, done, [summaryLine(done)]);
  },
};

/** How long a store is waited for before it was opened, ms. Then a supervisor decides. */
const patienceMs = 5 * 60_000;

/**
 * Runs `task`, again and again while it cannot reach the store and has not yet called `opened()`; `null`: the signal
 * aborted meanwhile.
 *
 * @throws what `task` throws, and the last error once the time is over
 */
async function onceReachable<T>(
  signal: AbortSignal,
  task: (opened: () => void) => Promise<T>,
): Promise<T | null> {
  const until = systemClock.monotonic() + patienceMs;
  let isOpen = false;
  for (let attempt = 1; ; attempt++) {
    try {
      return await task(() => (isOpen = true));
    } catch (error) {
      const leftMs = until - systemClock.monotonic();
      if (isOpen || leftMs <= 0 || !isLifecycleError(error, "STORE_UNAVAILABLE")) throw error;
      const ms = Math.min(leftMs, doubling(afterUnsent, attempt));
      printError(
        `${error.message}; next try in ${spanInWords(ms)}, the last in ${spanInWords(leftMs)} [${error.code}]`,
      );
      await sleep(systemClock, ms, signal).catch(() => {});
      if (signal.aborted) return null;
    }
  }
}

/** Prints a step without the user's id, because such lines end up in logs. */
function teller(lifecycle: Lifecycle, isJson: boolean, paint: Paint): (status: UserStatus) => void {
  return (status) => {
    const { appUserId, state, usable, pause, underWay } = status;
    const user = lifecycle.alias(appUserId);
    const now = systemClock.now();
    if (isJson) {
      printJson({ at: new Date(now), user, state, usable, underWay, pause });
      return;
    }
    const time = new Date(now).toISOString().slice(11, 19);
    const doing = underWay === null ? waitOf(status, now) : `calls ${underWay}`;
    const line = `${paint.quiet(time)}  ${user}  ${paint[toneOf[state]](state.padEnd(13))}  ${doing}`;
    console.log(line.trimEnd());
  };
}
