/**
 * The account as this process sees it: its gates, which all processes share through the account's record, and the
 * credentials in use. Every call asks here before it leaves and says here what came back.
 *
 * @module
 */
import { randomName } from "../clock.ts";
import { comesLater, gatesBefore, maySpendCode, mayTry } from "../guard/gates.ts";
import type { GatedCall, GateName } from "../guard/gates.ts";
import type { Gate, GateReason } from "../../machines/index.ts";
import type { Slot } from "../store/contract.ts";
import { CredentialsInUse } from "./credentials-in-use.ts";
import type { CredentialsParts } from "./credentials-in-use.ts";
import type { KnownCredentials } from "./credentials.ts";
import { GateBoard, gateNames, staleMs } from "./gate-board.ts";
import type { BoardParts } from "./gate-board.ts";
import { afterTrouble, doubling, longestThrottlingMs } from "./pauses.ts";
import { growth, reasonOf, shutBy } from "./shutting.ts";

/** What stands before a call: why, and until when (ms since 1970) at least. */
export interface Barrier {
  readonly reason: GateReason;
  readonly until: number;
  readonly attempt: number;
}

/** The right of one driver to call: through gates that are open, and those it is the one to try. */
export interface Pass {
  /** Together with the process's name it is the pass's own. */
  readonly number: number;
  /** Gates that this pass tries. */
  tries: ReadonlySet<GateName>;
  /** When it last came through, on `clock.monotonic()`: news of calls before a gate was opened again is no news. */
  enteredAt: number;
  /** When it spent a further code on trying. */
  codeAt: number | undefined;
  /** A slot of the token endpoint's limit, taken before a code was asked for, so that the code can be exchanged. */
  reserved: Slot | null;
  /** The key of the secret it came through with: news of an old one says nothing about the new one. */
  secret: string;
}

/** What came of a call, as far as gates care. */
export interface Outcome {
  readonly type: string;
  readonly retryAfterMs?: number | undefined;
}

/** What an {@link Account} works with. */
export interface AccountParts extends CredentialsParts, Omit<BoardParts, "secretKey"> {
  /** Longest throttling without a time from 1upHealth: the window of the management limit, ms. */
  readonly windowMs: number;
  /** After so long a call under way counts as lost, ms. */
  readonly lostMs: number;
}

/** A call waits for a fresh look at the gates once the last one is this old, ms. */
const tooStaleMs = 5_000;

const noTries: ReadonlySet<GateName> = new Set();

/** What may have come of a call for a code if one was issued. */
const bringsCode: ReadonlySet<string> = new Set(["created", "code", "lost", "inDoubt"]);

function drop(pass: Pass, name: GateName): void {
  if (pass.tries.has(name)) pass.tries = new Set([...pass.tries].filter((other) => other !== name));
}

/** See the module. */
export class Account {
  readonly #parts: AccountParts;
  readonly #board: GateBoard;
  readonly #credentials: CredentialsInUse;
  /** Passes are many, and their names must differ between processes: one random name and a number. */
  readonly #name: string;
  #passes = 0;
  /** Times in a row that this process could send nothing and held itself back. */
  #unsent = 0;

  constructor(parts: AccountParts) {
    this.#parts = parts;
    this.#name = randomName(parts.clock);
    this.#credentials = new CredentialsInUse(parts);
    this.#board = new GateBoard({ ...parts, secretKey: () => this.#credentials.key });
  }

  #nameOf({ number }: Pass): string {
    return `${this.#name}/${number}`;
  }

  /** The credentials that calls carry now. */
  get credentials(): KnownCredentials {
    return this.#credentials.current;
  }

  /** No gate is shut, as far as this process has seen. */
  get isQuiet(): boolean {
    return this.#board.isQuiet;
  }

  /** A pass for one driver. */
  pass(): Pass {
    return {
      number: ++this.#passes,
      tries: noTries,
      enteredAt: this.#parts.clock.monotonic(),
      codeAt: undefined,
      reserved: null,
      secret: this.#credentials.key,
    };
  }

  /** All gates, as last seen. */
  gates(): Readonly<Record<GateName, Gate>> {
    return Object.fromEntries(gateNames.map((name) => [name, this.#board.gate(name)])) as Record<
      GateName,
      Gate
    >; // of all names
  }

  /** What stands before `call`, as last seen; `null` = nothing, or it may be the one that tries. */
  barrier(call: GatedCall): Barrier | null {
    const now = this.#parts.clock.now();
    let highest: Barrier | null = null;
    for (const name of this.#board.isQuiet ? [] : gatesBefore[call]) {
      const gate = this.#board.gate(name);
      if (gate.state === "open" || mayTry(name, gate, call, now)) continue;
      if (highest === null || gate.until > highest.until) highest = barrierOf(gate);
    }
    return highest;
  }

  /** Looks what other processes have written, if the last look is older than `ms`. Never rejects. */
  look(ms: number = staleMs): Promise<void> {
    return this.#board.look(ms);
  }

  /** How `call` stands: all gates are open; one must be tried, which is a job for a single user; or shut. */
  standing(call: GatedCall): "open" | "try" | "shut" {
    if (this.barrier(call) !== null) return "shut";
    return gatesBefore[call].every((name) => this.#board.gate(name).state === "open") ? "open" : "try";
  }

  /** {@link barrier} after a look at the store, and at the credentials if the ones in hand are refused. */
  async stands(call: GatedCall): Promise<Barrier | null> {
    await this.look();
    if (this.#board.gate("secret").state !== "open") await this.#credentials.renew(false);
    return this.barrier(call);
  }

  /**
   * May `call` leave now? Where a gate is shut and its time has come, this pass becomes the one that tries it.
   * `null` = it may; remember to say what came of it: {@link heard} or {@link leave}.
   */
  async enter(call: GatedCall, pass: Pass): Promise<Barrier | null> {
    const { clock } = this.#parts;
    if (this.#board.ageMs > tooStaleMs) await this.look();
    else if (this.#board.ageMs > staleMs) void this.look(); // in time for the next one
    for (const name of this.#board.isQuiet ? [] : gatesBefore[call]) {
      const gate = this.#board.gate(name);
      if (gate.state === "open" || (pass.tries.has(name) && gate.probe === this.#nameOf(pass))) continue;
      drop(pass, name); // it took too long, and somebody else tries
      if (gate.reason === "rateLimit" && pass.reserved !== null) continue; // its own place is taken
      const barrier = await this.#try(name, call, pass);
      if (barrier === null) continue;
      await this.leave(pass);
      return barrier;
    }
    pass.enteredAt = clock.monotonic();
    pass.secret = this.#credentials.key;
    return null;
  }

  /** The secret was refused when it was last presented here: another process may have a better one, and goes first. */
  isDoubted = false;

  /** Says what came of a call that {@link enter} let through. */
  async heard(call: GatedCall, outcome: Outcome, pass: Pass): Promise<void> {
    if (outcome.type !== "notSent") this.#unsent = 0;
    const shut = shutBy(call, outcome.type);
    if (shut === null && pass.tries.size === 0) return;
    if (shut !== null) await this.#shut(shut, outcome, pass);
    const isUnsent = outcome.type === "notSent";
    const undecided = isUnsent || outcome.type === "lost" || outcome.type === "inDoubt";
    const isForLater = [...pass.tries].some((name) => comesLater(name, call));
    if (isUnsent && isForLater) pass.codeAt = undefined; // no code was spent
    for (const name of pass.tries) {
      if (comesLater(name, call) && !isUnsent) {
        if (name === "exchange" && bringsCode.has(outcome.type)) pass.codeAt ??= this.#parts.clock.now();
        continue; // the exchange will tell
      }
      drop(pass, name);
      // An answer that shuts one gate says nothing about another, nor does none at all.
      if (shut === null && !undecided) {
        await this.#board.change(name, { type: "ANSWERED", at: this.#parts.clock.now() });
      } else if (undecided) await this.#again(name, pass, outcome);
      else await this.#giveUp(name, pass);
    }
    if (pass.tries.size === 0) pass.codeAt = undefined;
  }

  /** The limit set for the token endpoint is reached: in this process nobody asks before `ms` are over. */
  async full(ms: number): Promise<Barrier> {
    const at = this.#parts.clock.now();
    const held = { type: "HELD", at, reason: "rateLimit", until: at + ms } as const;
    return barrierOf(await this.#board.change("token", held, "own"));
  }

  /** The pass ends without a call: somebody else may try. */
  async leave(pass: Pass): Promise<void> {
    for (const name of pass.tries) await this.#giveUp(name, pass);
    pass.tries = noTries;
    pass.codeAt = undefined;
  }

  /**
   * The exchange of a code that this pass tries met no answer a second time. True: it may get one further code to find
   * out whether the code or the endpoint is at fault; at most one an hour and account.
   */
  spendCode(pass: Pass): boolean {
    const now = this.#parts.clock.now();
    if (!pass.tries.has("exchange") || pass.codeAt !== undefined) return false;
    if (!maySpendCode(this.#board.gate("exchange").codeAt, now)) return false;
    pass.codeAt = now;
    return true;
  }

  /** A call with these credentials was refused, and says nothing about them: others, if the source has some. */
  async other(refused: KnownCredentials): Promise<KnownCredentials | null> {
    const key = this.#credentials.keyOf(refused);
    if (key === this.#credentials.key) await this.#credentials.renew(false);
    return key === this.#credentials.key ? null : this.#credentials.current;
  }

  /**
   * Opens every gate and asks for credentials anew: a person says that it is in order again.
   * @throws {LifecycleError} `STORE_UNAVAILABLE`
   */
  async reopen(): Promise<void> {
    await this.#parts.record.load(); // a person should hear if the store is away
    await this.look(0);
    await this.#credentials.renew(true);
    for (const name of gateNames) {
      await this.#board.change(name, { type: "REOPEN", at: this.#parts.clock.now() });
    }
  }

  async #try(name: GateName, call: GatedCall, pass: Pass): Promise<Barrier | null> {
    const { clock, lostMs } = this.#parts;
    if (name === "secret") await this.#credentials.renew(false);
    const gate = this.#board.gate(name);
    const now = clock.now();
    if (gate.state === "open") return null;
    if (!mayTry(name, gate, call, now)) return barrierOf(gate);
    const probe = { type: "PROBE", at: now, by: this.#nameOf(pass), until: now + lostMs } as const;
    if ((await this.#board.change(name, probe)).probe !== this.#nameOf(pass)) {
      const found = this.#board.gate(name);
      return found.state === "open" ? null : barrierOf(found);
    }
    pass.tries = new Set([...pass.tries, name]);
    return null;
  }

  async #shut(name: GateName, outcome: Outcome, pass: Pass): Promise<void> {
    const tries = pass.tries.has(name);
    // What 1upHealth said is for all, though this process holds itself back.
    const gate = isSaid(outcome) && !tries ? this.#board.shared(name) : this.#board.gate(name);
    drop(pass, name);
    if (name === "secret" && pass.secret !== this.#credentials.key) return;
    if (!tries && gate.state === "open" && pass.enteredAt < this.#board.openedAt(name)) return;
    if (!tries && gate.state !== "open") return this.#told(name, outcome);
    await this.#hold(name, gate, pass, reasonOf(name), outcome);
  }

  /** Somebody else may try, but not at once if a further code was spent: that must be known to all. */
  async #giveUp(name: GateName, pass: Pass): Promise<void> {
    if (name === "exchange" && pass.codeAt !== undefined) return this.#again(name, pass);
    await this.#board.change(name, { type: "LEFT", at: this.#parts.clock.now(), by: this.#nameOf(pass) });
  }

  /** Whoever tried does not know more than before. */
  async #again(name: GateName, pass: Pass, outcome?: Outcome): Promise<void> {
    const gate = this.#board.gate(name);
    if (gate.probe !== this.#nameOf(pass)) return;
    await this.#hold(name, gate, pass, gate.reason ?? reasonOf(name), outcome);
  }

  async #hold(name: GateName, gate: Gate, pass: Pass, reason: GateReason, outcome?: Outcome): Promise<void> {
    const at = this.#parts.clock.now();
    const type = reason === "credentials" || reason === "forbidden" ? "REFUSED" : "HELD";
    // A further code that was spent must be known to all.
    if (outcome?.type === "notSent" && pass.codeAt === undefined) {
      const until = at + doubling(afterTrouble, ++this.#unsent);
      return this.#board.holdBack(name, { type, at, reason, until }, this.#nameOf(pass));
    }
    const until = at + this.#waitMs(name, gate.attempt + 1, outcome?.retryAfterMs);
    const held = { type, at, reason, until, codeAt: pass.codeAt } as const;
    await this.#board.change(name, held, outcome !== undefined && isSaid(outcome) ? "shared" : undefined);
    if (outcome !== undefined && this.#board.gate(name).until < until) await this.#told(name, outcome); // somebody was faster
  }

  /** 1upHealth named a time to a call that had left before the gate was shut: the later one counts. */
  async #told(name: GateName, { retryAfterMs }: Outcome): Promise<void> {
    if (retryAfterMs === undefined) return;
    const at = this.#parts.clock.now();
    const until = at + this.#waitMs(name, 1, retryAfterMs);
    await this.#board.change(name, { type: "TOLD", at, until }, "shared");
  }

  #waitMs(name: GateName, attempt: number, retryAfterMs?: number): number {
    if (retryAfterMs !== undefined) return Math.min(Math.max(retryAfterMs, 1), longestThrottlingMs);
    const wait = doubling(growth[name], attempt);
    return name === "management" || name === "token" || name === "fhir"
      ? Math.min(wait, this.#parts.windowMs)
      : wait;
  }
}

/** An answer about the whole account. */
function isSaid({ type }: Outcome): boolean {
  return type === "throttled" || type === "credentialsRefused";
}

function barrierOf(gate: Gate): Barrier {
  return { reason: gate.reason ?? "unavailable", until: gate.until, attempt: gate.attempt };
}
