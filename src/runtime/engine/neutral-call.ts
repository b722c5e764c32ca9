/**
 * Calls without a user's id: they fail if every call of this process fails.
 *
 * - **User management**: a page of one user of `GET /user`. It takes one slot of the limit.
 * - **The token endpoint**: an exchange without a code. It takes no management slot, presents no code that could look
 *   like a guess, and RFC 6749 defines the response (`invalid_request`).
 *
 * @module
 */
import { endSlot } from "../../guard/guard.ts";
import type { Call } from "../../http/call.ts";
import { emptyExchangeCall, readEmptyExchange } from "../../http/token.ts";
import { listUsersCall, readUserList } from "../../http/user-management.ts";
import { lanes, type Slot } from "../../store/contract.ts";
import type { GrantedSlot, Permit } from "../gates/permit.ts";
import { neutralCallMs, type NeutralEndpoint, type NeutralOutcome } from "../gates/blocking.ts";
import { slotFate } from "./in-doubt.ts";
import { clientOf, type Engine } from "./engine.ts";
import { knowPauses } from "./stop.ts";
import { reported } from "../telemetry/call-work.ts";

/** When no call may be sent now, how long until the next attempt, ms. */
const retryInMs = 5_000;

/**
 * Makes the call if a slot is free and the endpoint is not throttled; a permit that probes the endpoint finds out
 * whether it still is. A user that was granted a slot gives it to this call: there may be no other.
 *
 * @throws {LifecycleError} `STORE_UNAVAILABLE`
 */
export async function neutralCall(
  engine: Engine,
  endpoint: NeutralEndpoint,
  permit: Permit,
): Promise<NeutralOutcome> {
  const { account, closing, sender, settings, store } = engine;
  const isShut = !permit.probing.has(endpoint) && account.gates()[endpoint].state !== "open";
  if (closing.aborted || isShut) return { type: "notAsked", retryInMs };
  if (endpoint === "management") {
    await knowPauses(engine);
    if (engine.pauses.lanes().length === lanes.length) return { type: "notAsked", retryInMs };
  }
  const taken = takeGranted(endpoint, permit) ?? (await takeSlot(engine, endpoint));
  if ("retryInMs" in taken) return { type: "notAsked", retryInMs: taken.retryInMs };
  const { slot, isOver } = taken;
  const call = callTo(engine, endpoint);
  const how = { isOver, withinMs: Math.min(neutralCallMs, settings.timeoutMs) };
  const answer = await reported(engine.recorder, call, () => sender.send(call, how));
  await endSlot(store.slots, slot, slotFate(answer.type));
  if (answer.type !== "answer") return answer;
  return endpoint === "management" ? readUserList(answer) : readEmptyExchange(answer);
}

function takeGranted(endpoint: NeutralEndpoint, permit: Permit): GrantedSlot | null {
  // seam: a-neutral-call-uses-the-slot-that-its-user-was-granted
  const granted = endpoint === "management" ? permit.granted : null;
  if (granted !== null) permit.granted = null;
  return granted;
}

async function takeSlot(
  { guard, store }: Engine,
  endpoint: NeutralEndpoint,
): Promise<{ readonly slot: Slot | null; readonly isOver: () => boolean } | { readonly retryInMs: number }> {
  const { slot: request, isOver } = guard.ask(endpoint, null);
  if (request === undefined) return { slot: null, isOver };
  const taken = await store.slots.take(request);
  return taken.type === "taken" ? { slot: taken.slot, isOver } : { retryInMs: taken.retryInMs };
}

function callTo(engine: Engine, endpoint: NeutralEndpoint): Call {
  const client = clientOf(engine);
  if (endpoint === "token") return emptyExchangeCall(client);
  return listUsersCall(client, { page: { skip: 0, limit: 1 }, pager: engine.settings.pager });
}
