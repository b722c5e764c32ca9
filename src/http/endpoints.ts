/**
 * Whether 1upHealth's endpoints work, as this process has seen it: the last success and the last failure of each, and
 * a line in the log when one stops working, and when it works again.
 *
 * @module
 */
import type { Clock } from "../clock.ts";
import { causeInWords, type Cause } from "../errors.ts";
import type { Answer, Call, Endpoint, Unanswered } from "./call.ts";
import { nextStepAfter } from "../next-step.ts";
import { printed, troubleOf } from "./cause.ts";

/** One of 1upHealth's endpoints, as this process has seen it. */
export interface EndpointHealth {
  readonly endpoint: Endpoint;
  /**
   * False from a call that got no response from 1upHealth itself to the first that got one with no such failure in the
   * 10 s before. FHIR does not work either from when it refuses fresh tokens of three users until it accepts one. True
   * before the first call.
   */
  readonly works: boolean;
  /** When a call was last answered; `null`: none was. */
  readonly lastSuccess: Date | null;
  /** The last failure, which may be long over; `attempt` counts those in a row; `null`: there was none. */
  readonly lastFailure: Cause | null;
  /** What to do about it; `null` once a call was answered. */
  readonly nextStep: string | null;
}

/** Receives the lines about endpoints. */
interface Log {
  info(fields: LineFields, message: string): void;
  warn(fields: LineFields, message: string): void;
}

interface LineFields {
  readonly endpoint: Endpoint;
  readonly host: string;
  readonly call: string;
  readonly code?: string;
  readonly status?: number;
}

/** What the last call of an endpoint met. */
export interface EndpointTrouble {
  /** What the call came to: `throttled`, `credentialsRefused`, `blocked`, `inDoubt`, `lost` or `notSent`. */
  readonly outcome: string;
  readonly cause: Cause;
}

interface Seen {
  works: boolean;
  /** When it was last down, on `clock.monotonic()`. */
  downAt: number;
  failures: number;
  /** Ms since 1970. */
  lastSuccess: number | null;
  lastFailure: Cause | null;
  /** Its outcome. */
  outcome: string;
}

const unseen = (): Seen => ({
  works: true,
  downAt: 0,
  failures: 0,
  lastSuccess: null,
  lastFailure: null,
  outcome: "",
});

/** FHIR refuses the tokens of all users once it has refused fresh ones of so many, one after the other. */
const fewestRefused = 3;

/** An endpoint works again once it has had no failure for this long, ms. */
const recoveryMs = 10_000;

export function endpointsSeen(clock: Clock, log: Log, fingerprint: (text: string) => string) {
  const all: Readonly<Record<Endpoint, Seen>> = {
    management: unseen(),
    token: unseen(),
    fhir: unseen(),
  };

  /** Users whose fresh tokens FHIR has refused since it accepted one, as far as they count. */
  const refused = new Set<string>();
  const refusesTokens = (): boolean => refused.size >= fewestRefused;

  function stopped(endpoint: Endpoint, cause: Cause): void {
    const { host, call, code, status } = cause;
    const fields = { endpoint, host, call, code, ...(status !== null && { status }) };
    const isOfTokens = endpoint === "fhir" && refusesTokens();
    const what = isOfTokens ? "refuses the tokens of all users, also fresh ones" : "does not work";
    const todo = nextStepAfter(cause);
    log.warn(fields, `1upHealth's ${endpoint} endpoint ${what}: ${causeInWords(cause)}; what to do: ${todo}`);
  }

  function worksAgain(endpoint: Endpoint, host: string, call: string): void {
    log.info({ endpoint, host, call }, `1upHealth's ${endpoint} endpoint at ${host} works again`);
  }

  return {
    /** Why the endpoint does not work, or throttles or refuses this process; `null`: its last call was answered. */
    trouble: (endpoint: Endpoint): EndpointTrouble | null => troubleIn(all[endpoint]),

    health(): readonly EndpointHealth[] {
      return (["management", "token", "fhir"] as const).map((endpoint) => {
        const { works, lastSuccess, lastFailure } = all[endpoint];
        const trouble = troubleIn(all[endpoint]);
        return {
          endpoint,
          works,
          lastSuccess: lastSuccess === null ? null : new Date(lastSuccess),
          lastFailure,
          nextStep: trouble && nextStepAfter(trouble.cause),
        };
      });
    },

    /** Records the outcome of a call. */
    note(call: Call, answered: Answer | Unanswered): void {
      const seen = all[call.endpoint];
      const trouble = troubleOf(call, answered);
      const { name, endpoint } = call;
      if (trouble === null) {
        seen.failures = 0;
        seen.lastSuccess = answered.type === "answer" ? answered.receivedAt : clock.now();
      } else {
        const cause = printed(trouble.cause, fingerprint);
        if (cause.code === "DEADLINE_PASSED") return; // nothing was sent, and the endpoint was not asked
        seen.failures++;
        seen.outcome = trouble.outcome;
        seen.lastFailure = { ...cause, attempt: seen.failures, at: new Date(clock.now()), retryAt: null };
      }
      const works = trouble?.isDown !== true && !(endpoint === "fhir" && refusesTokens());
      if (works && seen.works) return;
      const now = clock.monotonic();
      if (!works) seen.downAt = now;
      // An endpoint that answers every other call does not work; a line for each would bury the others.
      if (works === seen.works || (works && now - seen.downAt < recoveryMs)) return;
      seen.works = works;
      if (works) worksAgain(endpoint, new URL(call.url).host, name);
      else if (seen.lastFailure !== null) stopped(endpoint, seen.lastFailure);
    },

    /** Whether FHIR refuses the tokens of all users, also those that were granted a moment ago. */
    get refusesTokens(): boolean {
      return refusesTokens();
    },

    /** FHIR has refused a token of this user that was granted a moment ago. */
    freshTokenRefused(user: string): void {
      if (refusesTokens()) return;
      refused.add(user);
      const { fhir } = all;
      if (!refusesTokens() || fhir.lastFailure === null) return;
      const isNews = fhir.works;
      fhir.works = false;
      fhir.downAt = clock.monotonic();
      if (isNews) stopped("fhir", fhir.lastFailure);
    },

    /** FHIR has accepted a user's token. */
    tokenAccepted(): void {
      if (refused.size === 0) return;
      const isNews = refusesTokens();
      refused.clear();
      const { fhir } = all;
      if (!isNews || fhir.works || fhir.lastFailure === null) return;
      fhir.works = true;
      worksAgain("fhir", fhir.lastFailure.host, fhir.lastFailure.call);
    },
  };
}

/** See {@link endpointsSeen}. */
export type Endpoints = ReturnType<typeof endpointsSeen>;

/** What the last call met; `null`: it was answered. */
function troubleIn({ failures, lastFailure, outcome }: Seen): EndpointTrouble | null {
  return failures > 0 && lastFailure !== null ? { outcome, cause: lastFailure } : null;
}
