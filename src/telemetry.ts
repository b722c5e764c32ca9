/**
 * What a lifecycle reports about its work, for a system of traces and metrics. The runtime knows only these interfaces:
 * `openTelemetry()` of `oneup-lifecycle/opentelemetry` implements them, and without the option `telemetry` nothing is
 * reported.
 *
 * Reports hold no secret, no `app_user_id`, no query and no text of a response: a user is its alias.
 *
 * @module
 */

/** A system of traces and metrics: `openTelemetry()` returns one. */
export interface Telemetry {
  /**
   * Called once by each lifecycle, before it opens its store.
   *
   * @example
   * ```ts
   * import { openTelemetry, type Telemetry } from "oneup-lifecycle/opentelemetry";
   *
   * const inner = openTelemetry();
   * export const telemetry: Telemetry = {
   *   attach: (about) => ({ ...inner.attach(about), takenOver: (call) => console.log("taken over during", call) }),
   * };
   * ```
   */
  attach(about: Attached): Recorder;
}

/** The lifecycle that reports. */
export interface Attached {
  /** The name of its store. */
  readonly store: string;
  /** The calls of which `takenOver` may tell. */
  readonly calls: readonly string[];
}

/**
 * Receives what one lifecycle reports. Its methods do not throw, and start their task at once: `during` and `detached`
 * are not waited for, and a task that `unseen` does not start fails.
 */
export interface Recorder {
  /** Runs a piece of work. `end` reads from the result how it ended; what starts meanwhile is a part of it. */
  during<T>(work: Work, task: () => Promise<T>, end: (result: T) => Ended): Promise<T>;
  /** Runs a request to 1upHealth or to the store, which other instrumentations must not report: it holds secrets. */
  unseen<T>(task: () => Promise<T>): Promise<T>;
  /** Runs work that belongs to no caller, such as a worker. */
  detached<T>(task: () => Promise<T>): Promise<T>;
  /** A user was taken over whose process ended, or lost it, during this call. */
  takenOver(call: string): void;
  /** A user has a token, so long after it first needed one. */
  granted(kind: GrantKind, ms: number): void;
  /** From now on the state of the account can be read. */
  observe(read: () => Promise<Observation>): void;
  /** The lifecycle is closed: nothing is read or received any more. */
  detach(): void;
}

/** `first`: of a new user; `again`: after its grant was lost or given up; `refresh`: with its refresh token. */
export type GrantKind = "first" | "again" | "refresh";

/** The user that a piece of work is about. */
export interface AboutUser {
  readonly alias: string;
  /** Its state before; `undefined`: it was not read. */
  readonly state?: string | undefined;
}

/** A request, as far as it may be shown. */
export interface AboutRequest {
  readonly method: string;
  /** The path without ids and query. */
  readonly template: string;
  readonly address: string;
  readonly port: number;
}

/** A call to 1upHealth. */
export interface CallWork {
  /** `call`: one call for the lifecycle itself. `fhir`: an operation of an application, which may repeat its call. */
  readonly type: "call" | "fhir";
  readonly call: string;
  readonly endpoint: "management" | "token" | "fhir";
  readonly request: AboutRequest;
  readonly user: AboutUser | null;
}

/** A piece of work that is reported. */
export type Work =
  | { readonly type: "onboard"; readonly user: AboutUser }
  | CallWork
  | { readonly type: "commit"; readonly verb: "commit" | "move"; readonly user: AboutUser };

/** How a piece of work ended. Every word is one of a fixed list. */
export interface Ended {
  readonly outcome: string;
  /** The HTTP status of the response, if it is known. */
  readonly status?: number | null | undefined;
  /** Why it brought nothing: the code of a `Cause` or of a `LifecycleError`. */
  readonly error?: string | undefined;
  /** The user's state afterwards. */
  readonly state?: string | undefined;
}

/** A number for each lane. */
type ByLane = Readonly<Record<string, number>>;

/** The state of the account and of this process, for gauges. */
export interface Observation {
  /** Why this process is not ready; `null`: it is. */
  readonly problem: string | null;
  /** Users that this process is working on. */
  readonly running: number;
  /** `works`: as far as this process has seen; `null`: its last call of the endpoint is too long ago to tell. */
  readonly endpoints: readonly { readonly endpoint: string; readonly works: boolean | null }[];
  /** What all processes share; `null`: the store did not return it. */
  readonly account: {
    /** Slots of the management limit in use, by lane, and the limit. */
    readonly used: ByLane;
    readonly limit: number;
    /** Users that wait for a slot, by lane. */
    readonly waiting: ByLane;
    /** How long the first of them has been waiting, ms, by lane. */
    readonly oldestMs: ByLane;
    /** Users by state, of all states. */
    readonly users: Readonly<Record<string, number>>;
    /** All gates; `reason`: why it is shut, `null` if it is open. */
    readonly gates: readonly { readonly gate: string; readonly reason: string | null }[];
    /** Lanes that an operator has paused. */
    readonly paused: readonly string[];
    /** Users that are left of each import. */
    readonly imports: Readonly<Record<string, number>>;
  } | null;
}
