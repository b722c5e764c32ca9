/**
 * The gates of the account that all processes share, as a table: whether calls of one kind may leave. There is one gate
 * an endpoint, one for the exchange of codes, one for each client secret (by its fingerprint) and, within a process, one
 * for calls that are forbidden from where it runs.
 *
 * Like the user's machine it makes no call and sets no timer. Whoever runs it writes down what it becomes.
 *
 * @module
 */
import { assign, setup, transition } from "xstate";
import type { EventObject, NonReducibleUnknown, StateMachine, StateSchema } from "xstate";

/** The states of a gate. */
export type GateState = "open" | "throttled" | "probing" | "suspended";

/** Why a gate is not open. */
export type GateReason =
  /** 1upHealth answered 429 although a slot was free: somebody else spends the account. */
  | "throttled"
  /** The limit that was set for the endpoint is reached. */
  | "rateLimit"
  /** The token endpoint does not answer, or with errors of its own. */
  | "unavailable"
  /** 1upHealth refuses the client id and secret. */
  | "credentials"
  /** 1upHealth answered 403. */
  | "forbidden";

/** What is known of a gate that is not open. Times are ms since 1970. */
export interface GateContext {
  readonly reason: GateReason | null;
  /** `throttled`, `suspended`: when one call may try. `probing`: when that call counts as lost. */
  readonly until: number;
  /** Times in a row that the gate was shut. */
  readonly attempt: number;
  /** When it came into this state: what was sent before says nothing about it. */
  readonly since: number;
  /** Who tries. */
  readonly probe: string | null;
  /** When a further code was spent on finding out whether the token endpoint is back. */
  readonly codeAt: number | null;
}

/** What can happen at a gate. `at` is the time it happened, in ms since 1970. */
export type GateEvent = { readonly at: number } &
  /** A call was put off; nobody may call until `until`. `codeAt`: it was made with a code got for this. */
  (
    | {
        readonly type: "HELD";
        readonly reason: GateReason;
        readonly until: number;
        readonly codeAt?: number | undefined;
      }
    /** The client's credentials were refused, or the region. */
    | { readonly type: "REFUSED"; readonly reason: GateReason; readonly until: number }
    /** A call that had left before was told to wait until `until`. */
    | { readonly type: "TOLD"; readonly until: number }
    /** `by` wants to be the one that tries, and will have heard by `until`. */
    | { readonly type: "PROBE"; readonly by: string; readonly until: number }
    /** Who tries ended without having called. */
    | { readonly type: "LEFT"; readonly by: string }
    /** The call came through. */
    | { readonly type: "ANSWERED" }
    /** Somebody says that it is in order again. */
    | { readonly type: "REOPEN" }
  );

/** A gate: what a snapshot of the machine comes down to. */
export interface Gate extends GateContext {
  readonly state: GateState;
}

/** The machine's public type, spelled out so that documentation tools need not infer it. */
export type AccountGate = StateMachine<
  GateContext,
  GateEvent,
  Record<string, never>,
  never,
  { type: string; params: undefined },
  { type: string; params: undefined },
  never,
  GateState,
  string,
  NonReducibleUnknown,
  NonReducibleUnknown,
  EventObject,
  { readonly says: string },
  StateSchema
>;

const nothingInTheWay: GateContext = {
  reason: null,
  until: 0,
  attempt: 0,
  since: 0,
  probe: null,
  codeAt: null,
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
    context: {} as GateContext, // a phantom: XState reads the type only
    events: {} as GateEvent, // likewise
    meta: {} as { readonly says: string }, // likewise
  },
  actions: {
    shut: assign(({ context, event }) =>
      event.type === "HELD" || event.type === "REFUSED"
        ? {
            reason: event.reason,
            until: event.until,
            attempt: context.attempt + 1,
            since: event.at,
            probe: null,
            codeAt: (event.type === "HELD" ? event.codeAt : undefined) ?? context.codeAt,
          }
        : {},
    ),
    waitLonger: assign(({ event }) => (event.type === "TOLD" ? { until: event.until, probe: null } : {})),
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
 * One gate, from open to shut and back.
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
      meta: { says: "calls may leave" },
      on: {
        HELD: { target: "throttled", actions: "shut" },
        REFUSED: { target: "suspended", actions: "shut" },
      },
    },
    throttled: {
      meta: { says: "nobody calls until the time has come; then one tries" },
      on: {
        TOLD: { guard: "itIsLonger", actions: "waitLonger" },
        PROBE: { guard: "itIsTime", target: "probing", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" },
      },
    },
    probing: {
      meta: { says: "one call is under way to find out" },
      on: {
        ANSWERED: { target: "open", actions: "forget" },
        HELD: { target: "throttled", actions: "shut" },
        REFUSED: { target: "suspended", actions: "shut" },
        TOLD: { target: "throttled", actions: "waitLonger" }, // whatever who tries will hear
        LEFT: [
          { guard: "itIsARefusal", target: "suspended", actions: "giveTheTryBack" },
          { guard: "itIsTheirs", target: "throttled", actions: "giveTheTryBack" },
        ],
        PROBE: { guard: "itIsTime", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" },
      },
    },
    suspended: {
      meta: { says: "refused: nobody calls until it is reopened, or one tries again much later" },
      on: {
        PROBE: { guard: "itIsTime", target: "probing", actions: "letOneTry" },
        REOPEN: { target: "open", actions: "forget" },
      },
    },
  },
});

/**
 * What a gate becomes by an event. The same object comes back when the event means nothing in its state.
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
