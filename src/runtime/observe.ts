/**
 * Reads the state of the account and of this process, for gauges.
 *
 * @module
 */
import { inTime, systemClock } from "../clock.ts";
import { LifecycleError } from "../errors.ts";
import { none } from "../store/lane-scheduler.ts";
import type { EndpointHealth } from "../http/endpoints.ts";
import type { Observation } from "../telemetry.ts";
import type { Engine } from "./engine/engine.ts";
import { forecast } from "./operations/forecast.ts";
import type { Health } from "./operations/health.ts";
import { byStateNow, importsIn } from "./user/index-key.ts";
import { userStates } from "./user/step.ts";

/** What the account's state may take, ms, and the whole: both are real time, whatever clock the lifecycle has. */
const accountMs = 1_000;
const longestMs = 2_000;

/** What a process has seen of an endpoint counts for this long, ms: longer than calls wait in an outage. */
const seenForMs = 600_000;

/** No user in any state: an alert compares with what was before, so a series must not begin with the first failure. */
const noUsers = Object.fromEntries(userStates.map((state) => [state, 0]));

/** The current state; makes no call to 1upHealth. @throws {LifecycleError} `STORE_UNAVAILABLE` if it takes too long */
export function observe(engine: Engine, health: () => Promise<Health>): Promise<Observation> {
  const account = inTime(systemClock, accountMs, () => readAccount(engine), tooLate).catch(() => null);
  return inTime(
    systemClock,
    longestMs,
    async () => {
      const { problem, running, endpoints } = await health();
      const seen = endpoints.map((each) => ({
        endpoint: each.endpoint,
        works: worksNow(each, engine.clock.now()),
      }));
      return { problem, running, endpoints: seen, account: await account };
    },
    tooLate,
  );
}

/** Whether the endpoint works, by the calls of the last {@link seenForMs}; `null`: there was none. */
function worksNow({ works, lastSuccess, lastFailure }: EndpointHealth, now: number): boolean | null {
  const at = Math.max(lastSuccess?.getTime() ?? 0, lastFailure?.at.getTime() ?? 0);
  return now - at < seenForMs ? works : null;
}

async function readAccount(engine: Engine): Promise<Observation["account"]> {
  const [{ used, waiting, oldestMs = none }, tallies] = await Promise.all([
    forecast(engine, 1, "interactive"),
    engine.store.tally(),
  ]);
  const gates = Object.entries(engine.account.gates());
  return {
    used,
    limit: engine.guard.limits.management.calls,
    waiting,
    oldestMs,
    users: { ...noUsers, ...byStateNow(tallies) },
    gates: gates.map(([gate, { state, reason }]) => ({
      gate,
      reason: state === "open" ? null : (reason ?? "unavailable"),
    })),
    paused: engine.pauses.lanes(),
    imports: Object.fromEntries(
      importsIn(tallies).flatMap(({ name, left }) => (left > 0 ? [[name, left]] : [])),
    ),
  };
}

function tooLate(): LifecycleError {
  return new LifecycleError(
    "STORE_UNAVAILABLE",
    `Cannot read the account: it took more than ${longestMs} ms`,
  );
}
