/**
 * The gates of the account as this process last saw them. A gate is changed for all processes by compare-and-set of the
 * account's record, which also holds the store key.
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import { causeInWords, inWords, type Cause } from "../../errors.ts";
import { nextStepAfter, nextSteps, todoAbout } from "../../next-step.ts";
import type { GateName } from "../../guard/gates.ts";
import { openGate, stepGate, type Gate, type GateEvent } from "../../../machines/index.ts";
import type { AccountRecord, Json } from "../../store/contract.ts";
import { momentOn, type Moment } from "../../store/steady-time.ts";
import { readGates, withGate } from "./gate-record.ts";
import { GateTimes, shutByNow } from "./gate-times.ts";
import { errorOf } from "./gate-rules.ts";
import type { RecordParts } from "../account/change-account.ts";
import { isOfSecret } from "../account/credentials-in-use.ts";
import { errorField, retryField } from "../options/logger.ts";

/** The dependencies of {@link SharedGates}. */
export interface SharedGatesParts extends RecordParts {
  /** The name under which the gate of the secret in use is kept. */
  readonly secretKey: () => string;
  /** The latest failed call because of which the gate may be shut. */
  readonly trouble: (name: GateName, gate: Gate) => Cause | null;
  /** Called when a gate changed. */
  readonly changed: () => void;
  /** Called with the account's record on each read, and when the read started, on `clock.monotonic()`. */
  readonly seen: (record: AccountRecord, began: Moment) => void;
}

/** The names of all gates. */
export const gateNames: readonly GateName[] = ["management", "token", "fhir", "exchange", "secret", "region"];

/** The view is refreshed once it is this old, ms. */
export const staleMs = 1_000;

export class SharedGates {
  readonly #parts: SharedGatesParts;
  #shared: Readonly<Record<string, Gate>> = {};
  /** The gates last read, and the value they were read from: a store may return the same object again. */
  #known: { readonly value: Json; readonly gates: Readonly<Record<string, Gate>> } = {
    value: null,
    gates: {},
  };
  #sharedIsQuiet = true;
  /** Gates of this process alone: `region`, and those that could not be written to the store. */
  readonly #own = new Map<string, Gate>();
  readonly #times = new GateTimes();
  readonly #openedAt = new Map<GateName, number>();
  /** Why each gate is shut and for how long at a time, as it was logged last. */
  readonly #logged = new Map<GateName, string>();
  /** Why the account could not be read, as it was logged last; `null`: it could. */
  #unread: string | null = null;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(parts: SharedGatesParts) {
    this.#parts = parts;
  }

  /** Whether no gate is shut, as far as this process has seen: the usual case, checked on every call. */
  get isQuiet(): boolean {
    return this.#own.size === 0 && this.#sharedIsQuiet;
  }

  /** How old the view is, ms. */
  get ageMs(): number {
    return this.ageAt(this.#parts.clock.monotonic());
  }

  /** The same at this time on `clock.monotonic()`. */
  ageAt(now: number): number {
    return now - this.#readAt;
  }

  gate(name: GateName): Gate {
    const shared = this.shared(name);
    const own = this.#ownGate(this.#key(name)) ?? openGate;
    if (shared.state === "open") return own;
    // Only this process knows this answer of 1upHealth. A reached configured limit is not such an answer.
    return own.state !== "open" && own.reason !== "rateLimit" && own.until > shared.until ? own : shared;
  }

  /** The shared gate, without what this process holds back for itself. */
  shared(name: GateName): Gate {
    return this.#shared[this.#key(name)] ?? openGate;
  }

  /** All gates, by their names. */
  all(): Readonly<Record<GateName, Gate>> {
    const all = gateNames.map((name) => [name, this.gate(name)]);
    return Object.fromEntries(all) as Record<GateName, Gate>; // it has all names
  }

  /** The gates of other secrets than the one in use that are not open. */
  otherSecrets(): readonly Gate[] {
    const own = this.#key("secret");
    return Object.entries(this.#shared)
      .filter(([key, { state }]) => isOfSecret(key) && key !== own && state !== "open")
      .map(([, gate]) => gate);
  }

  /** When this process saw the gate open again, on `clock.monotonic()`; `-Infinity` = it was never shut. */
  openedAt(name: GateName): number {
    return this.#openedAt.get(name) ?? Number.NEGATIVE_INFINITY;
  }

  /** Reads what other processes have written, if the last read is older than `ms`. Never rejects. */
  async refresh(ms: number = staleMs): Promise<void> {
    if (this.ageMs <= ms) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    await this.#reading;
  }

  /**
   * Applies `event` to this process's own gate or the shared one, whichever is in force, unless `whose` selects one.
   * Never rejects.
   */
  async change(name: GateName, event: GateEvent, whose?: "own" | "shared"): Promise<Gate> {
    const own = this.#ownGate(this.#key(name));
    const isHeld = own !== undefined && this.shared(name).state === "open";
    // seam: the-region-gate-is-of-one-process
    const isOwn = name === "region";
    if (isOwn || (whose ?? (isHeld ? "own" : "shared")) === "own") {
      return this.#keep(name, stepGate(own ?? openGate, event));
    }
    try {
      return await this.#write(name, event);
    } catch (error) {
      this.#parts.logger.warn(
        { gate: name, error: errorField(error) },
        `Cannot share the account's ${name} gate with other processes: ${inWords(error)}`,
      );
      const before = own?.reason === "rateLimit" ? this.shared(name) : this.gate(name);
      return this.#keep(name, stepGate(before, event));
    }
  }

  /**
   * Shuts the gate for this process alone, which could send nothing: other processes may be unaffected. If it probes
   * the shared gate as `by`, it releases that probe to others. Never rejects.
   */
  async holdBack(name: GateName, held: GateEvent, by: string): Promise<void> {
    const isTheirs = this.shared(name).probe === by;
    if (isTheirs) await this.change(name, { type: "LEFT", at: held.at, by });
    const own = this.#ownGate(this.#key(name));
    this.#keep(name, stepGate(own?.state === "probing" ? own : openGate, held));
  }

  /** A gate is kept by its name; that of a secret by the secret's fingerprint. */
  #key(name: GateName): string {
    return name === "secret" ? this.#parts.secretKey() : name;
  }

  /** This process's own gate. A clock that is put back does not hold the process back for as long. */
  #ownGate(key: string): Gate | undefined {
    const gate = this.#own.get(key);
    const corrected = gate && shutByNow(gate, this.#parts.clock.now());
    if (corrected !== undefined && corrected !== gate) this.#own.set(key, corrected);
    return corrected;
  }

  #keep(name: GateName, next: Gate): Gate {
    const before = this.gate(name);
    if (next.state === "open") this.#own.delete(this.#key(name));
    else this.#own.set(this.#key(name), next);
    if (next !== before) this.#log(name, next, "This process's");
    return next;
  }

  async #write(name: GateName, event: GateEvent): Promise<Gate> {
    const { record, clock } = this.#parts;
    const key = this.#key(name);
    for (;;) {
      const found = await record.load();
      if (found === null) return openGate; // the record is created together with the store key, before any gate
      const gates = this.#gatesIn(found);
      const before = gates[key] ?? openGate;
      const next = stepGate(before, event);
      if (next !== before) {
        const value = withGate(found.value, key, next);
        const write = { value, expectedRevision: found.revision, writeId: randomName(clock) };
        if (!(await record.commit(write))) continue;
        // The written gate replaces this process's own gate or probe, unless the own one ends later: a call sent
        // earlier may be answered after 1upHealth sent a `Retry-After`.
        const { state = "open", until = 0 } = this.#ownGate(key) ?? {};
        const isPast = until <= Math.max(next.until, clock.now());
        if (event.type === "REOPEN" || state === "probing" || isPast) this.#own.delete(key);
      }
      this.#see({ ...gates, [key]: next });
      if (next !== before) this.#log(name, next);
      return next;
    }
  }

  async #read(): Promise<void> {
    const began = momentOn(this.#parts.clock);
    try {
      const found = await this.#parts.record.load();
      if (this.#unread !== null) this.#parts.logger.info({}, "The account can be read again");
      this.#unread = null;
      if (found !== null) this.#parts.seen(found, began);
      this.#see(found === null ? {} : this.#gatesIn(found));
    } catch (error) {
      const why = inWords(error);
      const isKnown = why === this.#unread;
      this.#unread = why;
      this.#parts.logger[isKnown ? "debug" : "warn"](
        { error: errorField(error) },
        `Cannot read the account: ${why}${todoAbout(error)}`,
      );
      this.#readAt = this.#parts.clock.monotonic(); // the last known gates are used for a while
    }
  }

  #gatesIn({ value }: AccountRecord): Readonly<Record<string, Gate>> {
    if (value !== this.#known.value) this.#known = { value, gates: readGates(value) };
    return this.#times.corrected(this.#known.gates, this.#parts.clock.now());
  }

  #see(gates: Readonly<Record<string, Gate>>): void {
    const now = this.#parts.clock.monotonic();
    if (gates === this.#shared) {
      this.#readAt = now;
      return;
    }
    let news = false;
    for (const name of gateNames) {
      const key = this.#key(name);
      const before = (this.#shared[key] ?? openGate).state;
      const { state: after, until } = gates[key] ?? openGate;
      if (before !== "open" && after === "open") this.#openedAt.set(name, now);
      // Another process was told to wait while this one probes a gate of its own.
      const isDue = after === "open" || until <= this.#parts.clock.now();
      if (!isDue && this.#own.get(key)?.state === "probing") this.#own.delete(key);
      news ||= before !== after;
    }
    this.#shared = gates;
    this.#sharedIsQuiet = Object.values(gates).every(({ state }) => state === "open");
    this.#readAt = now;
    if (news) this.#parts.changed();
  }

  #log(name: GateName, gate: Gate, whose = "The account's"): void {
    const { clock, logger, changed } = this.#parts;
    if (gate.state === "open") {
      this.#openedAt.set(name, clock.monotonic());
      this.#logged.delete(name);
      logger.info({ gate: name }, `${whose} ${name} gate is open again`);
    } else if (gate.state !== "probing") {
      const { state, reason } = gate;
      const now = clock.now();
      const ms = Math.max(0, gate.until - now);
      const error = reason && errorOf[reason];
      const trouble = error && this.#parts.trouble(name, gate);
      const because = trouble ? `: ${causeInWords(trouble)}` : "";
      const todo = trouble ? nextStepAfter(trouble) : error && nextSteps[error];
      // Once its waits no longer grow, a gate that stays shut is no news.
      const news = `${state} ${reason} ${Math.ceil(ms / 1_000)}`;
      const isKnown = this.#logged.get(name) === news;
      this.#logged.set(name, news);
      logger[isKnown ? "debug" : "warn"](
        {
          gate: name,
          ...(reason !== null && { reason }),
          ...(trouble && { call: trouble.call, host: trouble.host, code: trouble.code }),
          retryAt: retryField(now, ms),
        },
        `${whose} ${name} gate is shut (${reason})${because}; next try in ${Math.ceil(ms / 1_000)} s${todo ? `; what to do: ${todo}` : ""}`,
      );
    }
    changed();
  }
}
