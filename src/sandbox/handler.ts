/** Handles one call from request to response: parse it, wait, apply faults, carry it out, record it. */

import { type Clock, slept, systemClock } from "../clock.ts";
import { carryOut, Faults } from "./faults/faults.ts";
import { Chance, type ChanceState } from "./base/chance.ts";
import { describeFault, type Fault } from "./faults/fault.ts";
import { planExport } from "./export/plan-export.ts";
import { planFhir } from "./fhir/plan-fhir.ts";
import { maskPath, WrittenJournal } from "./journal.ts";
import { type Incoming, json, type Outgoing } from "./base/message.ts";
import { type CallName, type Carried, type Plan, refused } from "./base/plan.ts";
import { planToken } from "./oauth/plan-token.ts";
import { loginPage, planUserManagement } from "./oauth/plan-user-management.ts";
import type { World } from "./state/world.ts";

/** What an entry point has to do: send a response, send half of it and cut the connection, or just cut it. */
export type Delivery =
  | { readonly type: "answer" | "cut"; readonly outgoing: Outgoing }
  | { readonly type: "dropped" };

/** Handles calls over one world. */
export class Handler {
  readonly world: World;
  readonly faults: Faults;
  readonly journal: WrittenJournal = new WrittenJournal();
  /** Separate from the world's random numbers, so that latency and faults do not change the next ids and tokens. */
  readonly #latency: Chance;
  readonly #start: ChanceState;
  readonly #clock: Clock;

  constructor(world: World) {
    const { seed, waitOn, clock } = world.settings;
    this.world = world;
    this.faults = new Faults(seed + 2);
    this.#latency = new Chance(seed + 1);
    this.#start = this.#latency.state;
    this.#clock = waitOn === "clock" ? clock : systemClock;
  }

  /** Resets everything, including the world. */
  reset(): void {
    this.world.reset();
    this.faults.reset();
    this.journal.clear();
    this.#latency.state = this.#start;
  }

  /**
   * Handles any call except a control call. Never rejects. A call that is waiting when `signal` aborts, because its server
   * closes, is dropped and changes nothing.
   */
  async handle(incoming: Incoming, signal?: AbortSignal): Promise<Delivery> {
    const at = this.world.now();
    const plan = understand(this.world, incoming);
    const fault = this.faults.match(plan);
    const delayMs = fault?.delayMs ?? 0;
    const late = fault?.delay === "after";
    const waitMs = this.#latencyMs() + (late ? 0 : delayMs);
    if (!(await this.#waited(waitMs, signal))) return { type: "dropped" };
    const carried = carryOut(this.world, plan, fault);
    this.#write(incoming, at, plan, carried, fault);
    if (late && !(await this.#waited(delayMs, signal))) return { type: "dropped" };
    if (fault?.drop === "body") return { type: "cut", outgoing: carried.outgoing };
    if (fault?.drop !== undefined) return { type: "dropped" };
    return { type: "answer", outgoing: carried.outgoing };
  }

  /** Which call this request would be; counts nothing. */
  callNamed(incoming: Incoming): CallName {
    const { quota } = this.world;
    const before = quota.state;
    try {
      return understand(this.world, incoming).call;
    } finally {
      quota.state = before; // parsing a management call counts it
    }
  }

  /** Waits; returns false if `signal` aborted meanwhile. */
  async #waited(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    return ms <= 0 || slept(this.#clock, ms, signal);
  }

  #latencyMs(): number {
    const [least, most] = this.world.settings.latencyMs;
    return least === most ? least : least + this.#latency.next() * (most - least);
  }

  #write(incoming: Incoming, at: number, plan: Plan, carried: Carried, fault: Fault | undefined): void {
    const appUserId = carried.appUserId ?? plan.appUserId;
    const oneupUserId = carried.oneupUserId ?? plan.oneupUserId;
    this.journal.add({
      at,
      call: plan.call,
      method: incoming.method,
      path: maskPath(incoming.path, incoming.query),
      ...(appUserId === undefined ? {} : { appUserId }),
      ...(oneupUserId === undefined ? {} : { oneupUserId }),
      status: fault?.drop === undefined ? carried.outgoing.status : "dropped",
      outcome: carried.outcome,
      committed: carried.committed,
      ...(fault === undefined ? {} : { fault: describeFault(fault) }),
      secrets: { ...plan.secrets, ...carried.secrets },
    });
  }
}

function understand(world: World, incoming: Incoming): Plan {
  const plan =
    planUserManagement(world, incoming) ??
    planToken(world, incoming) ??
    planExport(world, incoming) ??
    planFhir(world, incoming);
  if (plan !== undefined) return plan;
  if (incoming.path === "/login" && incoming.method === "GET") {
    return { call: "loginPage", carryOut: () => refused("unknown", loginPage) };
  }
  return { call: "unknown", carryOut: () => refused("unknown", json(404, { message: "Not Found" })) };
}
