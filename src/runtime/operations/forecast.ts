/**
 * When calls will have been granted and can leave: a closed gate delays even calls that have a slot.
 *
 * @module
 */
import { gatesBefore, type GateName } from "../../guard/gates.ts";
import type { Gate } from "../../../machines/index.ts";
import type { Forecast, Lane } from "../../store/contract.ts";
import type { AccountPause } from "../account/pauses.ts";
import type { Engine } from "../engine/engine.ts";

/** The store's forecast, delayed by closed gates. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function forecast(
  { account, clock, guard, pauses }: Pick<Engine, "account" | "clock" | "guard" | "pauses">,
  calls: number,
  lane: Lane,
): Promise<Forecast> {
  const [found] = await Promise.all([guard.forecast(calls, lane), account.refresh()]);
  const openMs = Math.max(openInMs(account.gates(), clock.now()), endInMs(pauses.of(lane), clock.now()));
  if (openMs === 0) return found;
  const { inMs: nextMs } = await guard.forecast(1, "interactive");
  return { ...found, inMs: putOff(found.inMs, nextMs, openMs) };
}

/**
 * In how many ms calls leave that the limit grants in `inMs`. The first waiting call, granted in `nextMs`, leaves
 * when the gates open, and all calls behind it are delayed by at most the same time.
 */
export function putOff(inMs: number, nextMs: number, openMs: number): number {
  return inMs + Math.max(0, openMs - Math.max(0, nextMs));
}

/** In how many ms the pause ends; `Infinity`: when an operator ends it. */
function endInMs(pause: AccountPause | null, now: number): number {
  if (pause === null) return 0;
  return pause.until === null ? Infinity : pause.until.getTime() - now;
}

/** In how many ms the last of the gates for a registration may open; 0: all are open. */
function openInMs(gates: Readonly<Record<GateName, Gate>>, now: number): number {
  const shut = gatesBefore.createUser.filter((name) => gates[name].state !== "open");
  return Math.max(0, ...shut.map((name) => gates[name].until - now));
}
