/**
 * Which outcome shuts which gate of the account, why, and for how long. Pure.
 *
 * @module
 */
import type { Cause, ErrorCode } from "../../errors.ts";
import type { Endpoint } from "../../http/call.ts";
import type { Endpoints } from "../../http/endpoints.ts";
import type { GatedCall, GateName } from "../../guard/gates.ts";
import type { Gate, GateReason } from "../../../machines/index.ts";
import {
  afterForbidden,
  afterNamedThrottling,
  afterOutage,
  afterRefusedCredentials,
  afterThrottling,
  afterTrouble,
  doubling,
  longestThrottlingMs,
  type Backoff,
} from "../options/backoff.ts";
import type { NeutralEndpoint } from "./blocking.ts";
import { isUnanswered } from "./permit.ts";

interface GateKind {
  /** Its backoff when it is shut repeatedly. */
  readonly backoff: Backoff;
  /** The reason that it is normally shut for. */
  readonly reason: GateReason;
  /** The endpoints whose failed calls shut it. */
  readonly endpoints: readonly Endpoint[];
}

const kinds: Readonly<Record<GateName, GateKind>> = {
  management: { backoff: afterThrottling, reason: "throttled", endpoints: ["management"] },
  token: { backoff: afterThrottling, reason: "throttled", endpoints: ["token"] },
  fhir: { backoff: afterThrottling, reason: "throttled", endpoints: ["fhir"] },
  exchange: { backoff: afterTrouble, reason: "unavailable", endpoints: ["token"] },
  secret: { backoff: afterRefusedCredentials, reason: "credentials", endpoints: ["management", "token"] },
  region: { backoff: afterForbidden, reason: "forbidden", endpoints: ["management", "token"] },
};

/** The reason that the gate is normally shut for. */
export function reasonOf(name: GateName): GateReason {
  return kinds[name].reason;
}

/** The reason that such an outcome shuts the gate for. */
export function reasonFor(name: GateName, outcome: string): GateReason {
  return name === "management" && isUnanswered(outcome) ? "unavailable" : reasonOf(name);
}

/** What an error with such a cause is called; `null`: the configured limit is reached, which is no error. */
export const errorOf: Readonly<Record<GateReason, ErrorCode | null>> = {
  throttled: "RATE_LIMITED",
  rateLimit: null,
  unavailable: "UNAVAILABLE",
  credentials: "CREDENTIALS_REFUSED",
  forbidden: "FORBIDDEN",
};

/** The outcomes of calls that shut a gate for the reason. */
const outcomesOf: Readonly<Record<GateReason, readonly string[]>> = {
  throttled: ["throttled"],
  rateLimit: [],
  unavailable: ["notSent", "lost", "inDoubt", "blocked"],
  credentials: ["credentialsRefused"],
  forbidden: ["blocked"],
};

/** Another process may have shut the gate anew since, each time after so long at most, ms. */
const betweenTriesMs = afterTrouble.longestMs;

/**
 * The latest failed call because of which this gate may be shut, of those that this process has seen: another process may
 * have shut it for another reason, or long after.
 */
export function troubleAt(
  name: GateName,
  { reason, since, attempt }: Pick<Gate, "reason" | "since" | "attempt">,
  endpoints: Endpoints,
): Cause | null {
  if (reason === null) return null;
  const from = since - attempt * betweenTriesMs;
  const seen = kinds[name].endpoints.flatMap((endpoint) => endpoints.trouble(endpoint) ?? []);
  return (
    seen
      .filter(({ outcome, cause }) => outcomesOf[reason].includes(outcome) && cause.at.getTime() >= from)
      .map(({ cause }) => cause)
      .toSorted((one, other) => other.at.getTime() - one.at.getTime())[0] ?? null
  );
}

/** The endpoint of the neutral call for this call; `null`: a refusal by FHIR concerns that call only. */
export function neutralFor(call: GatedCall): NeutralEndpoint | null {
  if (call === "fhir" || call === "purge" || call === "any") return null;
  return call === "exchangeCode" || call === "refreshToken" ? "token" : "management";
}

/** Whether the call reads 1upHealth's list of users, which may be answered where nothing can be written. */
export function readsList(call: GatedCall): boolean {
  return call === "listUsers" || call === "findUser" || call === "findLeaver";
}

/** The gate that an outcome shuts. The gate of this process alone is handled in `process-gate.ts`. */
export function shutBy(call: GatedCall, outcome: string): GateName | null {
  const isFhir = call === "fhir" || call === "purge";
  if (outcome === "throttled") return isFhir ? "fhir" : (neutralFor(call) ?? "management");
  if (outcome === "credentialsRefused") return isFhir ? null : "secret";
  const isUnknown = outcome === "notSent" || isUnanswered(outcome);
  return isUnknown && call === "exchangeCode" ? "exchange" : null;
}

/** What the wait at a gate depends on. */
export interface GateRules {
  /** How often it has been shut in a row, including this time. */
  readonly attempt: number;
  /** The `Retry-After` of 1upHealth, ms. */
  readonly retryAfterMs?: number | undefined;
  /** A call was sent to probe the gate and got no response. */
  readonly isUnanswered: boolean;
  /** The reason that it is shut for. */
  readonly reason: GateReason;
  /** The window of the management limit, ms. */
  readonly windowMs: number;
}

/**
 * How long the gate stays shut, ms. A `Retry-After` is honoured, but repeated 429s lengthen the wait each time:
 * otherwise 429s without a `Retry-After`, or with one in the past, would use up every slot of the account.
 */
export function shutForMs(
  name: GateName,
  { attempt, retryAfterMs, isUnanswered, reason, windowMs }: GateRules,
): number {
  if (retryAfterMs !== undefined && !Number.isNaN(retryAfterMs)) {
    // seam: each-429-in-a-row-lengthens-the-wait
    const leastMs = Math.min(doubling(afterNamedThrottling, attempt), windowMs);
    // seam: retry-after-is-waited-for
    return Math.min(Math.max(retryAfterMs, leastMs), longestThrottlingMs);
  }
  // A 429 without a time is waited for as long as its predecessors suggest, but no longer than the window of the limit:
  // by then its slots are free again.
  if (!isThrottling(name)) return doubling(kinds[name].backoff, attempt);
  if (reason === "unavailable") return doubling(afterOutage, attempt);
  // seam: a-429-without-a-time-is-waited-for
  return Math.min(doubling(isUnanswered ? afterTrouble : kinds[name].backoff, attempt), windowMs);
}

/** How long a user waits that 1upHealth throttles individually, ms. */
export function throttledAloneMs(attempt: number, retryAfterMs: number | undefined): number {
  const ownMs = 2 * doubling(afterThrottling, attempt);
  const named = { attempt, retryAfterMs, isUnanswered: false, reason: "throttled", windowMs: ownMs } as const;
  return Math.max(ownMs, shutForMs("token", named));
}

/** Whether a 429 shuts this gate. Then any other response shows that the throttling is over. */
export function isThrottling(name: GateName): boolean {
  return name === "management" || name === "token" || name === "fhir";
}
