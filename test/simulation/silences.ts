/** Kinds of fault in which no call is answered: to user management, for hours, of some users, or of one process. */
import type { Fault } from "oneup-lifecycle/sandbox";
import { isOneOf } from "./blocks.ts";
import { isManagement } from "./faults.ts";
import type { Kind } from "./kinds.ts";
import { beginning, Dice, hour, minute } from "./time.ts";

/** Responses that amount to none. */
const none: readonly Fault[] = [
  { status: 503, body: { error: "server_error" } },
  { status: 500 },
  { status: 502, body: "<html><body>Bad Gateway</body></html>" },
  { drop: "before" },
];

/** What becomes of a purge where none is carried out; first that which shuts the gate. */
const noPurge: readonly Fault[] = [
  { status: 429, body: "" },
  { status: 503, body: "" },
  { status: 504, body: "" },
  { drop: "before" },
];

export const silences = {
  /** User management answers no call for an hour or more. */
  managementDown: {
    share: 0.08,
    alone: 0.6,
    between: (dice) => {
      const { atMs, forMs, isOfWrites, isMixed } = managementOutage(dice.next());
      const answers = dice.pick([none, [dice.pick(none)]]);
      return ({ asked, ms }) => {
        const isMet = isManagement(asked) && !(isOfWrites && asked === "listUsers");
        if (!isMet || ms < atMs || ms >= atMs + forMs) return undefined;
        return isMixed && dice.hits(0.1) ? { status: 429, body: "" } : dice.pick(answers);
      };
    },
  },
  /** FHIR purges nothing for hours: it throttles, fails, or ends each purge midway. */
  purgesDown: {
    share: 0.06,
    answer: ({ method, path }, dice, { scenario: { seed }, time }) => {
      const spell = new Dice(seed, "hours without a purge");
      const [from, forMs] = [spell.between(0, hour), spell.between(2 * hour, 5 * hour)];
      const answers = spell.pick([[noPurge[0]], noPurge.slice(1), noPurge]);
      const ms = time.now - beginning;
      const isMet = method === "DELETE" && /\/\$?purge\b/.test(path) && ms >= from && ms < from + forMs;
      return isMet ? dice.pick(answers.flatMap((one) => one ?? [])) : undefined;
    },
  },
  /** The calls of up to six users to user management are not answered, and those of others are. */
  unansweredUsers: {
    share: 0.08,
    alone: 0.6,
    between: (dice) => {
      const ids = new Set(Array.from({ length: dice.between(1, 6) }, () => `user-${dice.between(1, 20)}`));
      const answer = dice.pick(none);
      return ({ asked, user }) => (isManagement(asked) && isOneOf(ids, user()) ? answer : undefined);
    },
  },
  /** One process, or two, has no network for an hour or more: none of its calls can be sent. */
  cutOff: {
    share: 0.08,
    alone: 0.6,
    cutOff: (dice) => {
      const [atMs, forMs] = [dice.between(0, 2 * hour), dice.between(hour, 2 * hour)];
      const healthy = dice.between(0, 2);
      const both = dice.hits(0.3);
      return (process, ms) =>
        process !== healthy && (both || process === (healthy + 1) % 3) && ms >= atMs && ms < atMs + forMs;
    },
  },
} satisfies Readonly<Record<string, Kind>>;

/** An outage of user management. */
export interface ManagementOutage {
  /** When it begins, ms after the beginning. */
  readonly atMs: number;
  readonly forMs: number;
  /** Its list can be read all the same. */
  readonly isOfWrites: boolean;
  /** A balancer answers some calls 429 meanwhile. */
  readonly isMixed: boolean;
}

/** The outage for this `chance`, from 0 to 1. */
export function managementOutage(chance: number): ManagementOutage {
  return {
    isOfWrites: Math.floor(chance * 1_000) % 3 === 0,
    isMixed: Math.floor(chance * 10_000) % 3 === 0,
    atMs: Math.floor(chance * hour),
    forMs: 90 * minute + (Math.floor(chance * 7 * hour) % (90 * minute)),
  };
}

/** The outage of the story with this seed. */
export function managementOutageOf(seed: number): ManagementOutage {
  return managementOutage(new Dice(seed, "reach of managementDown").next());
}
