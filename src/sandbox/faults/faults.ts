/**
 * The pending faults, in order. A call is carried out, or not, and gets the normal response or the one that a fault
 * specifies.
 */
import { Chance, type ChanceState } from "../base/chance.ts";
import { callsOf, checkFault, type Fault, isCarriedOut } from "./fault.ts";
import { type CallName, type Carried, type Plan, refused } from "../base/plan.ts";
import { json, type Outgoing, parseObject } from "../base/message.ts";
import { faultResponses } from "./fault-responses.ts";
import { retryAfterHeader } from "../oauth/plan-user-management.ts";
import type { World } from "../state/world.ts";

interface Waiting {
  readonly fault: Fault;
  readonly calls: readonly CallName[] | undefined;
  skip: number;
  times: number;
}

/** Matches calls with faults. */
export class Faults {
  readonly #chance: Chance;
  readonly #start: ChanceState;
  #waiting: Waiting[] = [];

  /** @param seed Seed of the faults' own random numbers. */
  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#start = this.#chance.state;
  }

  /** @throws {LifecycleError} `INVALID_OPTION` */
  add(given: Fault): void {
    const fault = checkFault(given);
    const { skip = 0, times = fault.probability === undefined ? 1 : Infinity } = fault;
    this.#waiting.push({ fault, calls: callsOf(fault), skip, times });
  }

  /** The faults that can still hit a call, with the remaining `times` and `skip`. */
  get waiting(): readonly Fault[] {
    return this.#waiting.map(({ fault, skip, times }) => ({ ...fault, times, skip }));
  }

  clear(): void {
    this.#waiting = [];
  }

  /** Removes the faults and restarts the random numbers. */
  reset(): void {
    this.clear();
    this.#chance.state = this.#start;
  }

  /** Returns the first fault that hits this call, and uses it up by one. */
  match({ call, appUserId, formerAppUserId }: Plan): Fault | undefined {
    for (const waiting of this.#waiting) {
      const { fault, calls } = waiting;
      if (calls !== undefined && !calls.includes(call)) continue;
      if (fault.appUserId !== undefined && ![appUserId, formerAppUserId].includes(fault.appUserId)) continue;
      if (waiting.skip > 0) {
        waiting.skip -= 1;
        continue;
      }
      if (fault.probability !== undefined && this.#chance.next() >= fault.probability) continue;
      waiting.times -= 1;
      if (waiting.times <= 0) this.#waiting = this.#waiting.filter((other) => other !== waiting);
      return fault;
    }
    return undefined;
  }
}

const nothing: Carried = refused("fault", { status: 500, headers: {}, body: "" });

/** Carries out a call, with the fault that hits it, if any. */
export function carryOut(world: World, plan: Plan, fault: Fault | undefined): Carried {
  if (fault === undefined) return plan.carryOut();
  const carried = isCarriedOut(fault) ? plan.carryOut() : nothing;
  const code = carried.secrets?.issuedCode;
  if (fault.codeReadyMs !== undefined && code !== undefined) {
    world.grants.holdBack(code, world.now() + fault.codeReadyMs);
  }
  return { ...carried, outgoing: answerOf(world, fault, carried.outgoing) };
}

function answerOf(world: World, fault: Fault, due: Outgoing): Outgoing {
  const { response, status, omit } = fault;
  if (omit !== undefined) return without(due, omit);
  if (response !== undefined) {
    const answer = faultResponses[response].answer(world, status, due);
    return {
      ...answer,
      status: status ?? answer.status,
      headers: { ...answer.headers, ...headersOf(world, fault) },
    };
  }
  return status === undefined ? due : replaced(status, fault.body, headersOf(world, fault));
}

function replaced(status: number, body: unknown, headers: Readonly<Record<string, string>>): Outgoing {
  if (body === undefined) return { status, headers, body: "" };
  if (typeof body !== "string") return json(status, body, headers);
  const type = body.trimStart().startsWith("<") ? "text/html" : "text/plain";
  return { status, headers: { "content-type": `${type}; charset=utf-8`, ...headers }, body };
}

function headersOf(world: World, { headers, retryAfterMs, retryAfter }: Fault): Record<string, string> {
  if (retryAfterMs === undefined) return { ...headers };
  const form = retryAfter ?? (world.settings.retryAfter || "seconds");
  return { ...headers, ...retryAfterHeader(form, world.now(), retryAfterMs) };
}

function without(outgoing: Outgoing, fields: readonly string[]): Outgoing {
  const body = parseObject(outgoing.body);
  if (body === undefined) return outgoing;
  for (const field of fields) delete body[field];
  return { ...outgoing, body: JSON.stringify(body) };
}
