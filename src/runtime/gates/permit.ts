/**
 * The right of a run to make calls through the gates of the account, and what can block it.
 *
 * @module
 */
import type { Gate, GateReason } from "../../../machines/index.ts";
import type { GateName } from "../../guard/gates.ts";
import { TransportError } from "../../http/transport.ts";
import type { Slot } from "../../store/contract.ts";

/** Why a call is blocked, and until when (ms since 1970) at least. */
export interface Blocked {
  /** The gate. */
  readonly by: GateName;
  readonly reason: GateReason;
  readonly until: number;
  /** This user shut the gate, so others may probe it first. */
  readonly yields?: true;
  /** Nothing that others do ends this wait, so there is no point in asking again before `until`. */
  readonly isLong?: true;
}

/** A slot, and whether it is too late for its call to leave. */
export interface GrantedSlot {
  readonly slot: Slot;
  readonly isOver: () => boolean;
}

/** The right of one run to make calls: through open gates, and through those that it probes. */
export interface Permit {
  /** Unique together with the name of the process. */
  readonly number: number;
  /** The user that it calls for, if it is a single one. */
  readonly about: string | null;
  /** The gates that this permit probes. */
  probing: ReadonlySet<GateName>;
  /** When it was last admitted, on `clock.monotonic()`: outcomes of calls from before a gate reopened are ignored. */
  enteredAt: number;
  /** When it spent another code on a probe. */
  probeCodeAt: number | undefined;
  /** A slot of the management limit that its user was granted and has not used yet. */
  granted: GrantedSlot | null;
  /** A slot of the token endpoint's limit, taken before a code is requested, so that the code can be exchanged. */
  exchangeSlot: Slot | null;
  /** A slot of FHIR's limit, taken before a user is looked up to be purged, so that the purge can leave. */
  purgeSlot: Slot | null;
  /** The key of the secret it was admitted with: an outcome with an old secret shows nothing about a new one. */
  secret: string;
  /** The last call for its user was postponed. */
  wasPostponed: boolean;
  /** A call without a user's id, made in its place, was answered and opened the gate again. */
  isCleared: boolean;
  /** The last call for its user had no result, for whatever reason. */
  isRetry: boolean;
  /** It has had its turn for this attempt, see `retries-in-turn.ts`. */
  hasTurn: boolean;
  /** Exchanges for its user have failed before, and none has succeeded since. */
  hasFailed: boolean;
}

/** The outcome of a call, as far as the gates need it. */
export interface Outcome {
  readonly type: string;
  readonly retryAfterMs?: number | undefined;
  /** The reason, if it is a refusal or decides nothing. */
  readonly why?: string;
  /** The error of the transport, if there was no response. */
  readonly cause?: unknown;
  /** The gate that it shuts need not stay shut for longer, ms. */
  readonly mostMs?: number;
  /** The call was one for a user, and lists of users are answered. */
  readonly answersLists?: boolean;
}

/** The scope of a refusal: that user only, or all calls of this process. */
export type TroubleScope = "own" | "shared";

/** No gate is probed. */
export const noProbes: ReadonlySet<GateName> = new Set();

/** Outcomes of a call for a code after which a code may have been issued. */
export const bringsCode: ReadonlySet<string> = new Set(["created", "code", "lost", "inDoubt"]);

/** The permit no longer probes this gate. */
export function stopProbing(permit: Permit, name: GateName): void {
  if (permit.probing.has(name))
    permit.probing = new Set([...permit.probing].filter((other) => other !== name));
}

/** Whether the response concerns the whole account. */
export function concernsAccount({ type }: Outcome): boolean {
  return type === "throttled" || type === "credentialsRefused";
}

/** Whether a call with this outcome got no response, or one that decides nothing, like a server error. */
export function isUnanswered(outcome: string): boolean {
  return outcome === "lost" || outcome === "inDoubt";
}

/** Codes of calls that this process chose not to send, whether or not it could. */
const unsentByChoice: ReadonlySet<string> = new Set(["DEADLINE_PASSED", "ABORTED"]);

/** Whether the call could not be sent, because there is no connection. */
export function isUnconnected({ type, cause }: Outcome): boolean {
  return type === "notSent" && !(cause instanceof TransportError && unsentByChoice.has(cause.code));
}

/** Describes a shut gate as a {@link Blocked}. */
export function blockedBy(name: GateName, gate: Gate): Blocked {
  return { by: name, reason: gate.reason ?? "unavailable", until: gate.until };
}
