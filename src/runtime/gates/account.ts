/**
 * The account as this process sees it: its gates, which all processes share through the account's record, and the
 * credentials in use. Every call asks here before it is sent and reports its outcome here.
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import { isForLaterExchange, isForLaterPurge, type GatedCall, type GateName } from "../../guard/gates.ts";
import type { Gate } from "../../../machines/index.ts";
import { CredentialsInUse } from "../account/credentials-in-use.ts";
import type { KnownCredentials } from "../options/credentials.ts";
import { SharedGates, gateNames, staleMs } from "./shared-gates.ts";
import { Shutting } from "./shutting.ts";
import type { NeutralEndpoint } from "./blocking.ts";
import {
  blockedBy,
  bringsCode,
  isUnanswered,
  isUnconnected,
  stopProbing,
  noProbes,
  type Blocked,
  type Outcome,
  type Permit,
  type TroubleScope,
} from "./permit.ts";
import type { AccountParts } from "./account-parts.ts";
import { ExchangeOutage } from "./exchange-outage.ts";
import { ManagementOutage } from "./management-outage.ts";
import { Probing } from "./probing.ts";
import { ProcessGate } from "./process-gate.ts";
import { RetriesInTurn } from "./retries-in-turn.ts";
import { isThrottling, neutralFor, shutBy } from "./gate-rules.ts";

export type { Blocked, Outcome, Permit } from "./permit.ts";

/** Where purges get no answer: each attempt may need a look-up, which takes a slot. */
const turnsOfPurges = {
  by: "fhir",
  betweenMs: 5 * 60_000,
  longestBetweenMs: 5 * 60_000,
  longestMs: 5 * 60_000,
} as const;

/** A call waits for a fresh read of the gates once the last one is this old, ms. */
const tooStaleMs = 5_000;

export class Account {
  readonly #parts: AccountParts;
  readonly #sharedGates: SharedGates;
  readonly #credentials: CredentialsInUse;
  readonly #processGate: ProcessGate;
  readonly #shutting: Shutting;
  readonly #exchangeOutage: ExchangeOutage;
  readonly #managementOutage: ManagementOutage;
  readonly #probing: Probing;
  /** The calls with which users take turns while they get no answer. */
  readonly #turns: Partial<Record<GatedCall, RetriesInTurn>>;
  /** Permits are many, and their names must differ between processes: one random name and a number. */
  readonly #name: string;
  #permits = 0;

  constructor(parts: AccountParts) {
    this.#parts = parts;
    this.#name = randomName(parts.clock);
    this.#credentials = new CredentialsInUse(parts, () => this.#processGate.secretChanged());
    this.#sharedGates = new SharedGates({ ...parts, secretKey: () => this.#credentials.key });
    const [by, neutral] = [this.#name, (at: NeutralEndpoint) => this.#probing.askNeutral(at)];
    this.#processGate = new ProcessGate({ ...parts, sharedGates: this.#sharedGates, by, neutral });
    const ask = (at: NeutralEndpoint) => (): Promise<string> => this.#processGate.ask(at);
    const openedAt = (at: NeutralEndpoint) => (): number => this.#sharedGates.openedAt(at);
    this.#exchangeOutage = new ExchangeOutage(parts.clock, ask("token"), openedAt("token"));
    const [askList, listOpenedAt] = [ask("management"), openedAt("management")];
    const management = (): Gate => this.#sharedGates.gate("management");
    this.#managementOutage = new ManagementOutage(parts.clock, askList, listOpenedAt, management);
    const purges = new RetriesInTurn(parts.clock, () => this.#sharedGates.openedAt("fhir"), turnsOfPurges);
    const { refreshes } = this.#exchangeOutage;
    this.#turns = { ...this.#managementOutage.turns, refreshToken: refreshes, purge: purges };
    const [nameOf, secretKey] = [(one: Permit) => this.#nameOf(one), () => this.#credentials.key];
    this.#shutting = new Shutting({ ...parts, sharedGates: this.#sharedGates, nameOf, secretKey });
    this.#probing = new Probing({
      ...parts,
      sharedGates: this.#sharedGates,
      credentials: this.#credentials,
      processGate: this.#processGate,
      exchangeOutage: this.#exchangeOutage,
      managementOutage: this.#managementOutage,
      shutting: this.#shutting,
      nameOf,
      permitFor: () => this.permitFor(),
    });
  }

  /** Have the credentials been replaced since this permit was given? */
  isOutdated({ secret }: Permit): boolean {
    return secret !== this.#credentials.key;
  }

  #nameOf({ number }: Permit): string {
    return `${this.#name}/${number}`;
  }

  /** The credentials that calls use now. */
  get credentials(): KnownCredentials {
    return this.#credentials.current;
  }

  /** Whether no gate is shut, as far as this process has seen. */
  get isQuiet(): boolean {
    return this.#sharedGates.isQuiet;
  }

  /** {@link ProcessGate.individuallyBlocked} */
  get individuallyBlocked(): number {
    return this.#processGate.individuallyBlocked;
  }

  /** {@link ManagementOutage.servesOthers} */
  get servesOthers(): boolean {
    return this.#managementOutage.servesOthers;
  }

  /** Creates a permit for one run, which calls for one user, or for no particular user. */
  permitFor(about: string | null = null, enteredAt: number = this.#parts.clock.monotonic()): Permit {
    return {
      number: ++this.#permits,
      about,
      probing: noProbes,
      enteredAt,
      probeCodeAt: undefined,
      granted: null,
      exchangeSlot: null,
      purgeSlot: null,
      secret: this.#credentials.key,
      wasPostponed: false,
      isCleared: false,
      isRetry: false,
      hasTurn: false,
      hasFailed: false,
    };
  }

  /** All gates, as last seen. */
  gates(): Readonly<Record<GateName, Gate>> {
    return this.#sharedGates.all();
  }

  /** {@link SharedGates.otherSecrets} */
  otherSecrets(): readonly Gate[] {
    return this.#sharedGates.otherSecrets();
  }

  /** The gate that blocks `call`, as last seen; `null` = none, or the call may probe it. */
  blocked(call: GatedCall): Blocked | null {
    const now = this.#parts.clock.now();
    let highest: Blocked | null = null;
    for (const name of this.#sharedGates.isQuiet ? [] : this.#processGate.gatesBefore(call)) {
      const gate = this.#sharedGates.gate(name);
      const opensAt = this.#probing.opensAt(name, call);
      if (gate.state === "open" || now >= opensAt) continue;
      const until = name === "region" ? opensAt : gate.until;
      if (highest === null || until > highest.until) highest = { ...blockedBy(name, gate), until };
    }
    return highest;
  }

  /** The first gate that the call must pass and that is not open, even if it may be probed now; `null` = none. */
  shutBefore(call: GatedCall): GateName | null {
    const isShut = (name: GateName): boolean => {
      const { state, reason } = this.#sharedGates.gate(name);
      const isPassed = reason === "rateLimit" || this.#probing.passes(name, call); // by a slot, or without a probe
      return state !== "open" && !isPassed;
    };
    return this.#processGate.gatesBefore(call).find(isShut) ?? null;
  }

  /** Whether the last read of what other processes have written is no older than `ms`. */
  isFresh(ms: number): boolean {
    return this.#sharedGates.ageMs <= ms;
  }

  /** Reads what other processes have written, unless that {@link isFresh}. Never rejects. */
  refresh(ms: number = staleMs): Promise<void> {
    return this.#sharedGates.refresh(ms);
  }

  /** Whether `call` may be sent. `open`: all its gates are open; `probe`: one is due for a probe, by a single user; `shut`: not now. */
  admission(call: GatedCall): "open" | "probe" | "shut" {
    if (this.blocked(call) !== null) return "shut";
    const isShut = (name: GateName): boolean => this.#sharedGates.gate(name).state !== "open";
    return this.#processGate.gatesBefore(call).some(isShut) ? "probe" : "open";
  }

  /** When `call` may be sent, or may probe, as last seen, in ms; 0: now. */
  opensInMs(call: GatedCall): number {
    const names = this.#sharedGates.isQuiet ? [] : this.#processGate.gatesBefore(call);
    const shut = names.filter((name) => this.#sharedGates.gate(name).state !== "open");
    return Math.max(0, ...shut.map((name) => this.#probing.opensAt(name, call) - this.#parts.clock.now()));
  }

  /** {@link blocked}, after a read of the store, new credentials if they are refused, and a probe of `region` if due. */
  async recheck(call: GatedCall): Promise<Blocked | null> {
    await this.refresh();
    this.#parts.refuseLost();
    if (this.#processGate.gatesBefore(call).includes("region")) await this.#processGate.probeIfDue();
    if (this.#sharedGates.gate("secret").state !== "open") await this.#credentials.renew(false);
    return this.blocked(call);
  }

  /**
   * Asks whether `call` may be sent now. If a gate is shut and its time has come, this permit becomes its probe. `null`
   * = it may; the caller must then report the outcome with {@link recordOutcome}, or call {@link abandon}.
   * @throws {LifecycleError} `STORE_UNUSABLE` once the store is known to be emptied or replaced
   */
  async enter(call: GatedCall, permit: Permit): Promise<Blocked | null> {
    if (this.#sharedGates.ageMs > tooStaleMs) await this.refresh();
    for (const turns of this.#turnsOf(call, permit)) {
      const turn = turns.enter(permit);
      if (turn !== null) return turn;
    }
    if (this.enterAtOnce(null, permit)) return null;
    for (const name of this.#sharedGates.isQuiet ? [] : this.#processGate.gatesBefore(call)) {
      if (name === "region") await this.#processGate.probeIfDue();
      const gate = this.#sharedGates.gate(name);
      if (gate.state === "open" || (permit.probing.has(name) && gate.probe === this.#nameOf(permit)))
        continue;
      stopProbing(permit, name); // it took too long, and another permit probes
      if (gate.reason === "rateLimit" && permit.exchangeSlot !== null) continue; // it holds a reserved slot
      const blocked = await this.#probing.probe(name, call, permit);
      if (blocked === null) continue;
      await this.abandon(permit);
      return blocked;
    }
    this.#admit(permit);
    return null;
  }

  /**
   * Admits a call like {@link enter} if that needs no wait: no gate is shut, and the last read is fresh.
   * @throws {LifecycleError} `STORE_UNUSABLE`
   */
  enterAtOnce(call: GatedCall | null, permit: Permit, now: number = this.#parts.clock.monotonic()): boolean {
    if (permit.isRetry && call !== null && this.#turnsOf(call, permit).length > 0) return false; // it waits for its turn; `null`: a call that has it
    const ageMs = this.#sharedGates.ageAt(now);
    if (ageMs > tooStaleMs) return false;
    if (ageMs > staleMs) void this.refresh(); // in time for the next call
    this.#parts.refuseLost();
    if (!this.#sharedGates.isQuiet) return false;
    this.#admit(permit, now);
    return true;
  }

  /** The turns that the call waits for. A look-up before a purge waits for those of that purge as well. */
  #turnsOf(call: GatedCall, { hasTurn }: Permit): readonly RetriesInTurn[] {
    const own: readonly GatedCall[] = call === "purge" ? [] : [kindOf(call)];
    const isForPurge = !hasTurn && (call === "purge" || call === "findLeaver");
    const calls: readonly GatedCall[] = isForPurge ? [...own, "purge"] : own;
    return calls.flatMap((each) => this.#turns[each] ?? []);
  }

  #admit(permit: Permit, now: number = this.#parts.clock.monotonic()): void {
    permit.enteredAt = now;
    permit.secret = this.#credentials.key;
  }

  /** The secret was refused when this process last presented it: another process may have a valid one, and goes first. */
  isDoubted = false;

  /** Reports the outcome of a call that {@link enter} admitted; resolves with the scope of the failure. */
  async recordOutcome(call: GatedCall, outcome: Outcome, permit: Permit): Promise<TroubleScope> {
    if (this.recordAtOnce(call, outcome, permit)) return "shared";
    if (outcome.type !== "notSent") this.#shutting.sent();
    // The source may have another secret by now: asked before a user, or this process, is blamed.
    if (outcome.type === "credentialsRefused" && !this.isOutdated(permit))
      await this.#credentials.renew(false);
    if (await this.#isOwn(call, outcome, permit)) return "own";
    const isUsersOwn =
      call === "exchangeCode" && (await this.#exchangeOutage.concernsUserOnly(outcome, permit));
    const isDown =
      neutralFor(call) === "management" && (await this.#managementOutage.isDown(call, outcome, permit));
    const shut = isUsersOwn ? null : (shutBy(call, outcome.type) ?? (isDown ? "management" : null));
    const isSilent = neutralFor(call) === "management" && isUnanswered(outcome.type);
    const limited = isSilent
      ? { ...outcome, ...this.#managementOutage.limitsAfter(call) }
      : shut === "exchange"
        ? { ...outcome, mostMs: this.#exchangeOutage.mostMs(permit) }
        : outcome;
    if (shut !== null || permit.probing.size > 0) await this.#conclude(call, limited, permit, shut);
    return "shared";
  }

  /** Records an outcome like {@link recordOutcome} if that needs no wait: it changes no gate. */
  recordAtOnce(call: GatedCall, outcome: Outcome, permit: Permit): boolean {
    const { type } = outcome;
    const endpoint = neutralFor(call);
    this.#turns[kindOf(call)]?.record(outcome, permit);
    if (permit.probing.size > 0 || shutBy(call, type) !== null || isUnconnected(outcome)) return false;
    if (type === "blocked" && endpoint !== null) return false;
    if (endpoint === "management" && this.#managementOutage.record(call, outcome, permit)) return false;
    if (type !== "notSent") this.#shutting.sent();
    if (endpoint !== null) this.#processGate.recordOutcome(endpoint, permit.about ?? permit.number, type);
    if (call === "exchangeCode") this.#exchangeOutage.recordExchange(outcome);
    return true;
  }

  /**
   * A blocked or refused call first counts against its user only, until a call without a user's id fails the same way. A
   * first 429 holds back all users; one that is repeated after others succeeded counts against its user as well.
   */
  async #isOwn(call: GatedCall, outcome: Outcome, permit: Permit): Promise<boolean> {
    const endpoint = neutralFor(call);
    if (endpoint === null) return false;
    const about = permit.about ?? permit.number;
    const { type } = outcome;
    if (isUnconnected(outcome)) return this.#processGate.recordUnsent(endpoint, about);
    // Its 429 before this one may have come to another process.
    // seam: a-429-after-an-answered-neutral-call-is-one-users-own
    const isCleared = permit.wasPostponed && permit.isCleared;
    const isRepeated = permit.probing.size === 0 && (isCleared || this.#processGate.wasThrottled(about));
    if (type === "throttled" && isRepeated) return this.#processGate.concernsUserOnly(endpoint, about, type);
    const probesSecret = type === "credentialsRefused" && permit.probing.has("secret");
    if (probesSecret && (await this.#processGate.concernsUserOnly(endpoint, about, type))) {
      // A neutral call succeeded with this secret.
      if (permit.secret === this.#credentials.key) await this.#probing.opened("secret", permit);
      await this.abandon(permit);
      return permit.secret === this.#credentials.key;
    }
    // A secret that has been replaced since: its refusal shows nothing about a user or this process.
    if (type === "credentialsRefused" && this.isOutdated(permit)) return false;
    if (probesSecret || (type !== "blocked" && type !== "credentialsRefused")) {
      this.#processGate.recordOutcome(endpoint, about, type);
      return false;
    }
    const wasProbe = permit.probing.has("region");
    stopProbing(permit, "region"); // this method decides about it
    const isOwn = await this.#processGate.recordBlocked({
      endpoint,
      about,
      outcome: type,
      wasProbe,
      sentAt: permit.enteredAt,
    });
    if (type === "blocked" || isOwn) await this.abandon(permit); // it shows nothing about the gates that it probed
    return isOwn && !this.isOutdated(permit);
  }

  async #conclude(call: GatedCall, outcome: Outcome, permit: Permit, shut: GateName | null): Promise<void> {
    if (shut !== null) await this.#shutting.shut(shut, outcome, permit);
    const isUnsent = outcome.type === "notSent";
    const undecided = isUnsent || isUnanswered(outcome.type);
    if (isUnsent && [...permit.probing].some((name) => isForLaterExchange(name, call)))
      permit.probeCodeAt = undefined; // none spent
    for (const name of permit.probing) {
      if (isForLaterPurge(name, call)) continue; // the purge decides
      if (isForLaterExchange(name, call) && !isUnsent) {
        if (name === "exchange" && bringsCode.has(outcome.type))
          permit.probeCodeAt ??= this.#parts.clock.now();
        continue; // the exchange decides
      }
      stopProbing(permit, name);
      // What shuts one gate shows nothing about another, but any response other than 429 shows that no 429 is in force.
      // seam: any-answer-but-429-ends-a-throttling
      const isThrottled = isThrottling(name) && this.#sharedGates.gate(name).reason !== "unavailable";
      const isThrottledNoMore = outcome.type === "inDoubt" && isThrottled;
      if (isThrottledNoMore && name === "management") {
        await this.#shutting.keepShut(name, permit, outcome, "unavailable"); // it may be down, or only this call may fail
      } else if (isThrottledNoMore || (shut === null && !undecided)) {
        await this.#probing.answered(name, call, permit);
      } else if (undecided) await this.#shutting.keepShut(name, permit, outcome);
      else await this.#shutting.giveUp(name, permit);
    }
    if (permit.probing.size === 0) permit.probeCodeAt = undefined;
  }

  /** The configured limit of the token endpoint is reached: this process sends no call to it for `ms`. */
  async limitReached(ms: number): Promise<Blocked> {
    const at = this.#parts.clock.now();
    const held = { type: "HELD", at, reason: "rateLimit", until: at + ms } as const;
    return blockedBy("token", await this.#sharedGates.change("token", held, "own"));
  }

  /** The permit ends without a call: another one may probe. */
  abandon(permit: Permit): Promise<void> {
    return this.#shutting.abandon(permit);
  }

  /** {@link Probing.spendCode} */
  spendCode(permit: Permit): boolean {
    return this.#probing.spendCode(permit);
  }

  /** Other credentials, if the source has any, after a call with these was refused, which proves nothing about them. */
  async otherCredentials(refused: KnownCredentials): Promise<KnownCredentials | null> {
    const key = this.#credentials.keyOf(refused);
    if (key === this.#credentials.key) await this.#credentials.renew(false);
    return key === this.#credentials.key ? null : this.#credentials.current;
  }

  /**
   * Opens every gate and asks for credentials again: an operator states that the account is in order.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   */
  async reopen(): Promise<void> {
    await this.#parts.record.load(); // an operator should get an error if the store is unavailable
    await this.refresh(0);
    await this.#credentials.renew(true);
    this.#processGate.reopened();
    this.#managementOutage.reopened();
    const at = this.#parts.clock.now();
    for (const name of gateNames) await this.#sharedGates.change(name, { type: "REOPEN", at });
  }
}

/** The kind of call whose failures count together. */
function kindOf(call: GatedCall): GatedCall {
  return call === "findLeaver" ? "findUser" : call;
}
