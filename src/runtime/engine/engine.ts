/**
 * The context of every part of the runtime: the opened store, the sender, the guard, the clock.
 *
 * @module
 */
import { randomName } from "../../clock.ts";
import type { Guard } from "../../guard/guard.ts";
import type { Client } from "../../http/call.ts";
import type { Endpoints } from "../../http/endpoints.ts";
import type { Sender } from "../../http/send.ts";
import type { Lane, Lease, Slot } from "../../store/contract.ts";
import type { HiddenNames } from "../../store/sealing/hidden-names.ts";
import type { ListingStore } from "../../store/sealing/pseudonymised-store.ts";
import type { Sealer } from "../../store/sealing/sealer.ts";
import type { SteadyClock } from "../../store/steady-time.ts";
import type { Recorder } from "../../telemetry.ts";
import type { Account, Blocked } from "../gates/account.ts";
import type { CallOutcome } from "../user/call-outcome.ts";
import type { Changes } from "./changes.ts";
import type { CheckedStore } from "../account/checked-store.ts";
import type { LimitsInForce } from "../account/limits-in-force.ts";
import type { Outbox } from "../account/outbox.ts";
import type { Pauses } from "../account/pauses.ts";
import type { Settings } from "../options/lifecycle-options.ts";
import type { SearchForms } from "../user/search-forms.ts";
import type { StoreKeys } from "../account/store-keys.ts";
import type { TokenOwners } from "../user/token-owners.ts";
import type { User } from "../user/user.ts";

/** The signals that end calls on a lifecycle. */
export interface EndSignals {
  /** Aborts when the lifecycle closes: waits end, calls in flight finish, and running users become idle. */
  readonly closing: AbortSignal;
  /** Aborts when the time of a closing lifecycle for unfinished work is over: what is not saved by then stays unsaved. */
  readonly closeDeadline: AbortSignal;
}

/** How long to wait. */
export interface Deadline {
  /** On `clock.monotonic()`. */
  readonly until: number;
  readonly signal: AbortSignal;
  /** A user that waits in a lane behind this one moves to this one. */
  readonly lane?: Lane;
  /** The caller has already received its error because the store was too late: nothing more is started. @default never */
  readonly isOver?: (() => boolean) | undefined;
}

/** The internals of one opened lifecycle. */
export interface Engine extends CheckedStore, EndSignals {
  readonly settings: Settings;
  readonly store: ListingStore;
  readonly clock: SteadyClock;
  /** The store's keys and format. Other processes may change them. */
  readonly keys: StoreKeys;
  /** Seals secrets with these keys. */
  readonly sealer: Sealer;
  /** The pseudonymisation of ids; `null`: ids are not hidden. */
  readonly hidden: HiddenNames | null;
  /** The limits that the guard enforces. */
  readonly limits: LimitsInForce;
  readonly guard: Guard;
  readonly sender: Sender;
  /** Receives spans and metrics; `null`: there is no telemetry. */
  readonly recorder: Recorder | null;
  /** Whether 1upHealth's endpoints work, as this process has seen it. */
  readonly endpoints: Endpoints;
  /** For whom this process has received tokens. */
  readonly tokenOwners: TokenOwners;
  /** How users are looked up at 1upHealth. */
  readonly forms: SearchForms;
  /** What an operator has paused. */
  readonly pauses: Pauses;
  /** The events of all users. */
  readonly outbox: Outbox;
  /** The account's gates and credentials. */
  readonly account: Account;
  /** The name of this process in leases. */
  readonly owner: string;
  readonly changes: Changes;
  /** Users that this process is running. */
  readonly running: Map<string, Promise<RunResult>>;
  /**
   * Calls under way that neither a user nor the sender alone accounts for: those that wait for a slot, a gate or a stream.
   * Closing waits for them.
   */
  readonly calls: Set<Promise<unknown>>;
  /** Serves the lanes while a caller in this process waits in one. */
  readonly lanes: LaneService;
  /** Resolves at the end of this turn of the event loop, once for all waiters. */
  readonly gather: () => Promise<void>;
  /** Default for the longest interval between two polls of a watched user, ms. */
  readonly pollMs: number;
}

/** Serves the lanes of the store while a caller in this process waits in one. */
export interface LaneService {
  /** Registers a waiter; the returned function unregisters it. */
  join(): () => void;
  /** Serves for half a minute, for a caller that has no time to wait. */
  serveAWhile(): void;
  /** Resolves when serving has stopped, soon after the lifecycle closes. */
  settled(): Promise<void>;
}

/** The endpoints and current credentials for a call. */
export function clientOf({ settings, account }: Engine): Client {
  return { api: settings.api, auth: settings.auth, ...account.credentials };
}

/**
 * The lane in which a call queues whose user is in no lane: interactive, or `lane`. `null` while a gate is shut: the
 * users in the lanes then wait for the gate, not for a slot, so queueing behind them would be pointless.
 */
export function laneOfCalls({ account }: Engine, lane: Lane = "interactive"): Lane | null {
  return account.admission("createUser") === "open" ? lane : null;
}

/** Creates a lease of this process. */
export function newLease(engine: Engine): Lease {
  return { id: randomName(engine.clock), owner: engine.owner, ms: engine.settings.leaseMs };
}

/** Runs work that belongs to no caller: its spans would otherwise be parts of the one that happened to start it. */
export function runDetached<T>({ recorder }: Engine, task: () => Promise<T>): Promise<T> {
  return recorder === null ? task() : recorder.detached(task);
}

/**
 * Responses that arrive in one turn of the event loop are handled together, and their writes share one commit. This
 * saves a quarter of the CPU under load and costs a fraction of a millisecond.
 */
export function gathering(nextTurn: (task: () => void) => void): () => Promise<void> {
  let turn: Promise<void> | null = null;
  return () =>
    (turn ??= new Promise((resolve) => {
      nextTurn(() => {
        turn = null;
        resolve();
      });
    }));
}

/** How a run ended. */
export type RunResult =
  /** The user is stored and idle; its lease is released. */
  | { readonly type: "rested"; readonly user: User }
  /** Another process runs the user; our last write was not applied. */
  | { readonly type: "overtaken" }
  /** A rename could not begin now, and nothing was stored. `retryInMs`: when a slot may be free. */
  | { readonly type: "notBegun"; readonly blocked: Blocked | null; readonly retryInMs: number };

/** How to run a user. */
export interface RunOptions {
  /** `claimed`: the lease is held already. `free`: the first commit takes it. */
  readonly by: "claimed" | "free";
  readonly lease: Lease;
  /** A slot granted with the lease. */
  readonly slot?: Slot | null;
  /** Whether it is too late for a call on that slot to be sent. */
  readonly isOver?: () => boolean;
  /**
   * Once it aborts, no further management call starts; the call in flight, and the exchange of its code, still
   * complete.
   */
  readonly stopSignal?: AbortSignal;
  /** Called before each call, once its intent is durable. */
  readonly onIntent?: () => void;
  /** Called with the outcome of each call. */
  readonly onOutcome?: (outcome: CallOutcome) => void;
}
