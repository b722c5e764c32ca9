/**
 * Which gates apply to which call, and when a shut gate may be probed. Pure.
 *
 * @module
 */

/**
 * A gate: one per endpoint, shut by a 429; `exchange`, shut when the token endpoint does not answer; `secret`, one per
 * client secret, shut when the credentials are refused; `region`, shut within this process while its calls are blocked (403) or
 * cannot be sent.
 */
export type GateName = "management" | "token" | "fhir" | "exchange" | "secret" | "region";

/** The calls that gates apply to; `findLeaver`: the look-up before a purge. */
export type GatedCall =
  | "createUser"
  | "issueAuthCode"
  | "listUsers"
  | "updateUser"
  | "exchangeCode"
  | "refreshToken"
  | "findUser"
  | "findLeaver"
  | "purge"
  | "fhir"
  | "any";

/**
 * The gates of each call; `any`: those of every call made with the client's credentials. A call that brings a code also
 * waits for the gates of its exchange, because a code expires within minutes. So does a look-up before a purge for the
 * gate of that purge, because it is valid for minutes.
 */
export const gatesBefore: Readonly<Record<GatedCall, readonly GateName[]>> = {
  createUser: ["secret", "region", "token", "exchange", "management"],
  issueAuthCode: ["secret", "region", "token", "exchange", "management"],
  listUsers: ["secret", "region", "management"],
  updateUser: ["secret", "region", "management"],
  findUser: ["secret", "region", "management"],
  findLeaver: [
    "secret",
    "region",
    // seam: a-leaver-is-looked-up-once-its-purge-can-leave
    "fhir",
    "management",
  ],
  exchangeCode: ["secret", "region", "token", "exchange"],
  refreshToken: ["secret", "region", "token"],
  purge: ["secret", "region", "fhir"],
  fhir: ["fhir"],
  any: ["secret", "region"],
};

/** Minimum interval between two codes spent on probing an unresponsive token endpoint, per account, ms. */
const codeAgainMs = 3_600_000;
/** How long a call that brings a code leaves the probe to a user that already has a code, ms. */
const withoutCodeMs = 10_000;
/** How long after them a user may probe whose own exchanges may be at fault, ms. */
const afterNewcomersMs = 5_000;
/** The same after a code was already spent on probing: the user that has it may never continue. */
const afterCodeMs = 300_000;

/** Whether another code may be spent to find out if the token endpoint is back: at most one per hour. */
export function maySpendCode(probeCodeAt: number | null, now: number): boolean {
  return probeCodeAt === null || now - probeCodeAt >= codeAgainMs;
}

/** The gate's fields that matter here. */
interface Shut {
  readonly until: number;
  readonly probeCodeAt: number | null;
}

/** Whether this call may probe a gate that is shut until `until`. */
export function mayProbe(name: GateName, gate: Shut, call: GatedCall, now: number): boolean {
  // seam: a-shut-gate-is-probed
  return now >= probesFrom(name, gate, call);
}

/** The time from which this call may probe the gate, ms since 1970. */
export function probesFrom(name: GateName, { until, probeCodeAt }: Shut, call: GatedCall): number {
  if (!isForLaterExchange(name, call)) return until;
  const soon = until + withoutCodeMs;
  return probeCodeAt === null
    ? soon
    : Math.min(until + afterCodeMs, Math.max(soon, probeCodeAt + codeAgainMs));
}

/** Whether the gate applies to a call that brings a code only because of the exchange that follows. */
export function isForLaterExchange(name: GateName, call: GatedCall): boolean {
  const forExchange = name === "exchange" || name === "token";
  return forExchange && (call === "createUser" || call === "issueAuthCode");
}

/** Whether the gate applies to the look-up before a purge only because of the purge that follows. */
export function isForLaterPurge(name: GateName, call: GatedCall): boolean {
  return name === "fhir" && call === "findLeaver";
}

/** How long a user whose calls had no answer lets others probe user management first, ms. */
const afterOthersMs = 30_000;
/** Maximum time by which the user that shut a gate lets other users go first, ms. */
const longestYieldMs = 30_000;

/**
 * When a user whose last call was throttled may probe a gate that a 429 shut: later than the other users by the time
 * for which it was shut. The 429 may concern that user alone, and its probes would then shut the gate for ever longer.
 * Likewise a user whose exchanges have failed lets users without a code probe the gate `exchange`, and one whose calls to
 * user management had no answer lets others probe that.
 */
export function yieldsUntil(name: GateName, { state, reason, since, until }: Yielding): number {
  if (name === "exchange") return until + withoutCodeMs + afterNewcomersMs;
  if (reason === "unavailable") return until + afterOthersMs;
  const shutMs = state === "throttled" ? Math.max(0, until - since) : 0;
  return until + Math.min(shutMs, longestYieldMs);
}

/** The gate's fields that {@link yieldsUntil} needs. */
interface Yielding {
  readonly state: string;
  readonly reason: string | null;
  readonly since: number;
  readonly until: number;
}
