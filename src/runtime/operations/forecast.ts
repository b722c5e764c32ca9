/**
 * When calls will have been granted, and can leave: a shut gate holds those up who have a slot.
 *
 * @module
 */
import { gatesBefore } from "../guard/gates.ts";
import type { GateName } from "../guard/gates.ts";
import type { Gate } from "../../machines/index.ts";
import type { Forecast, Lane } from "../store/contract.ts";
import type { Engine } from "./engine.ts";

/** As the store says it, and put off by what is shut for all. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function forecast(
  { account, clock, guard }: Pick<Engine, "account" | "clock" | "guard">,
  calls: number,
  lane: Lane,
): Promise<Forecast> {
  const [found] = await Promise.all([guard.forecast(calls, lane), account.look()]);
  const openMs = openInMs(account.gates(), clock.now());
  if (openMs === 0) return found;
  const { inMs: nextMs } = await guard.forecast(1, "interactive");
  return { ...found, inMs: putOff(found.inMs, nextMs, openMs) };
}

/**
 * In how many ms calls leave that the limit grants in `inMs`. The first of all who wait, granted in `nextMs`, leaves when
 * the gates open, and everybody behind it is put off by as much at most.
 */
export function putOff(inMs: number, nextMs: number, openMs: number): number {
  return inMs + Math.max(0, openMs - Math.max(0, nextMs));
}

/** In how many ms the gates before a registration may be open, the last of them; 0: they are. */
function openInMs(gates: Readonly<Record<GateName, Gate>>, now: number): number {
  const shut = gatesBefore.createUser.filter((name) => gates[name].state !== "open");
  return Math.max(0, ...shut.map((name) => gates[name].until - now));
}
