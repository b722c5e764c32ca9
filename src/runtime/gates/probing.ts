/**
 * Probes a shut gate once its time has come: one call finds out whether the account accepts calls again. It is a user's
 * own call, unless that user may be at fault; then a call without a user's id goes first.
 *
 * @module
 */
import {
  maySpendCode,
  mayProbe,
  probesFrom,
  yieldsUntil,
  type GatedCall,
  type GateName,
} from "../../guard/gates.ts";
import type { AccountParts } from "./account-parts.ts";
import { provesAccess, type NeutralEndpoint, type NeutralOutcome } from "./blocking.ts";
import type { CredentialsInUse } from "../account/credentials-in-use.ts";
import { isThrottling, readsList, shutBy } from "./gate-rules.ts";
import type { Shutting } from "./shutting.ts";
import type { ManagementOutage } from "./management-outage.ts";
import type { ExchangeOutage } from "./exchange-outage.ts";
import { blockedBy, stopProbing, type Blocked, type Permit } from "./permit.ts";
import type { ProcessGate } from "./process-gate.ts";
import type { SharedGates } from "./shared-gates.ts";

/** The dependencies of {@link Probing}. */
export interface ProbingParts extends Pick<AccountParts, "clock" | "lostMs" | "neutral"> {
  readonly sharedGates: SharedGates;
  readonly credentials: CredentialsInUse;
  readonly processGate: ProcessGate;
  readonly exchangeOutage: ExchangeOutage;
  readonly managementOutage: ManagementOutage;
  readonly shutting: Shutting;
  /** The name under which a permit probes a gate. */
  readonly nameOf: (permit: Permit) => string;
  /** A permit that calls for no particular user. */
  readonly permitFor: () => Permit;
}

/** What the neutral call of each endpoint counts as. */
const neutralCalls = { management: "listUsers", token: "refreshToken" } as const;

export class Probing {
  readonly #parts: ProbingParts;
  /** The permit for which a neutral call probes a gate. */
  readonly #neutralFor = new Map<NeutralEndpoint, Permit>();

  constructor(parts: ProbingParts) {
    this.#parts = parts;
  }

  /** From when on the shut gate may be probed for `call`. */
  opensAt(name: GateName, call: GatedCall): number {
    const { sharedGates, clock, exchangeOutage, processGate } = this.#parts;
    const neutralInMs = name === "region" ? processGate.probesInMs : null;
    if (neutralInMs !== null) return clock.now() + neutralInMs;
    if (this.passes(name, call)) return 0;
    return probesFrom(name, exchangeOutage.withoutOldCode(sharedGates.gate(name), clock.now()), call);
  }

  /** Probes the gate with this permit, if its time has come. `null`: the call may be sent. */
  async probe(name: GateName, call: GatedCall, permit: Permit): Promise<Blocked | null> {
    const { sharedGates, clock, credentials, exchangeOutage, managementOutage, processGate } = this.#parts;
    const neutralInMs = name === "region" ? processGate.probesInMs : null; // no user's call probes it
    if (name === "secret") await credentials.renew(false);
    const gate = sharedGates.gate(name);
    const now = clock.now();
    if (gate.state === "open" || this.passes(name, call)) return null;
    if (neutralInMs !== null) return { ...blockedBy(name, gate), until: now + Math.max(1, neutralInMs) };
    if (!mayProbe(name, exchangeOutage.withoutOldCode(gate, now), call, now)) return blockedBy(name, gate);
    const isOutage = name === "management" && gate.reason === "unavailable";
    const isThrottled = isThrottling(name) && !isOutage && permit.wasPostponed;
    const isSuspect = isOutage
      ? managementOutage.isSuspect(gate, permit)
      : name === "exchange" && exchangeOutage.isSuspect(permit);
    const isWary = isSuspect || isThrottled;
    // seam: the-user-that-shut-a-gate-lets-others-probe-it-first
    const yieldedAt = isWary ? yieldsUntil(name, gate) : now;
    if (now < yieldedAt) return { ...blockedBy(name, gate), until: yieldedAt, yields: true };
    if (!(await this.#becomeProbe(name, permit)))
      return sharedGates.gate(name).state === "open" ? null : blockedBy(name, sharedGates.gate(name));
    if (isOutage) return managementOutage.isProbedByUser(gate) ? null : this.#probeOutage(permit);
    // seam: a-neutral-call-precedes-that-of-the-user-that-shut-a-gate
    return isWary && (name === "management" || name === "token") ? this.#probeNeutrally(name, permit) : null;
  }

  /** Whether the call passes the shut gate without a probe: it reads a list of users, and lists are answered. */
  passes(name: GateName, call: GatedCall): boolean {
    const { sharedGates, managementOutage } = this.#parts;
    const isOutage = name === "management" && sharedGates.gate(name).reason === "unavailable";
    return isOutage && readsList(call) && managementOutage.answersLists;
  }

  /** Becomes the probe of the gate, unless there is another one. */
  async #becomeProbe(name: GateName, permit: Permit): Promise<boolean> {
    const { sharedGates, clock, lostMs, nameOf } = this.#parts;
    const at = clock.now();
    const by = nameOf(permit);
    const probe = { type: "PROBE", at, by, until: at + lostMs } as const;
    if ((await sharedGates.change(name, probe)).probe !== by) return false;
    permit.probing = new Set([...permit.probing, name]);
    return true;
  }

  /**
   * A 429 may have concerned only the user of this permit, and no other user came to probe the gate: a call without a
   * user's id goes first, if one may be sent. `null`: the gate is open, or the user's own call may probe it.
   */
  async #probeNeutrally(name: NeutralEndpoint, permit: Permit): Promise<Blocked | null> {
    const outcome = await this.#neutralProbe(name, permit, () => this.#parts.processGate.ask(name));
    if (permit.probing.has(name)) return null;
    permit.isCleared = provesAccess(outcome) && outcome !== "throttled";
    return this.#stillShut(name);
  }

  /** A neutral call finds out whether user management answers again. `null`: it does, or none was sent. */
  async #probeOutage(permit: Permit): Promise<Blocked | null> {
    const { shutting, managementOutage, processGate } = this.#parts;
    const name = "management";
    const outcome = await this.#neutralProbe(name, permit, () => processGate.askAtOnce(name));
    managementOutage.recordNeutral(outcome);
    if (!permit.probing.has(name)) return this.#stillShut(name);
    if (outcome === "notAsked" || outcome === "notSent") return null; // its user's call probes
    // A refused client was answered: another process, with another secret, may probe at once.
    if (outcome === "credentialsRefused") await shutting.abandon(permit);
    else await shutting.keepShut(name, permit, { type: outcome });
    stopProbing(permit, name);
    return this.#stillShut(name);
  }

  /** Makes a neutral call for this permit, which probes the gate: a response settles whether the gate opens. */
  async #neutralProbe(name: NeutralEndpoint, permit: Permit, ask: () => Promise<string>): Promise<string> {
    this.#neutralFor.set(name, permit);
    const outcome = await ask().finally(() => this.#neutralFor.delete(name));
    // Another permit may have asked just before: its outcome then counts for this gate as well.
    if (outcome === "throttled" && permit.probing.has(name))
      await this.#parts.shutting.shut(name, { type: outcome }, permit);
    if (provesAccess(outcome) && permit.probing.has(name))
      await this.answered(name, neutralCalls[name], permit);
    return outcome;
  }

  /** What still blocks a call at the gate; `null`: it is open. */
  #stillShut(name: NeutralEndpoint): Blocked | null {
    const gate = this.#parts.sharedGates.gate(name);
    return gate.state === "open" ? null : blockedBy(name, gate);
  }

  /** Makes a call without a user's id; what its outcome shows about the account counts like that of any other call. */
  async askNeutral(endpoint: NeutralEndpoint): Promise<NeutralOutcome> {
    const { sharedGates, clock, credentials, shutting, neutral, permitFor } = this.#parts;
    await credentials.renew(false);
    const given = this.#neutralFor.get(endpoint);
    const permit = given ?? permitFor();
    // While this process holds its users back, no other call of it probes the endpoint's gate when its time has come.
    if (given === undefined && sharedGates.gate(endpoint).until <= clock.now())
      await this.#becomeProbe(endpoint, permit);
    const outcome = await neutral(endpoint, permit);
    const shut = shutBy(neutralCalls[endpoint], outcome.type);
    if (shut !== null) await shutting.shut(shut, outcome, permit);
    if (given !== undefined) return outcome;
    if (permit.probing.has(endpoint) && provesAccess(outcome.type))
      await this.answered(endpoint, neutralCalls[endpoint], permit);
    await shutting.abandon(permit);
    return outcome;
  }

  /**
   * The probing exchange of this permit got no response for the second time. True: it may request one more code to find
   * out whether the code or the endpoint is at fault; at most one per hour and account.
   */
  spendCode(permit: Permit): boolean {
    const now = this.#parts.clock.now();
    if (!permit.probing.has("exchange") || permit.probeCodeAt !== undefined) return false;
    if (!maySpendCode(this.#parts.sharedGates.gate("exchange").probeCodeAt, now)) return false;
    permit.probeCodeAt = now;
    return true;
  }

  /** This call, with which the permit probes the gate, was answered: the gate is open again, unless a list shows nothing. */
  async answered(name: GateName, call: GatedCall, permit: Permit): Promise<void> {
    const { sharedGates, shutting } = this.#parts;
    if (name !== "management" || !readsList(call) || !sharedGates.gate(name).answersLists)
      return this.opened(name, permit);
    stopProbing(permit, name);
    await shutting.giveUp(name, permit);
  }

  /** The gate that this permit probes is open again. */
  async opened(name: GateName, permit: Permit): Promise<void> {
    const { sharedGates, clock } = this.#parts;
    stopProbing(permit, name);
    await sharedGates.change(name, { type: "ANSWERED", at: clock.now() });
  }
}
