/**
 * The gate of this process alone, which `health()` and the log call `region`. While it is shut, this process cannot reach
 * 1upHealth: it claims no users, and sends no call to the endpoint in question, so other processes take over. The gate
 * shuts when calls are blocked and a neutral call fails the same way (a captive portal, a blocked region), or when the
 * calls of several users in a row cannot be sent (no network). If only one user's calls are blocked while those of others
 * succeed, the gate stays open and that user waits by itself.
 *
 * @module
 */
import type { Clock } from "../../clock.ts";
import { gatesBefore, type GatedCall, type GateName } from "../../guard/gates.ts";
import {
  Blocking,
  provesAccess,
  type NeutralEndpoint,
  type NeutralOutcome,
  type BlockScope,
} from "./blocking.ts";
import { neutralFor } from "./gate-rules.ts";
import type { SharedGates } from "./shared-gates.ts";
import { afterForbidden, afterTrouble, afterUnsent, doubling, type Backoff } from "../options/backoff.ts";

/** The dependencies of a {@link ProcessGate}. */
export interface ProcessGateParts {
  readonly sharedGates: SharedGates;
  readonly clock: Clock;
  /** The name under which this process probes its gate. */
  readonly by: string;
  /** How long until a call in flight counts as lost, ms. */
  readonly lostMs: number;
  readonly neutral: (endpoint: NeutralEndpoint) => Promise<NeutralOutcome>;
}

/** A blocked or refused call. */
export interface BlockedCall {
  readonly endpoint: NeutralEndpoint;
  /** The user, or the number of the permit, that it was made for. */
  readonly about: string | number;
  readonly outcome: string;
  /** Whether it probed the gate. */
  readonly wasProbe: boolean;
  /** When it was sent, on `clock.monotonic()`. */
  readonly sentAt: number;
}

/** The calls of this many users that cannot be sent, with none sent in between, are not a coincidence. */
const many = 3;
/** How many users are remembered of each kind. */
const mostUsers = 1_000;

export class ProcessGate {
  readonly #parts: ProcessGateParts;
  readonly #blocking: Readonly<Record<NeutralEndpoint | "secret", Blocking>>;
  /** The users whose last call was blocked while others succeeded. */
  readonly #individuallyBlocked = new Set<string | number>();
  /** The users whose last answer here was a 429. */
  readonly #throttled = new Set<string | number>();
  /** The users whose call could not be sent since one was. */
  readonly #unsent = new Set<string | number>();
  /** The endpoints to which the last call could not be sent. */
  readonly #unreached = new Set<NeutralEndpoint>();
  /** The gate is shut because no call can be sent. */
  #isCutOff = false;
  /** The endpoint of the calls that shut the gate. */
  #at: NeutralEndpoint = "management";
  #probing: Promise<void> | null = null;

  constructor(parts: ProcessGateParts) {
    this.#parts = parts;
    this.#blocking = {
      management: new Blocking(parts.clock, () => parts.neutral("management")),
      token: new Blocking(parts.clock, () => parts.neutral("token")),
      secret: new Blocking(parts.clock, () => parts.neutral("management")),
    };
  }

  /** How many users had their call blocked at this process's last attempt while others succeeded. */
  get individuallyBlocked(): number {
    return this.#individuallyBlocked.size;
  }

  /**
   * Reports a call that could not be sent. After those of several users in a row, this method shuts the gate. False: it
   * does not concern its user only.
   */
  async recordUnsent(endpoint: NeutralEndpoint, about: string | number): Promise<false> {
    keep(this.#unsent, about);
    this.#unreached.add(endpoint);
    // seam: a-process-that-can-send-nothing-holds-itself-back
    const isCutOff = this.#unsent.size >= many;
    if (isCutOff && this.#parts.sharedGates.gate("region").state === "open") {
      this.#at = endpoint;
      this.#isCutOff = true;
      await this.#hold(afterUnsent, 1);
    }
    return false;
  }

  /** Reports the outcome of a call that was neither blocked nor unsent. */
  recordOutcome(endpoint: NeutralEndpoint, about: string | number, outcome: string): void {
    if (this.#unreached.size > 0 && outcome !== "notSent") this.#sent(endpoint);
    if (!provesAccess(outcome)) return;
    this.#blocking[endpoint].succeeded();
    if (endpoint === "management") this.#blocking.secret.succeeded();
    if (this.#individuallyBlocked.size > 0) this.#individuallyBlocked.delete(about);
    if (outcome === "throttled") keep(this.#throttled, about);
    else if (this.#throttled.size > 0) this.#throttled.delete(about);
  }

  /**
   * Reports a call that was blocked, or refused for its credentials. True: it concerns this user only. Otherwise this
   * method shuts the gate if the process is blocked; the caller shuts the gate of the secret.
   */
  async recordBlocked({ endpoint, about, outcome, wasProbe, sentAt }: BlockedCall): Promise<boolean> {
    const { sharedGates, clock } = this.#parts;
    this.#sent(endpoint);
    const whose = await this.#judge(endpoint, about, outcome);
    const at = clock.now();
    const gate = sharedGates.gate("region");
    const isSlowed = gate.state !== "open" && gate.reason !== "forbidden";
    if (whose === "process") {
      if (isSlowed) await sharedGates.change("region", { type: "REOPEN", at });
      const isNews = gate.state !== "open" || sentAt >= sharedGates.openedAt("region");
      if (outcome === "blocked" && isNews && !this.#isShut) {
        this.#at = endpoint;
        await this.#shut(0);
      }
      return false;
    }
    keep(this.#individuallyBlocked, about);
    if (whose === "user") {
      if (isSlowed) await sharedGates.change("region", { type: "REOPEN", at }); // a neutral call succeeded
    } else if (wasProbe || (whose === "many" && gate.state === "open")) {
      // It may be this process, but no neutral call may be sent now: one call at a time, with growing waits.
      this.#isCutOff = false;
      await this.#hold(afterTrouble, gate.attempt + 1);
    }
    return true;
  }

  /**
   * A call was postponed again by a response that normally concerns the whole account. True: it concerns this user
   * only, because a neutral call succeeded, or none may be sent now and the calls of others succeeded.
   */
  async concernsUserOnly(
    endpoint: NeutralEndpoint,
    about: string | number,
    outcome: string,
  ): Promise<boolean> {
    const whose = await this.#judge(endpoint, about, outcome);
    const isLikely = whose === "few" && outcome === "throttled" && this.#blocking[endpoint].isReached;
    const isOwn = whose === "user" || isLikely;
    if (isOwn) keep(this.#individuallyBlocked, about);
    return isOwn;
  }

  /**
   * The token endpoint may validate a request before it authenticates the client, so its response to an exchange
   * without a code does not show that the client is accepted. User management requires the same credentials, and its
   * neutral call shows it: one of its own, which no blocked call uses up.
   */
  #judge(endpoint: NeutralEndpoint, about: string | number, outcome: string): Promise<BlockScope> {
    const asked = outcome === "credentialsRefused" ? "secret" : endpoint;
    return this.#blocking[asked].judge(about, outcome);
  }

  /** The gates that apply to `call` now: while no call to one endpoint can be sent, those to the other are. */
  gatesBefore(call: GatedCall): readonly GateName[] {
    const gates = gatesBefore[call];
    if (!this.#isCutOff || call === "any") return gates;
    const endpoint = neutralFor(call);
    const isOther = endpoint === null || !this.#unreached.has(endpoint);
    return isOther ? gates.filter((name) => name !== "region") : gates;
  }

  /** Whether the last answer that this process received for this user was a 429. */
  wasThrottled(about: string | number): boolean {
    return this.#throttled.has(about);
  }

  /** The outcome of a neutral call sent now; `notAsked`: none may be sent. Never rejects. */
  async ask(endpoint: NeutralEndpoint): Promise<string> {
    const blocking = this.#blocking[endpoint];
    return blocking.isAsking || blocking.freeInMs === 0 ? blocking.ask() : "notAsked";
  }

  /** The same for the only probe of a shut gate of the account: its own waits space such calls, for all processes. */
  askAtOnce(endpoint: NeutralEndpoint): Promise<string> {
    return this.#blocking[endpoint].ask();
  }

  /** What was found out about the former secret shows nothing about this one: a neutral call may be sent at once. */
  secretChanged(): void {
    this.#blocking.secret.reset();
  }

  /** An operator states that all is in order: earlier outcomes no longer count. */
  reopened(): void {
    for (const blocking of Object.values(this.#blocking)) blocking.succeeded();
    this.#individuallyBlocked.clear();
    this.#unsent.clear();
    this.#unreached.clear();
  }

  /** A call was sent: if it was to the last endpoint that could not be reached, the gate is open again. */
  #sent(endpoint: NeutralEndpoint): void {
    this.#unsent.clear();
    this.#unreached.delete(endpoint);
    if (!this.#isCutOff || this.#unreached.size > 0) return;
    this.#isCutOff = false;
    const { sharedGates, clock } = this.#parts;
    void sharedGates.change("region", { type: "REOPEN", at: clock.now() }); // of this process alone: done at once
  }

  /** If the gate is shut and its time has come, a neutral call probes it; concurrent callers share one. Never rejects. */
  async probeIfDue(): Promise<void> {
    if (!this.#isShut) return;
    this.#probing ??= this.#probe().finally(() => (this.#probing = null));
    await this.#probing;
  }

  /** When a neutral call may probe the gate, in ms; `null`: it is not shut. */
  get probesInMs(): number | null {
    if (!this.#isShut) return null;
    const { until } = this.#parts.sharedGates.gate("region");
    const leftMs = Math.max(0, until - this.#parts.clock.now());
    return this.#isCutOff ? leftMs : Math.max(leftMs, this.#blocking[this.#at].freeInMs);
  }

  get #isShut(): boolean {
    const { state, reason } = this.#parts.sharedGates.gate("region");
    return state !== "open" && (reason === "forbidden" || this.#isCutOff);
  }

  async #probe(): Promise<void> {
    if (this.probesInMs !== 0) return;
    const { sharedGates, by, clock, lostMs } = this.#parts;
    const { attempt } = sharedGates.gate("region");
    const at = clock.now();
    await sharedGates.change("region", { type: "PROBE", at, by, until: at + lostMs });
    let outcome = await this.#blocking[this.#at].ask();
    if (this.#isCutOff && outcome === "notAsked")
      outcome = await this.#blocking[this.#at === "token" ? "management" : "token"].ask();
    if (outcome === "blocked") return this.#shut(attempt);
    if (this.#isCutOff && outcome === "notSent") return this.#hold(afterUnsent, attempt + 1);
    const isReached =
      outcome === "credentialsRefused" || provesAccess(outcome) || (this.#isCutOff && outcome !== "notAsked");
    this.#isCutOff = false; // if no neutral call may be sent, the call of a user finds out
    if (isReached) this.#sent(this.#at);
    await sharedGates.change("region", { type: isReached ? "ANSWERED" : "LEFT", at: clock.now(), by });
  }

  async #hold(backoff: Backoff, attempt: number): Promise<void> {
    const { sharedGates, clock } = this.#parts;
    const at = clock.now();
    const until = at + doubling(backoff, attempt);
    await sharedGates.change("region", { type: "HELD", at, reason: "unavailable", until });
  }

  async #shut(attempt: number): Promise<void> {
    const { sharedGates, clock } = this.#parts;
    this.#isCutOff = false;
    const at = clock.now();
    const until = at + doubling(afterForbidden, attempt + 1);
    await sharedGates.change("region", { type: "REFUSED", at, reason: "forbidden", until });
  }
}

function keep(users: Set<string | number>, about: string | number): void {
  users.add(about);
  for (const oldest of users) {
    if (users.size <= mostUsers) break;
    users.delete(oldest);
  }
}
