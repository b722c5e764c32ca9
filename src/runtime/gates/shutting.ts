/**
 * Shuts the gates of the account, and keeps one shut after a failed probe.
 *
 * @module
 */
import type { GateName } from "../../guard/gates.ts";
import type { Gate, GateReason } from "../../../machines/index.ts";
import type { AccountParts } from "./account-parts.ts";
import type { SharedGates } from "./shared-gates.ts";
import { stopProbing, concernsAccount, noProbes, type Outcome, type Permit } from "./permit.ts";
import { afterUnsent, doubling } from "../options/backoff.ts";
import { reasonFor, reasonOf, shutForMs } from "./gate-rules.ts";

/** The dependencies of {@link Shutting}. */
export interface ShuttingParts extends Pick<AccountParts, "clock" | "windowMs"> {
  readonly sharedGates: SharedGates;
  /** The name under which a permit probes a gate. */
  readonly nameOf: (permit: Permit) => string;
  /** The key of the secret in use. */
  readonly secretKey: () => string;
}

export class Shutting {
  readonly #parts: ShuttingParts;
  /** How often in a row this process could send nothing and held itself back. */
  #unsent = 0;

  constructor(parts: ShuttingParts) {
    this.#parts = parts;
  }

  /** Something was sent. */
  sent(): void {
    this.#unsent = 0;
  }

  /** Handles an outcome that shuts the gate. */
  async shut(name: GateName, outcome: Outcome, permit: Permit): Promise<void> {
    const { sharedGates, secretKey } = this.#parts;
    const isProbe = permit.probing.has(name);
    // 1upHealth's refusal applies to all processes, even while this one holds itself back.
    const gate = concernsAccount(outcome) && !isProbe ? sharedGates.shared(name) : sharedGates.gate(name);
    stopProbing(permit, name);
    if (name === "secret" && permit.secret !== secretKey()) return;
    if (!isProbe && gate.state === "open" && permit.enteredAt < sharedGates.openedAt(name)) return;
    if (!isProbe && gate.state !== "open") return this.#extend(name, outcome);
    await this.#hold(name, gate, permit, reasonFor(name, outcome.type), outcome);
  }

  /** The permit ends without a call: another one may probe. */
  async abandon(permit: Permit): Promise<void> {
    for (const name of permit.probing) await this.giveUp(name, permit);
    permit.probing = noProbes;
    permit.probeCodeAt = undefined;
  }

  /** Another permit may probe, but not at once if another code was spent, which all processes must know. */
  async giveUp(name: GateName, permit: Permit): Promise<void> {
    const { sharedGates, clock, nameOf } = this.#parts;
    if (name === "exchange" && permit.probeCodeAt !== undefined) return this.keepShut(name, permit);
    await sharedGates.change(name, { type: "LEFT", at: clock.now(), by: nameOf(permit) });
  }

  /** The probe was inconclusive: the gate stays shut for longer, perhaps for another reason. */
  async keepShut(name: GateName, permit: Permit, outcome?: Outcome, reason?: GateReason): Promise<void> {
    const gate = this.#parts.sharedGates.gate(name);
    if (gate.probe !== this.#parts.nameOf(permit)) return;
    await this.#hold(name, gate, permit, reason ?? gate.reason ?? reasonOf(name), outcome);
  }

  async #hold(
    name: GateName,
    gate: Gate,
    permit: Permit,
    reason: GateReason,
    outcome?: Outcome,
  ): Promise<void> {
    const { sharedGates, clock, nameOf } = this.#parts;
    const at = clock.now();
    const type = reason === "credentials" || reason === "forbidden" ? "REFUSED" : "HELD";
    // All processes must know that another code was spent.
    if (outcome?.type === "notSent" && permit.probeCodeAt === undefined) {
      const until = at + doubling(afterUnsent, ++this.#unsent);
      return sharedGates.holdBack(name, { type, at, reason, until }, nameOf(permit));
    }
    const inARow = gate.reason === reason ? gate.attempt + 1 : 1;
    const until = at + this.#waitMs(name, inARow, reason, outcome);
    const held = {
      type,
      at,
      reason,
      until,
      probeCodeAt: permit.probeCodeAt,
      answersLists: outcome?.answersLists,
    } as const;
    await sharedGates.change(
      name,
      held,
      outcome !== undefined && concernsAccount(outcome) ? "shared" : undefined,
    );
    if (outcome !== undefined && sharedGates.gate(name).until < until) await this.#extend(name, outcome); // another process was faster
  }

  /** A call got a `Retry-After` that left before the gate was shut, or read a list at it: the later time counts. */
  async #extend(name: GateName, outcome: Outcome): Promise<void> {
    const isOfList = outcome.type === "throttled" && this.#parts.sharedGates.gate(name).answersLists;
    if (outcome.retryAfterMs === undefined && !isOfList) return;
    const { sharedGates, clock } = this.#parts;
    const at = clock.now();
    await sharedGates.change(
      name,
      { type: "TOLD", at, until: at + this.#waitMs(name, 1, reasonOf(name), outcome) },
      "shared",
    );
  }

  #waitMs(name: GateName, attempt: number, reason: GateReason, outcome?: Outcome): number {
    const isUnanswered = outcome?.type === "lost";
    const { windowMs } = this.#parts;
    const rules = { attempt, isUnanswered, reason, windowMs, retryAfterMs: outcome?.retryAfterMs };
    return Math.min(shutForMs(name, rules), outcome?.mostMs ?? Infinity);
  }
}
