/**
 * The health of this process, for readiness probes and status pages.
 *
 * @module
 */
import { inTime } from "../../clock.ts";
import {
  causeInWords,
  type ErrorCode,
  inWords,
  isLifecycleError,
  type LifecycleError,
  storeUnavailable,
} from "../../errors.ts";
import { nextStepAfter, nextStepOf, nextSteps } from "../../next-step.ts";
import { causeOfShut } from "../engine/user-errors.ts";
import { viewOf, type BudgetView, type RefusedSecret, type ShutGate } from "./budget.ts";
import type { AccountPause } from "../account/pauses.ts";
import type { EndpointHealth } from "../../http/endpoints.ts";
import type { Engine } from "../engine/engine.ts";
import type { LimitConflict } from "../options/account-limits.ts";

/** What `health()` returns. */
export interface Health {
  /**
   * The store responds, takes writes, and is readable with this release and key; and neither the credentials nor the
   * region are refused; and it can send calls. A throttled account is healthy, and so is a process while 1upHealth does not answer:
   * `endpoints` shows that.
   */
  readonly ready: boolean;
  /** How long the store took to respond, ms; `null` if it did not. */
  readonly storeMs: number | null;
  /**
   * Why it is not ready; `null` while it is, and once the lifecycle is closed.
   * - `STORE_UNAVAILABLE`: the store did not respond within 500 ms, or takes no writes: Redis is out of memory, a
   *   replica, or has too few replicas of its own (`min-replicas-to-write`); PostgreSQL is read-only; on LMDB another
   *   process is suspended in the middle of a write, or the disk is full; the Keyv store refuses. Also after any
   *   failed write, until one succeeds
   * - `STORE_UNUSABLE`: the store was emptied or replaced under this process, which must be restarted
   * - `STORE_MOVED`: its users were moved to another store, or are being moved; valid tokens are still handed out
   * - `RECORD_TOO_NEW`, `KEY_REFUSED`, `RECORD_DAMAGED`: a newer release uses the store, or it was sealed with a
   *   key that cannot be unwrapped here. A process that still has the keys in memory goes on, and logs a warning
   * - `CREDENTIALS_REFUSED`, `FORBIDDEN`: 1upHealth refuses the secret in use, or this process; `shut` shows when the
   *   next attempt is made
   * - `UNAVAILABLE`: no call can leave this process, whatever 1upHealth does: undici cannot be loaded, mostly because
   *   of a bundle. The first call shows it, and one that is answered ends it
   */
  readonly problem: ErrorCode | null;
  /** That problem in words: the store's error, or the call that 1upHealth refused; `null`: there is none. */
  readonly why: string | null;
  /**
   * What to do about the problem; `null`: there is none. Of an endpoint that does not work, `endpoints` holds its own.
   */
  readonly nextStep: string | null;
  /**
   * 1upHealth's endpoints as this process has seen them: when a call was last answered, and why the last one that
   * was not failed.
   */
  readonly endpoints: readonly EndpointHealth[];
  /** Gates of the account that are not open, as they are for this process. */
  readonly shut: readonly ShutGate[];
  /** Client secrets of other processes that 1upHealth refuses, as in {@link BudgetView}. This process is not affected. */
  readonly refusedSecrets: readonly RefusedSecret[];
  /** Pauses of the account that are in force. A paused account is healthy. */
  readonly paused: readonly AccountPause[];
  /**
   * Limits that this process is configured with and that differ from the account's record: the stricter ones apply.
   */
  readonly limitConflicts: readonly LimitConflict[];
  /**
   * When this process noticed last that its store has lost writes which it had acknowledged: it was restored under the
   * process, or failed over to a replica that lagged. `null`: it has noticed none. The process goes on, and users may be
   * as they were before: `docs/deployment.md` tells what to do.
   */
  readonly lostWritesAt: Date | null;
  /** Users that this process is working on. */
  readonly running: number;
  /**
   * Users whose calls are refused while other calls succeed, as this process last saw it: a firewall may
   * reject one id. Each waits alone, for longer and longer; `inspect()` and `explain()` show it, and `retry()` tries
   * at once.
   */
  readonly apart: number;
}

/** A probe gets its response within this time, ms, whatever the store does. */
const longestMs = 500;

/** Asks the store, within the time of a probe. */
function withinProbeTime<T>(engine: Engine, ask: () => Promise<T>): Promise<T> {
  return inTime(engine.clock, longestMs, ask, () => tooLate(engine));
}

/** What is wrong with the store, also if it does not answer in time; `null`: nothing. */
function troubleAsking(engine: Engine, ask: () => Promise<unknown>): Promise<Trouble | null> {
  return withinProbeTime(engine, ask).then(() => null, troubleIn);
}

/** Why the store takes no writes, also if it does not answer in time; `null`: it takes them. */
export async function unwritable(engine: Engine): Promise<string | null> {
  return (await troubleAsking(engine, () => engine.writability.check()))?.why ?? null;
}

/** Checks the store and the account. Never rejects; makes no call to 1upHealth. */
export function createHealth(engine: Engine): () => Promise<Health> {
  const { clock, writability } = engine;
  let reading: Promise<BudgetView> | null = null;
  /** Concurrent probes share one read of the store. */
  const readView = (): Promise<BudgetView> =>
    (reading ??= Promise.all([viewOf(engine), engine.store.account.load()])
      .then(([view]) => view)
      .finally(() => (reading = null)));

  return async () => {
    const began = clock.monotonic();
    const [seen, refused] = await Promise.all([
      withinProbeTime(engine, readView).then((view) => ({ view, ms: clock.monotonic() - began }), troubleIn),
      troubleAsking(engine, () => writability.check()),
    ]);
    // That the users were moved may be known only now that the account's record was read.
    const refusal = refused ?? (await troubleAsking(engine, engine.refuseMoved));
    const about = {
      endpoints: engine.endpoints.health(),
      limitConflicts: engine.limits.conflicts,
      paused: engine.pauses.all(),
      lostWritesAt: engine.lostWritesAt(),
      running: engine.running.size,
      apart: engine.account.individuallyBlocked,
    };
    const isClosed = engine.closing.aborted;
    if ("problem" in seen) {
      const unseen = { shut: [], refusedSecrets: [] };
      return { ready: false, storeMs: null, ...(isClosed ? none : seen), ...unseen, ...about };
    }
    const { shut, refusedSecrets } = seen.view;
    // This stays a problem while one call probes whether 1upHealth still refuses.
    const { trouble: keyTrouble } = engine.keys;
    const trouble = isClosed
      ? none
      : keyTrouble
        ? troubleIn(keyTrouble)
        : (refusal ?? cannotSend(engine) ?? refusalIn(engine, shut));
    const isReady = trouble.problem === null && !isClosed;
    return { ready: isReady, storeMs: seen.ms, ...trouble, shut, refusedSecrets, ...about };
  };
}

/** Why it is not ready. */
type Trouble = Pick<Health, "problem" | "why" | "nextStep">;

const none: Trouble = { problem: null, why: null, nextStep: null };

function troubleIn(error: unknown): Trouble {
  const known = isLifecycleError(error) ? error : null;
  return {
    problem: known?.code ?? "STORE_UNAVAILABLE",
    why: whyIn(error),
    nextStep: known ? nextStepOf(known) : nextSteps.STORE_UNAVAILABLE,
  };
}

function whyIn(error: unknown): string {
  if (!isLifecycleError(error)) return inWords(error);
  // What a call that writes cannot do is no news, and what to do is `nextStep`.
  return error.code === "STORE_MOVED" ? error.message.replace(/^[^:]*: (.*?);.*$/, "$1") : error.message;
}

function tooLate({ settings, writability }: Engine): LifecycleError {
  const { trouble } = writability;
  if (isLifecycleError(trouble, "STORE_UNUSABLE")) return trouble; // the store would not say anything else
  const before = trouble === null ? "" : `, after: ${inWords(trouble).replace(/^LifecycleError: /, "")}`;
  return storeUnavailable(
    `Cannot determine the health: the ${settings.store.name} store did not respond within ${longestMs} ms${before}`,
  );
}

const unsendable: ReadonlySet<string | undefined> = new Set(["UNDICI_MISSING", "WASM_MISSING"]);

/** Why no call can leave this process; `null`: as far as it has seen, calls can. */
function cannotSend({ endpoints }: Engine): Trouble | null {
  const seen = endpoints.health();
  const cause = seen.find(({ lastFailure }) => unsendable.has(lastFailure?.code))?.lastFailure;
  if (!cause || seen.some(({ lastSuccess }) => lastSuccess !== null && lastSuccess >= cause.at)) return null;
  const why = `this process can send no call: ${causeInWords(cause)}`;
  return { problem: "UNAVAILABLE", why, nextStep: nextStepAfter(cause) };
}

/** What 1upHealth refuses: the secret in use, or else this process. */
function refusalIn(engine: Engine, shut: readonly ShutGate[]): Trouble {
  for (const reason of ["credentials", "forbidden"] as const) {
    const found = shut.find((gate) => gate.reason === reason);
    if (found === undefined) continue;
    const cause = causeOfShut(engine, { by: found.gate, reason });
    const [problem, what] = refusals[reason];
    if (cause === null) return { problem, why: what, nextStep: nextSteps[problem] };
    return { problem, why: `${what}: ${causeInWords(cause)}`, nextStep: nextStepAfter(cause) };
  }
  return none;
}

/** The refusals that hold back all calls, as errors. */
export const refusals = {
  credentials: ["CREDENTIALS_REFUSED", "1upHealth refuses the client id and secret"],
  forbidden: ["FORBIDDEN", "calls of this process are blocked before they reach 1upHealth"],
} as const;
