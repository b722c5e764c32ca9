/** One call from arrival to answer: understand, wait, go wrong as scripted, carry out, write down. */

import { type Clock, sleep, systemClock } from "../clock.ts";
import { carryOut } from "./carry-out.ts";
import { Chance, type ChanceState } from "./chance.ts";
import { describeFault, type Fault } from "./fault.ts";
import { Faults } from "./faults.ts";
import { planFhir } from "./fhir.ts";
import { maskPath, WrittenJournal } from "./journal.ts";
import { type Incoming, json, type Outgoing } from "./message.ts";
import { type CallName, type Carried, type Plan, refused } from "./plan.ts";
import { planToken } from "./token.ts";
import { loginPage, planUserManagement } from "./user-management.ts";
import type { World } from "./world.ts";

/** What a door has to do: send an answer, send half of it and cut, or just cut. */
export type Delivery =
  | { readonly type: "answer" | "cut"; readonly outgoing: Outgoing }
  | { readonly type: "dropped" };

/** Answers calls over one world. */
export class Handler {
  readonly world: World;
  readonly faults: Faults;
  readonly journal: WrittenJournal = new WrittenJournal();
  /** Apart from the world's chance, so that latency and faults do not change which ids and tokens come next. */
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

  /** Back to the beginning, the world too. */
  reset(): void {
    this.world.reset();
    this.faults.reset();
    this.journal.clear();
    this.#latency.state = this.#start;
  }

  /**
   * Handles any call but a control call. Never rejects. A call that waits when `signal` aborts, because its door closes,
   * is dropped, and changes nothing any more.
   */
  async handle(incoming: Incoming, signal?: AbortSignal): Promise<Delivery> {
    const at = this.world.now();
    const plan = understand(this.world, incoming);
    const fault = this.faults.match(plan.call, plan.appUserId);
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

  /** Which call it would be, if it arrived: nothing is counted. */
  callNamed(incoming: Incoming): CallName {
    const { quota } = this.world;
    const before = quota.state;
    try {
      return understand(this.world, incoming).call;
    } finally {
      quota.state = before; // a management call is counted when it is understood
    }
  }

  /** Waits; false: `signal` aborted meanwhile. */
  async #waited(ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (ms <= 0) return true;
    return sleep(this.#clock, ms, signal).then(
      () => true,
      () => false, // nothing else ends a sleep
    );
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
  const plan = planUserManagement(world, incoming) ?? planToken(world, incoming) ?? planFhir(world, incoming);
  if (plan !== undefined) return plan;
  if (incoming.path === "/login" && incoming.method === "GET") {
    return { call: "loginPage", carryOut: () => refused("unknown", loginPage) };
  }
  return { call: "unknown", carryOut: () => refused("unknown", json(404, { message: "Not Found" })) };
}
