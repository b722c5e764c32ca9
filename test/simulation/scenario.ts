/**
 * What a seed is about. Every seed switches some kinds of fault on and others off, so that rare meetings of two
 * kinds are not drowned by all the others.
 */
import type { RefreshPolicy } from "oneup-lifecycle";
import type { SandboxOptions } from "oneup-lifecycle/sandbox";
import { wrongNumbers } from "./connected.ts";
import { aloneOf, kindsOf } from "./kinds.ts";
import { Dice, hour, minute } from "./time.ts";

/** The client's secret, and the one that it is changed for. */
export const clientSecrets = ["the-first-client-secret", "the-second-client-secret"] as const;

/** How often things go wrong, of 1, each time they could. */
export interface Rates {
  /** The process dies: before, during or after what it does. */
  readonly crash: number;
  /** The process stands still for up to three minutes, and then continues. */
  readonly stall: number;
  /** The store refuses a question. */
  readonly storeDown: number;
  /** The store carries it out, and its response is lost. */
  readonly storeLost: number;
  /** The store takes up to five seconds. */
  readonly storeSlow: number;
  /** No connection. */
  readonly unreachable: number;
  /** The request is lost on its way. */
  readonly requestLost: number;
  /** The answer is lost on its way. */
  readonly answerLost: number;
  /** The request arrives up to the grace late, or the answer takes up to a minute. */
  readonly slow: number;
  /** 1upHealth itself answers something else than it should: one of {@link faults}. */
  readonly fault: number;
}

/** The kinds of fault. */
export const troubles: readonly (keyof Rates)[] = [
  "crash",
  "stall",
  "storeDown",
  "storeLost",
  "storeSlow",
  "unreachable",
  "requestLost",
  "answerLost",
  "slow",
  "fault",
];

/** What happens to which user and process, drawn from a seed. */
export interface Scenario {
  readonly seed: number;
  readonly processes: number;
  readonly users: number;
  /** How long things go wrong, ms; afterwards they are in order. */
  readonly troubleMs: number;
  readonly rates: Rates;
  readonly limit: { readonly calls: number; readonly windowMs: number };
  readonly tokenLimit: { readonly calls: number; readonly windowMs: number } | undefined;
  readonly policy: RefreshPolicy;
  /** How wrong each process's clock is, ms. */
  readonly skewMs: readonly number[];
  readonly sandbox: SandboxOptions;
  /** How long the store takes where nothing is wrong, ms: in half of the stories no time, for it takes most of the steps. */
  readonly storeMs: 0 | 1;
  /** Spells in which something is wrong for all users. */
  readonly spells: readonly Spell[];
  /** When the client secret is changed, and which processes get the new one only when they start again. */
  readonly rotation: { readonly atMs: number; readonly deaf: readonly number[] } | null;
  /** All people arrive within this time, ms. */
  readonly arrivalMs: number;
  readonly hideIds: boolean;
  /** The texts of responses are kept. */
  readonly keepsTexts: boolean;
  /** The newest formats that the processes' release knows, and the one that is rolled out; `inHaste`: see the operator. */
  readonly releases: {
    readonly from: number;
    readonly to: number;
    readonly atMs: number;
    readonly inHaste: boolean;
  };
  /** Lists of people that the application brings in. */
  readonly imports: readonly ListPlan[];
  /** Users of 1upHealth that this application does not know, and how many of them precede ours in its list. */
  readonly strangers: { readonly count: number; readonly first: number };
  /** Kinds of fault, by their names. */
  readonly kinds: readonly string[];
  /** The one of them that is the only fault, if one is. */
  readonly alone: string | undefined;
  /** When the keys of the ring are replaced; `records`: and those of the store. */
  readonly rekey: { readonly atMs: number; readonly records: boolean } | null;
}

/** A list that is imported. */
export interface ListPlan {
  readonly name: string;
  readonly atMs: number;
  readonly expect: "new" | "existing" | undefined;
  /** Processes that begin with it at the same time. */
  readonly processes: number;
}

/** A period of faults: from when, for how long. */
export interface Spell {
  readonly type: "tokenDown" | "storeDown" | "forbidden" | "networkDown" | "spender" | "loginPage";
  readonly atMs: number;
  readonly forMs: number;
}

const calm: Rates = {
  crash: 0,
  stall: 0,
  storeDown: 0,
  storeLost: 0,
  storeSlow: 0,
  unreachable: 0,
  requestLost: 0,
  answerLost: 0,
  slow: 0,
  fault: 0,
};

/** Nothing goes wrong. */
export const noRates: Rates = calm;

/** What is absent from a story with only one kind of fault. */
const quiet = { rates: noRates, spells: [], rotation: null, tokenLimit: undefined } as const;

/** The scenario of a seed. `wanted`: a kind of fault that it has in any case. */
export function scenarioOf(seed: number, wanted = ""): Scenario {
  const dice = new Dice(seed, "scenario");
  const processes = 3;
  const troubleMs = 5 * hour;
  const rates: Record<keyof Rates, number> = { ...calm };
  for (const trouble of troubles) if (dice.hits(0.4)) rates[trouble] = dice.pick([0.005, 0.02, 0.05, 0.15]);
  // A process does some thousand things: one in a hundred is a short life.
  rates.crash = Math.min(rates.crash, 0.01);
  rates.stall = Math.min(rates.stall, 0.01);
  const tight = dice.hits(0.4);
  const kinds = kindsOf(seed, wanted);
  const scenario: Omit<Scenario, "alone"> = {
    seed,
    processes,
    users: 20,
    troubleMs,
    rates,
    limit: tight
      ? { calls: dice.between(3, 12), windowMs: dice.pick([5, 10, 20]) * minute }
      : { calls: 300, windowMs: hour },
    tokenLimit: dice.hits(0.15)
      ? { calls: dice.between(4, 12), windowMs: dice.between(2, 10) * minute }
      : undefined,
    policy: dice.pick(["keepAlive", "eager", "lazy"]),
    skewMs: Array.from({ length: processes }, () =>
      dice.hits(0.5) ? dice.between(-2 * minute, 2 * minute) : 0,
    ),
    sandbox: {
      limit: { window: dice.pick(["rolling", "rolling", "fixed"]) },
      exists: dice.pick([200, 400, 404]),
      missing: dice.pick([200, 404]),
      unauthorized: dice.pick([302, 401]),
      retryAfter: dice.hits(0.5),
      reuse: dice.pick(["refuse", "refuse", "revokeFamily"]),
      rotate: dice.hits(0.85),
      codeReadyMs: dice.hits(0.4) ? 1_000 : 0,
      accessTokenLifeMs: dice.pick([2, 2, 1]) * hour,
      purgeBatch: dice.pick([Infinity, 1, 2]),
    },
    keepsTexts: new Dice(seed, "texts").hits(0.3),
    storeMs: new Dice(seed, "store").hits(0.5) ? 1 : 0,
    spells: dice.hits(0.5) ? spells(dice, troubleMs) : [],
    rotation: dice.hits(0.25)
      ? {
          atMs: dice.between(minute, troubleMs),
          deaf: dice.hits(0.5) ? [dice.between(0, processes - 1)] : [],
        }
      : null,
    arrivalMs: dice.pick([minute, hour, 4 * hour]),
    kinds,
    ...upkeep(dice, troubleMs),
    ...lists(dice, troubleMs, kinds.includes("wrongNumbers") ? wrongNumbers : 0),
  };
  const alone = aloneOf(seed, scenario.kinds);
  return { ...scenario, ...(alone !== undefined && { ...quiet, kinds: [alone] }), alone };
}

/** Lists that are imported, one or two in some seeds. `strangers`: at least so many precede ours. */
function lists(dice: Dice, troubleMs: number, strangers: number): Pick<Scenario, "imports" | "strangers"> {
  const together = dice.hits(0.5);
  const firstMs = dice.pick([0, dice.between(0, troubleMs / 2)]);
  const imports = ["spring", "autumn"].slice(0, dice.pick([0, 0, 1, 1, 2])).map((name, index) => ({
    name,
    atMs: index === 0 || together ? firstMs : dice.between(0, troubleMs / 2),
    expect: dice.pick([undefined, undefined, undefined, "new", "existing"] as const),
    processes: dice.pick([1, 1, 2]),
  }));
  const count = imports.length > 0 ? dice.pick([0, 0, 130, 310]) : 0;
  const first = Math.round(count * dice.pick([0, 0.5, 1]));
  return {
    imports,
    strangers: { count: Math.max(strangers, count), first: Math.max(strangers, first) },
  };
}

/** What is changed while all processes work. */
function upkeep(dice: Dice, troubleMs: number): Pick<Scenario, "hideIds" | "releases" | "rekey"> {
  const hideIds = dice.hits(0.2);
  const atMs = dice.between(0, troubleMs / 2);
  const rolled = dice.hits(0.2);
  const releases = { from: 1, to: rolled ? 2 : 1, atMs, inHaste: dice.hits(0.3) };
  const records = dice.hits(0.7);
  return { hideIds, releases, rekey: dice.hits(0.3) ? { atMs, records } : null };
}

function spells(dice: Dice, troubleMs: number): readonly Spell[] {
  return Array.from({ length: dice.between(1, 3) }, () => {
    const type = dice.pick([
      "tokenDown",
      "storeDown",
      "forbidden",
      "networkDown",
      "spender",
      "loginPage",
    ] as const);
    const forMs = dice.pick([2 * minute, 10 * minute, hour]);
    return { type, atMs: dice.between(0, troubleMs - forMs), forMs };
  });
}

/** Is a spell of this type on, so long after the beginning? */
export function isOn({ spells: all }: Scenario, type: Spell["type"], ms: number): boolean {
  return all.some((spell) => spell.type === type && ms >= spell.atMs && ms < spell.atMs + spell.forMs);
}
