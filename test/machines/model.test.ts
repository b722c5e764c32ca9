import { isDeepStrictEqual } from "node:util";
import { describe, expect, it } from "vitest";
import { initialTransition, transition } from "xstate";
import { getShortestPaths } from "xstate/graph";
import {
  isRenaming,
  leafOf,
  nothingKnown,
  userLifecycle,
  valueOf,
  type UserContext,
  type UserState,
} from "../../machines/index.ts";
import { callOf, step } from "../../src/runtime/user/step.ts";
import { oneIn, thorough } from "../support/effort.ts";
import { contexts, dayLater, eventsAt, issuedAt, later, soon, states, tooLate } from "./events.ts";

const aDayOfRefusals = { type: "REFUSED_WITHOUT_REASON", at: dayLater, why: "HTTP 400" } as const;
/** What may end a user once it has lasted a day. */
const aDayLater = [
  aDayOfRefusals,
  { type: "USER_MISSING", at: dayLater },
  { type: "CODE_ISSUED", at: dayLater, user: {} },
  { type: "CODE_REFUSED", at: dayLater },
  { type: "TOKEN_REJECTED", at: dayLater },
] as const;
const events = [...eventsAt(soon), ...eventsAt(later), ...eventsAt(tooLate), ...aDayLater];
/** Everyday paths are looked for among the events of two moments, which reach every state and transition as well. */
const telling = [...eventsAt(issuedAt), ...eventsAt(tooLate), ...aDayLater];
const every = 23; // no divisor of the contexts that differ in one guard
const some = oneIn(every, contexts());

describe("machines/user-lifecycle as a model", () => {
  for (const state of states) {
    it(`step() from ${state} is XState's own transition(), for every event and every guard`, () => {
      for (const context of some) {
        const snapshot = userLifecycle.resolveState({ value: valueOf(state), context });
        const position = { state, context };
        for (const event of events) {
          const [next, actions] = transition(userLifecycle, snapshot, event);
          const stepped = step(position, event);
          const same =
            stepped.state === leafOf(next.value) &&
            isDeepStrictEqual(stepped.context, next.context) &&
            actions.length === 0 &&
            next.status === "active";
          if (!same) expect({ event, stepped, actions }).toEqual({ event, stepped: next.value, actions: [] });
          if (stepped === position && !isDeepStrictEqual(next.context, context))
            expect.unreachable(event.type);
        }
      }
      expect(some.length * events.length).toBeGreaterThan(thorough ? 10_000 : 9_000 / every);
    });
  }

  it("step() changes neither the position nor the event it is given", () => {
    const context = Object.freeze({ ...nothingKnown });
    for (const state of states) {
      for (const event of events) step(Object.freeze({ state, context }), Object.freeze(event));
    }
    expect(context).toEqual(nothingKnown);
  });

  /** What a guard can tell apart, for every transition to be reached; counts beyond that make no new state. */
  const told = (state: UserState, context: UserContext): unknown =>
    isRenaming(state) ? toldOfRename(context) : toldOtherwise(state, context);
  /** What a rename leaves as it is, it does not look at. */
  const toldOfRename = ({ rename, refusals, absences }: UserContext): unknown => [
    rename?.from,
    Math.min(refusals?.times ?? 0, 4),
    Math.min(absences?.times ?? 0, 4),
  ];
  const toldOtherwise = (state: UserState, context: UserContext): unknown => [
    context.exchanges,
    Math.min(context.codesRefused, 2),
    context.saidMissing,
    context.failure?.in === "created",
    context.failure?.in === "offboarding",
    context.failure?.reason,
    context.oneupUserId !== null,
    context.refusedTokens !== null && typeof valueOf(state) !== "string",
    (context.toPurge?.length ?? 0) > 1,
    Math.min(context.refusals?.times ?? 0, 4),
    state === "reauthorizing" && [
      context.refusals?.isAnother,
      context.unconfirmed === "answered",
      context.wasGranted,
    ],
    (state === "locating" || state === "identifying") && [context.unconfirmed, context.wasGranted],
  ];
  /** What else it can tell apart: a thorough run looks at seven times as many states for it. */
  const toldToo = (state: UserState, context: UserContext): unknown => [
    context.codeFrom,
    context.codeAt !== null,
    context.codeAt === dayLater,
    context.saidExists,
    state === "codeIssued" && context.unconfirmed === "answered",
    (state === "locating" || state === "identifying") && Math.min(context.absences?.times ?? 0, 4),
  ];
  const paths = getShortestPaths(userLifecycle, {
    events: thorough ? [...eventsAt(issuedAt), ...events] : telling,
    serializeState: ({ value, context }) => {
      const state = leafOf(value);
      const isAll = thorough && !isRenaming(state);
      return JSON.stringify([value, told(state, context), isAll && toldToo(state, context)]);
    },
  });

  it("getShortestPaths() reaches every state from the beginning", () => {
    const reached = new Set(paths.map(({ state }) => leafOf(state.value)));
    expect([...reached].sort()).toEqual([...states].sort());
  });

  /** What has lasted for most of a day since then, in six-hour waits: too many steps for a path. */
  const afterMostOfADay = ({ refusals, absences, refusedTokens, ...context }: UserContext): UserContext => {
    const since = dayLater - 86_400_000;
    const lasts = { since, times: 4, lastAt: since + 3 * 21_600_000 };
    return {
      ...context,
      codeAt: dayLater,
      refusals: refusals && { ...refusals, ...lasts },
      absences: absences && { ...absences, ...lasts },
      refusedTokens: refusedTokens && { ...refusedTokens, ...lasts },
    };
  };

  it("getShortestPaths() reaches every transition, some of them after most of a day", () => {
    const nodes = [userLifecycle.root];
    for (const node of nodes) nodes.push(...Object.values(node.states));
    const written = new Set(nodes.flatMap((node) => [...node.transitions.values()].flat()));
    const aged = paths.map(({ state: { value, context } }) =>
      userLifecycle.resolveState({ value, context: afterMostOfADay(context) }),
    );
    const reached = [...paths.map(({ state }) => state), ...aged];
    const taken = new Set(
      reached.flatMap((state) => events.flatMap((event) => userLifecycle.getTransitionData(state, event))),
    );
    const never = [...written].filter((one) => !taken.has(one));
    expect(never.map(({ source, eventType }) => `${source.key} ${eventType}`)).toEqual([]);
    expect(written.size).toBeGreaterThan(30);
  });

  it("getShortestPaths() takes the straight way to a refreshed user in four events", () => {
    const straight = paths
      .filter(({ state }) => leafOf(state.value) === "refreshed")
      .sort((a, b) => a.weight - b.weight)[0];
    expect(straight?.weight).toBeLessThanOrEqual(4);
  });

  it("getShortestPaths() finds a way from everywhere to a usable token", () => {
    const usable = new Set(["tokenActive", "refreshed", "reauthorized"]);
    for (const { state } of paths) {
      let reached = [{ state: leafOf(state.value), context: state.context }];
      for (let steps = 0; steps < 5 && !reached.some((at) => usable.has(at.state)); steps++) {
        reached = reached.flatMap((at) =>
          events.map((event) => step(at, event)).filter((next) => next !== at),
        );
        reached = [
          ...new Map(
            reached.map((at) => [
              JSON.stringify([at.state, told(at.state, at.context), toldToo(at.state, at.context)]),
              at,
            ]),
          ).values(),
        ];
      }
      expect(
        reached.some((at) => usable.has(at.state)),
        `from ${leafOf(state.value)}`,
      ).toBe(true);
    }
  });

  it("userLifecycle has no effects: no invoke, no after, no delay, no spawned actor", () => {
    const text = JSON.stringify(userLifecycle.config);
    expect(text).not.toMatch(/"(invoke|after|delay|always|entry|exit|onDone|output)"/);
    for (const { state } of paths) expect(Object.keys(state.children)).toEqual([]);
  });

  it("userLifecycle keeps facts and no secret", () => {
    for (const { state } of paths) {
      expect(Object.keys(state.context).sort()).toEqual(Object.keys(nothingKnown).sort());
      expect(isDeepStrictEqual(JSON.parse(JSON.stringify(state.context)), state.context)).toBe(true);
    }
    const secret = /(token|secret|password|code|key)$/i;
    expect(Object.keys(nothingKnown).filter((key) => secret.test(key))).toEqual([]);
  });

  it("userLifecycle survives being stored: a restored snapshot is where it was", () => {
    for (const { state } of paths) {
      const stored: unknown = JSON.parse(
        JSON.stringify({ state: leafOf(state.value), context: state.context }),
      );
      const { state: leaf, context } = stored as { state: (typeof states)[number]; context: UserContext };
      const restored = userLifecycle.resolveState({ value: valueOf(leaf), context });
      expect(restored.value).toEqual(state.value);
      expect(restored.context).toEqual(state.context);
    }
  });

  it("callOf() names the call of each state, as its meta does", () => {
    expect(Object.fromEntries(states.map((state) => [state, callOf(state)]))).toEqual({
      created: "createUser",
      codeIssued: "exchangeCode",
      tokenActive: undefined,
      expiring: "refreshToken",
      refreshed: undefined,
      reauthorized: undefined,
      reauthorizing: "issueAuthCode",
      locating: "findUser",
      renaming: "updateUser",
      renameInDoubt: "findUser",
      failed: undefined,
      identifying: "findUser",
      offboarding: "purge",
      offboarded: undefined,
    });
  });

  it("meta describes every state in words", () => {
    for (const state of states) {
      const snapshot = userLifecycle.resolveState({ value: valueOf(state), context: nothingKnown });
      expect(Object.values(snapshot.getMeta()).some((meta) => (meta?.description.length ?? 0) > 10)).toBe(
        true,
      );
    }
  });

  it("valueOf() and leafOf() undo each other", () => {
    for (const state of states) expect(leafOf(valueOf(state))).toBe(state);
  });

  it("userLifecycle begins in created with nothing known", () => {
    const [snapshot] = initialTransition(userLifecycle);
    expect(leafOf(snapshot.value)).toBe("created");
    expect(snapshot.context).toEqual(nothingKnown);
  });
});
