/**
 * When calls will have been granted and can leave: a closed gate delays even calls that have a slot.
 *
 * @module
 */
import type { GatedCall } from "../../guard/gates.ts";
import type { GateReason } from "../../../machines/index.ts";
import type { Forecast, Lane } from "../../store/contract.ts";
import type { AccountPause } from "../account/pauses.ts";
import type { Engine } from "../engine/engine.ts";

type Waiting = Pick<Engine, "account" | "clock" | "guard" | "pauses">;

/**
 * The store's forecast, delayed by the pause of the lane and by the closed gates of these calls: a look-up passes gates
 * that stop a registration.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export async function forecast(
  engine: Waiting,
  calls: number,
  lane: Lane,
  call: GatedCall = "createUser",
): Promise<Forecast> {
  const { account, clock, guard, pauses } = engine;
  const [found] = await Promise.all([guard.forecast(calls, lane), account.refresh()]);
  const openMs = Math.max(openInMs(engine, call), endInMs(pauses.of(lane), clock.now()));
  if (openMs === 0) return found;
  const { inMs: nextMs } = await guard.forecast(1, "interactive");
  return { ...found, inMs: putOff(found.inMs, nextMs, openMs) };
}

/** What such a call waits for longest, and in how many ms it can leave. */
export interface Wait {
  /** `pause`: an operator's; `slot`: one of the limit; otherwise why a gate is shut. */
  readonly what: "pause" | "slot" | GateReason;
  /** `Infinity`: until an operator ends the pause. */
  readonly inMs: number;
}

/** What one more call in this lane waits for; `null`: it can leave now. @throws {LifecycleError} `STORE_UNAVAILABLE` */
export async function waitOf(engine: Waiting, lane: Lane, call: GatedCall): Promise<Wait | null> {
  const { account, clock, guard, pauses } = engine;
  const { inMs } = await forecast(engine, 1, lane, call);
  if (inMs <= 0) return null;
  const slotMs = (await guard.forecast(1, lane)).inMs;
  const pauseMs = endInMs(pauses.of(lane), clock.now());
  const gateMs = openInMs(engine, call);
  if (pauseMs > 0 && pauseMs >= Math.max(slotMs, gateMs)) return { what: "pause", inMs };
  const shut = gateMs > slotMs ? account.blocked(call) : null;
  return { what: shut === null ? "slot" : shut.reason, inMs };
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

/** In how many ms the last of the gates that stop such a call may open; 0: none stops it. */
function openInMs({ account, clock }: Waiting, call: GatedCall): number {
  return Math.max(0, (account.blocked(call)?.until ?? 0) - clock.now());
}
