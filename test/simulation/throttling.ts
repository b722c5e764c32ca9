/** Kinds of fault with the account's limits: 1upHealth throttles stubbornly, and processes believe in other limits. */
import { isOneOf, isToToken, poisonedOf } from "./blocks.ts";
import { isManagement } from "./faults.ts";
import type { Fault } from "oneup-lifecycle/sandbox";
import type { Kind } from "./kinds.ts";
import { hour, minute, second } from "./time.ts";

/** Times that are over at once, or nearly. */
const over = ["0", "1", "-5", "0.2", "Tue, 24 Nov 2026 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"];

/** Answers that show that nothing is throttled any more, and no more than that. */
const unclear: readonly Fault[] = [
  { status: 500 },
  { status: 503, body: "" },
  { omit: ["code"] },
  { status: 200, body: { success: false, code: null } },
];

/** Responses that read as if the account were meant, and concern one user. */
const alone: readonly Fault[] = [
  { status: 429, body: { message: "Too Many Requests" } },
  { status: 429, headers: { "retry-after": "30" }, body: "" },
  { status: 401, body: { error: "invalid_client" } },
  { status: 400, body: { error: "invalid_client" } },
];

/** Responses to an exchange that amount to none. */
const unanswered: readonly Fault[] = [
  { status: 503, body: { error: "server_error" } },
  { status: 500 },
  { status: 200, body: "" },
  { drop: "before" },
];

/** A limit in words. */
const limits = ["rate limit exceeded", "Too many requests", "API rate limit exceeded for this client"];

/** Is it an answer that names a limit, with 429 or in words? */
export function namesLimit(status: number, body: string): boolean {
  return status === 429 || (status >= 400 && status < 500 && limits.some((words) => body.includes(words)));
}

function throttled(retryAfter: string): Fault {
  return { status: 429, headers: { "retry-after": retryAfter }, body: { message: "Too Many Requests" } };
}

export const throttlings = {
  /** For ten minutes every management call is answered 429, with a time that is over at once. */
  stubbornThrottling: {
    share: 0.08,
    alone: 0.6,
    between: (dice) => {
      const { atMs, forMs } = stubbornSpell(dice.next());
      const times = dice.pick([over, [dice.pick(over)]]);
      return ({ asked, ms }) =>
        isManagement(asked) && ms >= atMs && ms < atMs + forMs ? throttled(dice.pick(times)) : undefined;
    },
  },
  /** The call that tries after a 429 is answered with something that decides nothing but that. */
  unclearTries: {
    share: 0.08,
    alone: 0.6,
    between: (dice) => {
      let triesAt: number | null = null;
      return ({ asked, ms }) => {
        if (!isManagement(asked)) return undefined;
        if (triesAt !== null && ms >= triesAt) {
          triesAt = null;
          return dice.pick(unclear);
        }
        if (triesAt !== null || !dice.hits(0.15)) return undefined;
        triesAt = ms + second;
        return throttled("1");
      };
    },
  },
  /** A limit is named in words, in a 4xx that is no 429: it holds back what a 429 holds back. */
  limitsInWords: {
    share: 0.08,
    between: (dice) => {
      const retryAfter = dice.pick([undefined, "20", "90"]);
      return ({ asked }) =>
        asked !== "fhir" && dice.hits(0.03)
          ? {
              status: dice.pick([400, 403, 409, 422] as const),
              body: { error: dice.pick(limits) },
              ...(retryAfter !== undefined && { headers: { "retry-after": retryAfter } }),
            }
          : undefined;
    },
  },
  /** Every call of one user or two is answered 429, or that their client is invalid; calls of others are not. */
  refusedAlone: {
    share: 0.08,
    alone: 0.6,
    between: (dice) => {
      const ids = poisonedOf(dice);
      const answer = dice.pick(alone);
      const token = dice.hits(0.6);
      return ({ asked, user }) =>
        (token ? isToToken(asked) : isManagement(asked)) && isOneOf(ids, user()) ? answer : undefined;
    },
  },
  /** The exchanges of one user, or of two, are answered with a server error, and those of others are not. */
  unansweredAlone: {
    share: 0.08,
    alone: 0.6,
    between: (dice) => {
      const ids = new Set([...poisonedOf(dice)].slice(0, 2)); // three in a row are no coincidence
      const answer = dice.pick(unanswered);
      return ({ asked, user }) => (asked === "exchangeCode" && isOneOf(ids, user()) ? answer : undefined);
    },
  },
  /** Some processes are configured with another limit than the account's record holds, or with none. */
  anotherLimit: {
    share: 0.1,
    process: (_, dice, { management: { calls, windowMs }, ...others }) => {
      const management = dice.pick([
        undefined,
        { calls, windowMs },
        { calls, windowMs: Math.ceil(windowMs / dice.between(2, 6)) },
        { calls, windowMs: 2 * windowMs },
        { calls: Math.ceil(calls / 2), windowMs },
        { calls: 3 * calls, windowMs },
        { calls: 2 * calls, windowMs: 2 * windowMs },
        { calls: Math.ceil(calls / 2), windowMs: Math.ceil(windowMs / 3) },
      ]);
      return { limits: { ...others, ...(management && { management }) } };
    },
  },
} satisfies Readonly<Record<string, Kind>>;

/** When the ten minutes are. `chance`: from 0 to 1. */
export function stubbornSpell(chance: number): { readonly atMs: number; readonly forMs: number } {
  return { atMs: Math.floor(chance * hour), forMs: 10 * minute };
}
