/** Kinds of fault on the way to 1upHealth: a proxy or firewall answers some calls instead of 1upHealth. */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { Asked } from "./faults.ts";
import type { Kind } from "./kinds.ts";
import { hour, minute, type Dice } from "./time.ts";
import { firstIdOf } from "./first-id.ts";

/** A call on its way. */
export interface Passing {
  readonly asked: Asked;
  /** The user that the call is about, if that is known. */
  readonly user: () => string | undefined;
  /** The process that makes it, from 0. */
  readonly process: number;
  /** When, ms since the beginning. */
  readonly ms: number;
  /** Everything else is in order from now on. */
  readonly isOver: boolean;
}

const htmlHeaders = { "content-type": "text/html" } as const;
const page = "<!doctype html><html><title>Access</title><body>Please log in or contact support</body></html>";

/** What a firewall answers to a call that it dislikes. */
const refusals: readonly Fault[] = [
  { status: 403, body: { message: "Forbidden" } },
  { status: 403, headers: htmlHeaders, body: page },
  { status: 406, headers: htmlHeaders, body: page },
  { status: 200, headers: htmlHeaders, body: page },
  { status: 401, headers: htmlHeaders, body: page },
  { status: 401, headers: { "content-type": "text/plain" }, body: "Unauthorized" },
];

/** What a captive portal answers to everything. */
const portals: readonly Fault[] = [
  { status: 302, headers: { location: "http://portal.example/login" } },
  { status: 200, headers: htmlHeaders, body: page },
  { status: 511, headers: htmlHeaders, body: page },
  { status: 403, headers: htmlHeaders, body: page },
];

/** Is a call one to the token endpoint? */
export function isToToken(asked: Asked): boolean {
  return asked === "exchangeCode" || asked === "refreshToken";
}

/** Is `id` one of these, under this name or a later one? */
export function isOneOf(ids: ReadonlySet<string>, id: string | undefined): boolean {
  return id !== undefined && ids.has(firstIdOf(id));
}

/** Ids that a firewall dislikes, one to three of them. */
export function poisonedOf(dice: Dice): ReadonlySet<string> {
  return new Set(Array.from({ length: dice.between(1, 3) }, () => `user-${dice.between(1, 20)}`));
}

/** A period of faults within the first five hours, of one of these lengths, ms. */
function spellOf(dice: Dice, lengths: readonly number[]): (ms: number) => boolean {
  const forMs = dice.pick(lengths);
  const atMs = dice.between(0, 4 * hour);
  return (ms) => ms >= atMs && ms < atMs + forMs;
}

export const blocks = {
  /** A firewall refuses every call about some ids, all the time. */
  poisonedIds: {
    share: 0.1,
    alone: 0.5,
    between: (dice) => {
      const ids = poisonedOf(dice);
      const answers = dice.pick([refusals, [dice.pick(refusals)]]);
      const [management, token] = dice.pick([
        [true, true],
        [true, false],
        [false, true],
      ] as const);
      return ({ asked, user }) =>
        asked !== "fhir" && (isToToken(asked) ? token : management) && isOneOf(ids, user())
          ? dice.pick(answers)
          : undefined;
    },
  },
  /** One user or two get tokens without a life and without a refresh token, each time. */
  shortTokens: {
    share: 0.08,
    alone: 0.6,
    between: (dice) => {
      const ids = poisonedOf(dice);
      return ({ asked, user }) =>
        asked === "exchangeCode" && isOneOf(ids, user())
          ? { omit: ["expires_in", "refresh_token"] }
          : undefined;
    },
  },
  /** One process is behind a captive portal for a while: it reaches nothing. */
  captivePortal: {
    share: 0.1,
    alone: 0.5,
    between: (dice) => {
      const behind = dice.between(0, 2);
      const isOn = spellOf(dice, [10 * minute, hour, 2 * hour]);
      const answer = dice.pick(portals);
      return ({ process, ms }) => (process === behind && isOn(ms) ? answer : undefined);
    },
  },
  /** The token host alone cannot be reached for a while, from anywhere. */
  blockedTokenHost: {
    share: 0.07,
    between: (dice) => {
      const isOn = spellOf(dice, [2 * minute, 20 * minute, hour]);
      const answer = dice.pick([...portals, ...refusals]);
      return ({ asked, ms }) => (isToToken(asked) && isOn(ms) ? answer : undefined);
    },
  },
  /** 1upHealth is blocked as a whole for a while, as it is from some regions. */
  blockedRegion: {
    share: 0.07,
    between: (dice) => {
      const isOn = spellOf(dice, [2 * minute, 20 * minute, hour]);
      const answer = dice.pick([...portals, ...refusals]);
      return ({ ms }) => (isOn(ms) ? answer : undefined);
    },
  },
} satisfies Readonly<Record<string, Kind>>;

/** What 1upHealth refuses for one user or two, while it serves the others. */
export const refusedOnes = {
  /** FHIR refuses every token of one user or two, and they get no refresh token. */
  refusedTokens: {
    share: 0.06,
    alone: 0.6,
    between: (dice) => {
      const ids = poisonedOf(dice);
      return ({ asked, user }) => {
        if ((asked !== "exchangeCode" && asked !== "fhir") || !isOneOf(ids, user())) return undefined;
        return asked === "fhir" ? { status: 401, body: "" } : { omit: ["refresh_token"] };
      };
    },
  },
  /** The refresh tokens of one user or two are refused without a reason, until another code is exchanged. */
  refusedRefreshes: {
    share: 0.06,
    alone: 0.6,
    lasts: true,
    between: (dice) => {
      const left = new Set(poisonedOf(dice));
      const met = new Set<string>();
      const answer = dice.pick([
        { status: 400, body: "" },
        { status: 400, body: { message: "Bad Request" } },
      ] as const);
      return ({ asked, user }) => {
        const id = isToToken(asked) ? firstIdOf(user() ?? "") : undefined;
        if (id === undefined || !left.has(id)) return undefined;
        if (asked === "refreshToken") met.add(id);
        else if (met.has(id)) left.delete(id);
        return asked === "refreshToken" ? answer : undefined;
      };
    },
  },
  /** FHIR refuses the refreshed tokens of one user or two, until another code is exchanged. */
  refusedRenewals: {
    share: 0.05,
    alone: 0.6,
    lasts: true,
    between: (dice) => {
      const left = new Set(poisonedOf(dice));
      const met = new Set<string>();
      const refreshed = new Set<string>();
      return ({ asked, user }) => {
        const id = firstIdOf(user() ?? "");
        if (!left.has(id)) return undefined;
        if (asked === "refreshToken") refreshed.add(id);
        if (asked === "exchangeCode" && met.has(id)) left.delete(id);
        if (asked !== "fhir" || !refreshed.has(id)) return undefined;
        met.add(id);
        return { status: 401, body: "" };
      };
    },
  },
} satisfies Readonly<Record<string, Kind>>;
