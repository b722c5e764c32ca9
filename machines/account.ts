/**
 * The gates of an account, which all processes share, as a state machine: whether calls of one kind may be sent. There
 * is one gate per endpoint, one for the exchange of codes, one per client secret (identified by its fingerprint) and,
 * within a process, one for calls that are forbidden from its region.
 *
 * Like the user's machine it makes no calls and sets no timers. The caller stores its state.
 *
 * @module
 */
import { assign, setup, transition } from "xstate";
import type { Machine } from "./machine.ts";

/** The states of a gate. */
export type GateState = "open" | "throttled" | "probing" | "suspended";

/** Why a gate is not open. */
export type GateReason =
  /** 1upHealth answered 429 although a slot was free: another client uses the same account. */
  | "throttled"
  /** The configured limit of the endpoint is reached. */
  | "rateLimit"
  /** The token endpoint, or user management, does not answer, or answers with server errors; or this process does not reach them. */
  | "unavailable"
  /** 1upHealth refuses the client id and secret. */
  | "credentials"
  /** 1upHealth answered 403. */
  | "forbidden";

/** The data of a gate that is not open. Times are ms since 1970. */
export interface GateContext {
  readonly reason: GateReason | null;
  /** `throttled`, `suspended`: when a call may probe. `probing`: when the probe counts as lost. */
  readonly until: number;
  /** How many times in a row the gate was shut for this reason. */
  readonly attempt: number;
  /** When it entered this state: answers to calls sent earlier are not evidence about it. */
  readonly since: number;
  /** The call that is probing. */
  readonly probe: string | null;
  /** When another code was last spent to find out whether the token endpoint is back. */
  readonly probeCodeAt: number | null;
  /** Calls for users shut it although lists of users are answered: such a list does not show that it may open. */
  readonly answersLists: boolean;
}

/** The events of a gate. `at` is the time of the event, in ms since 1970. */
export type GateEvent = { readonly at: number } &
  /** A call was throttled; no call may be sent until `until`. `probeCodeAt`: it used a code that was issued for probing;
   * `answersLists`: as in {@link GateContext}. */
  (
    | {
        readonly type: "HELD";
        readonly reason: GateReason;
        readonly until: number;
        readonly probeCodeAt?: number | undefined;
        readonly answersLists?: boolean | undefined;
      }
    /** The client's credentials or the region were refused. */
    | { readonly type: "REFUSED"; readonly reason: GateReason; readonly until: number }
    /** A call that was sent earlier was told to wait until `until`. */
    | { readonly type: "TOLD"; readonly until: number }
    /** `by` wants to probe, and expects an answer by `until`. */
    | { readonly type: "PROBE"; readonly by: string; readonly until: number }
    /** The probe ended without making a call. */
    | { readonly type: "LEFT"; readonly by: string }
    /** The probe succeeded. */
    | { readonly type: "ANSWERED" }
    /** A person reports that the problem is fixed. */
    | { readonly type: "REOPEN" }
  );

/** A gate: the plain data of a snapshot of the machine. */
export interface Gate extends GateContext {
  readonly state: GateState;
}

/** The machine's public type, written out so that documentation tools need not infer it. */
export type AccountGate = Machine<GateContext, GateEvent, GateState, { readonly description: string }>;

const nothingInTheWay: GateContext = {
  reason: null,
  until: 0,
  attempt: 0,
  since: 0,
  probe: null,
  probeCodeAt: null,
  answersLists: false,
};

/**
 * A gate that was never shut.
 *
 * @example
 * ```ts
 * import { openGate } from "oneup-lifecycle/machines";
 *
 * console.log(openGate.state); // open
 * ```
 */
export const openGate: Gate = { state: "open", ...nothingInTheWay };

const gate = setup({
  types: {
    context: {} as GateContext, // type only: XState does not use the value
    events: {} as GateEvent, // type only
    meta: {} as { readonly description: string }, // type only
  },
  actions: {
    shut: assign(({ context, event }) =>
      event.type === "HELD" || event.type === "REFUSED"
        ? {
            reason: event.reason,
            until: event.until,
            attempt: context.reason === event.reason ? context.attempt + 1 : 1,
            since: event.at,
            probe: null,
            probeCodeAt: (event.type === "HELD" ? event.probeCodeAt : undefined) ?? context.probeCodeAt,
            answersLists: event.type === "HELD" && event.answersLists === true,
          }
        : {},
    ),
    waitLonger: assign(({ event }) =>
      event.type === "TOLD" ? { until: event.until, probe: null, answersLists: false } : {},
    ),
    letOneTry: assign(({ event }) =>
      event.type === "PROBE" ? { until: event.until, since: event.at, probe: event.by } : {},
    ),
    giveTheTryBack: assign(({ event }) => ({ until: event.at, since: event.at, probe: null })),
    forget: assign(({ event }) => ({ ...nothingInTheWay, since: event.at })),
  },
  guards: {
    itIsLonger: ({ context, event }) => event.type === "TOLD" && event.until > context.until,
    itIsTime: ({ context, event }) => event.at >= context.until,
    itIsTheirs: ({ context, event }) => event.type === "LEFT" && event.by === context.probe,
    itIsARefusal: ({ context, event }) =>
      event.type === "LEFT" &&
      event.by === context.probe &&
      (context.reason === "credentials" || context.reason === "forbidden"),
  },
});

/**
 * One gate, from open to shut and back to open.
 *
 * @example
 * ```ts
 * import { accountGate } from "oneup-lifecycle/machines";
 * import { createActor } from "xstate";
 *
 * const actor = createActor(accountGate).start();
 * actor.send({ type: "REFUSED", reason: "credentials", at: 0, until: 60_000 });
 * console.log(actor.getSnapshot().value); // suspended
 * ```
 */
export const accountGate: AccountGate = gate.createMachine({
  id: "accountGate",
  context: nothingInTheWay,
  initial: "open",
  states: {
    open: {
      meta: { description: "calls may leave" },
      on: {
        HELD: { target: "throttled", actions: "shut" },
        REFUSED: { target: "suspended", actions: "shut" },
      },
    },
    throttled: {
      meta: { description: "no calls until the time has come; then one call probes" },
      on: {
        TOLD: { guard: "itIsLonger", actions: "waitLonger" },
        PROBE: { guard: "itIsTime", target: "probing", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" },
      },
    },
    probing: {
      meta: { description: "one call is probing" },
      on: {
        ANSWERED: { target: "open", actions: "forget" },
        HELD: { target: "throttled", actions: "shut" },
        REFUSED: { target: "suspended", actions: "shut" },
        TOLD: { target: "throttled", actions: "waitLonger" }, // whatever the answer to the probe will be
        LEFT: [
          { guard: "itIsARefusal", target: "suspended", actions: "giveTheTryBack" },
          { guard: "itIsTheirs", target: "throttled", actions: "giveTheTryBack" },
        ],
        PROBE: { guard: "itIsTime", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" },
      },
    },
    suspended: {
      meta: { description: "refused: no calls until it is reopened, or until a much later probe" },
      on: {
        PROBE: { guard: "itIsTime", target: "probing", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" },
      },
    },
  },
});

/**
 * The gate after an event. Returns the same object if the event has no effect in its state.
 *
 * @example
 * ```ts
 * import { openGate, stepGate } from "oneup-lifecycle/machines";
 *
 * const shut = stepGate(openGate, { type: "REFUSED", reason: "credentials", at: 0, until: 60_000 });
 * console.log(shut.state); // suspended
 * ```
 */
export function stepGate(before: Gate, event: GateEvent): Gate {
  const { state, ...context } = before;
  const snapshot = accountGate.resolveState({ value: state, context });
  const [next] = transition(accountGate, snapshot, event);
  return next === snapshot || (next.value === state && next.context === snapshot.context)
    ? before
    : { state: next.value, ...next.context };
}
