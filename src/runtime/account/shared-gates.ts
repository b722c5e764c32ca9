/**
 * The gates of the account as this process last saw them, and how one is changed for all processes: compare-and-set of
 * the account's record, where they stand beside the store key.
 *
 * @module
 */
import { randomName } from "../clock.ts";
import { inWords } from "../errors.ts";
import type { Clock } from "../clock.ts";
import type { GateName } from "../guard/gates.ts";
import { openGate, stepGate } from "../../machines/index.ts";
import type { Gate, GateEvent } from "../../machines/index.ts";
import type { AccountRecord, Store } from "../store/contract.ts";
import { readGates, withGate } from "./account-record.ts";
import type { Logger } from "./options.ts";

/** What a {@link GateBoard} works with. */
export interface BoardParts {
  readonly record: Store["account"];
  readonly clock: Clock;
  /** The name under which the gate of the secret in use is kept. */
  readonly secretKey: () => string;
  readonly logger: Logger;
  /** Called when a gate changed. */
  readonly changed: () => void;
  /** Called with the account's record of each look, and when that look began, on `clock.monotonic()`. */
  readonly seen: (record: AccountRecord, at: number) => void;
}

/** The names of all gates. */
export const gateNames: readonly GateName[] = ["management", "token", "fhir", "exchange", "secret", "region"];

/** The view is looked after once it is this old, ms. */
export const staleMs = 1_000;

/** See the module. */
export class GateBoard {
  readonly #parts: BoardParts;
  #shared: Readonly<Record<string, Gate>> = {};
  #sharedIsQuiet = true;
  /** Gates of this process alone: the region's, and those that could not be written down. Better than forgetting. */
  readonly #own = new Map<string, Gate>();
  readonly #openedAt = new Map<GateName, number>();
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | null = null;

  constructor(parts: BoardParts) {
    this.#parts = parts;
  }

  /** Nothing is shut, as far as this process has seen: the usual case, and every call asks. */
  get isQuiet(): boolean {
    return this.#own.size === 0 && this.#sharedIsQuiet;
  }

  /** How old the view is, ms. */
  get ageMs(): number {
    return this.#parts.clock.monotonic() - this.#readAt;
  }

  gate(name: GateName): Gate {
    const shared = this.shared(name);
    const own = this.#own.get(this.#key(name)) ?? openGate;
    if (shared.state === "open") return own;
    // 1upHealth told this process, and no other. The limit that was set says nothing about 1upHealth.
    return own.state !== "open" && own.reason !== "rateLimit" && own.until > shared.until ? own : shared;
  }

  /** The same without what this process holds back for itself alone. */
  shared(name: GateName): Gate {
    return this.#shared[this.#key(name)] ?? openGate;
  }

  /** When this process saw the gate open again, on `clock.monotonic()`; `-Infinity` = it was never shut. */
  openedAt(name: GateName): number {
    return this.#openedAt.get(name) ?? Number.NEGATIVE_INFINITY;
  }

  /** Looks what other processes have written, if the last look is older than `ms`. Never rejects. */
  async look(ms: number = staleMs): Promise<void> {
    if (this.ageMs <= ms) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = null));
    await this.#reading;
  }

  /** The gate after `event`, whosever it is, unless that is said. Never rejects. */
  async change(name: GateName, event: GateEvent, whose?: "own" | "shared"): Promise<Gate> {
    const own = this.#own.get(this.#key(name));
    const isHeld = own !== undefined && this.shared(name).state === "open";
    if (name === "region" || (whose ?? (isHeld ? "own" : "shared")) === "own") {
      return this.#keep(name, stepGate(own ?? openGate, event));
    }
    try {
      return await this.#write(name, event);
    } catch (error) {
      this.#parts.logger.warn(`Cannot tell other processes of the account's ${name} gate: ${inWords(error)}`);
      const before = own?.reason === "rateLimit" ? this.shared(name) : this.gate(name);
      return this.#keep(name, stepGate(before, event));
    }
  }

  /**
   * Shuts the gate for this process alone, which could send nothing: perhaps nobody hears it. A try of all processes' gate
   * that it holds as `by` is left to others. Never rejects.
   */
  async holdBack(name: GateName, held: GateEvent, by: string): Promise<void> {
    const isTheirs = this.shared(name).probe === by;
    if (isTheirs) await this.change(name, { type: "LEFT", at: held.at, by });
    const own = this.#own.get(this.#key(name));
    this.#keep(name, stepGate(own?.state === "probing" ? own : openGate, held));
  }

  /** A gate is kept by its name; that of a secret by the secret's fingerprint. */
  #key(name: GateName): string {
    return name === "secret" ? this.#parts.secretKey() : name;
  }

  #keep(name: GateName, next: Gate): Gate {
    const before = this.gate(name);
    if (next.state === "open") this.#own.delete(this.#key(name));
    else this.#own.set(this.#key(name), next);
    if (next !== before) this.#tell(name, next);
    return next;
  }

  async #write(name: GateName, event: GateEvent): Promise<Gate> {
    const { record, clock } = this.#parts;
    const key = this.#key(name);
    for (;;) {
      const found = await record.load();
      if (found === null) return openGate; // the store key makes the record, before there is any gate
      const gates = readGates(found.value);
      const before = gates[key] ?? openGate;
      const next = stepGate(before, event);
      if (next !== before) {
        const value = withGate(found.value, key, next);
        const write = { value, expectedRevision: found.revision, writeId: randomName(clock) };
        if (!(await record.commit(write))) continue;
        // What is written stands for what this process knew alone, or tried, unless that says a later time: a call that
        // left before may be answered after 1upHealth named one.
        const { state = "open", until = 0 } = this.#own.get(key) ?? {};
        const isPast = until <= Math.max(next.until, clock.now());
        if (event.type === "REOPEN" || state === "probing" || isPast) this.#own.delete(key);
      }
      this.#see({ ...gates, [key]: next });
      if (next !== before) this.#tell(name, next);
      return next;
    }
  }

  async #read(): Promise<void> {
    const at = this.#parts.clock.monotonic();
    try {
      const found = await this.#parts.record.load();
      if (found !== null) this.#parts.seen(found, at);
      this.#see(found === null ? {} : readGates(found.value));
    } catch (error) {
      this.#parts.logger.warn(`Cannot look at the account: ${inWords(error)}`);
      this.#readAt = this.#parts.clock.monotonic(); // what was seen last has to do, for a while
    }
  }

  #see(gates: Readonly<Record<string, Gate>>): void {
    const now = this.#parts.clock.monotonic();
    let news = false;
    for (const name of gateNames) {
      const before = (this.#shared[this.#key(name)] ?? openGate).state;
      const after = (gates[this.#key(name)] ?? openGate).state;
      if (before !== "open" && after === "open") this.#openedAt.set(name, now);
      news ||= before !== after;
    }
    this.#shared = gates;
    this.#sharedIsQuiet = Object.values(gates).every(({ state }) => state === "open");
    this.#readAt = now;
    if (news) this.#parts.changed();
  }

  #tell(name: GateName, gate: Gate): void {
    const { clock, logger, changed } = this.#parts;
    if (gate.state === "open") {
      this.#openedAt.set(name, clock.monotonic());
      logger.info(`The account's ${name} gate is open again`);
    } else if (gate.state !== "probing") {
      const seconds = Math.max(0, Math.ceil((gate.until - clock.now()) / 1_000));
      logger.warn(`The account's ${name} gate is ${gate.state} (${gate.reason}); next try in ${seconds} s`);
    }
    changed();
  }
}
