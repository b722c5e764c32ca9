import { describe, expect, it } from "vitest";
import { getShortestPaths } from "xstate/graph";
import {
  accountGate,
  openGate,
  stepGate,
  type Gate,
  type GateEvent,
  type GateState,
} from "../../machines/index.ts";

const held: GateEvent = { type: "HELD", at: 1_000, reason: "throttled", until: 61_000 };
const refused: GateEvent = { type: "REFUSED", at: 1_000, reason: "credentials", until: 61_000 };
const probe = (at: number, by = "me"): GateEvent => ({ type: "PROBE", at, by, until: at + 40_000 });
const left = (by = "me"): GateEvent => ({ type: "LEFT", at: 70_000, by });
const answered: GateEvent = { type: "ANSWERED", at: 70_000 };
const reopen: GateEvent = { type: "REOPEN", at: 70_000 };

/** The gate after these events. */
function after(...events: GateEvent[]): Gate {
  return events.reduce(stepGate, openGate);
}

const states: Readonly<Record<GateState, Gate>> = {
  open: openGate,
  throttled: after(held),
  probing: after(held, probe(61_000)),
  suspended: after(refused),
};

describe("machines/account", () => {
  const table: Readonly<Record<GateState, Readonly<Record<string, GateState>>>> = {
    open: { HELD: "throttled", REFUSED: "suspended" },
    throttled: { PROBE: "probing", REOPEN: "open" },
    probing: { ANSWERED: "open", HELD: "throttled", REFUSED: "suspended", LEFT: "throttled", REOPEN: "open" },
    suspended: { PROBE: "probing", REOPEN: "open" },
  };
  for (const event of [held, refused, probe(70_000, "other"), left(), answered, reopen]) {
    for (const [state, gate] of Object.entries(states) as [GateState, Gate][]) {
      const to = table[state][event.type] ?? state;
      it(`${state} × ${event.type} → ${to}`, () => {
        const next = stepGate(gate, event);
        expect(next.state).toBe(to);
        if (to === state) expect(next).toBe(gate);
      });
    }
  }

  it("counts how often it was shut in a row, and forgets that once it was open", () => {
    expect(after(held).attempt).toBe(1);
    const again = after(held, probe(61_000), { ...held, at: 62_000, until: 190_000 });
    expect(again).toMatchObject({ state: "throttled", attempt: 2, until: 190_000, probe: null });
    expect(after(held, probe(61_000), answered, held).attempt).toBe(1);
    expect(after(held, probe(61_000), { ...held, reason: "unavailable" }).attempt, "another reason").toBe(1);
  });

  it("waits longer, never shorter, if a call that had left before gets a 429", () => {
    const longer = stepGate(states.throttled, { type: "TOLD", at: 2_000, until: 90_000 });
    expect(longer).toMatchObject({ state: "throttled", until: 90_000, attempt: 1 });
    expect(stepGate(longer, { type: "TOLD", at: 3_000, until: 80_000 })).toBe(longer);
  });

  it("waits for the whole Retry-After though one call probes: its outcome changes nothing", () => {
    const told = stepGate(states.probing, { type: "TOLD", at: 62_000, until: 90_000 });
    expect(told).toMatchObject({ state: "throttled", until: 90_000, attempt: 1, probe: null });
    expect(stepGate(told, answered)).toBe(told);
  });

  it("lets no call probe before the time has come, and one at a time", () => {
    expect(stepGate(states.throttled, probe(60_999))).toBe(states.throttled);
    expect(states.probing).toMatchObject({ probe: "me", until: 101_000 });
    expect(stepGate(states.probing, probe(100_999, "other"))).toBe(states.probing);
  });

  it("lets another try whose turn it was when the first fell silent", () => {
    expect(stepGate(states.probing, probe(101_000, "other"))).toMatchObject({ probe: "other", attempt: 1 });
  });

  it("takes a probe back only from the call that has it, to the state it came from", () => {
    expect(stepGate(states.probing, left("other"))).toBe(states.probing);
    expect(stepGate(states.probing, left())).toMatchObject({ state: "throttled", until: 70_000 });
    const credentials = after(refused, probe(61_000), left());
    expect(credentials).toMatchObject({ state: "suspended", reason: "credentials", attempt: 1 });
  });

  it("remembers when a code was spent, until it was open", () => {
    const spent = after({ ...held, reason: "unavailable", probeCodeAt: 900 });
    expect(spent.probeCodeAt).toBe(900);
    const again = stepGate(stepGate(spent, probe(61_000)), { ...held, reason: "unavailable" });
    expect(again).toMatchObject({ probeCodeAt: 900, attempt: 2 });
    expect(stepGate(spent, reopen)).toMatchObject({ state: "open", probeCodeAt: null, reason: null });
  });

  it("getShortestPaths() reaches every state", () => {
    const paths = getShortestPaths(accountGate, {
      events: [held, refused, probe(70_000), answered, reopen],
      serializeState: ({ value }) => JSON.stringify(value),
    });
    expect(new Set(paths.map(({ state }) => state.value))).toEqual(new Set(Object.keys(states)));
  });
});
