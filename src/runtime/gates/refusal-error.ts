/**
 * The error for a refusal that means the same for every call, also while it shuts a gate.
 *
 * @module
 */
import { because, type Cause, type ErrorCode, type LifecycleError } from "../../errors.ts";
import type { GateReason } from "../../../machines/index.ts";
import type { Refusal } from "../../http/answer.ts";
import { betweenNeutralMs } from "./blocking.ts";
import { errorOf } from "./gate-rules.ts";
import type { Blocked } from "./permit.ts";

type Refuse = (code: ErrorCode, why: string, retryAfterMs?: number) => LifecycleError;

/** The error that `refuse` makes of it, with a time after which to try again if there is one. */
export function refusalError(
  refusal: Exclude<Refusal, { readonly type: "inDoubt" }>,
  refuse: Refuse,
): LifecycleError {
  switch (refusal.type) {
    case "credentialsRefused":
      return refuse("CREDENTIALS_REFUSED", "1upHealth refuses the client id and secret");
    case "blocked":
      return refuse(
        "FORBIDDEN",
        `the call was blocked before it reached 1upHealth (${refusal.why}), often because of the location of this process`,
        betweenNeutralMs,
      );
    case "throttled":
      return refuse("RATE_LIMITED", "1upHealth answered 429", refusal.retryAfterMs ?? 60_000);
    case "refused":
      return refuse("BAD_ANSWER", `1upHealth refused it (${refusal.why})`);
    case "unexplained":
      return refuse("BAD_ANSWER", `1upHealth refused it without a reason (${refusal.why})`);
  }
}

/**
 * The error for a call that a shut gate stops, as for the call that shut it. `trouble`: that call, if this process has seen
 * it. Refused credentials have to be corrected, so there is no time after which to try again.
 */
export function shutError(
  { reason, until }: Blocked,
  now: number,
  trouble: Cause | null,
  refuse: Refuse,
): LifecycleError {
  const afterMs = reason === "credentials" ? undefined : Math.max(1, until - now);
  const error = refuse(
    errorOf[reason] ?? "RATE_LIMITED",
    `${whyShut[reason]}, so nothing is sent now`,
    afterMs,
  );
  return trouble === null ? error : because(error, trouble);
}

const whyShut: Readonly<Record<GateReason, string>> = {
  throttled: "1upHealth answered 429",
  rateLimit: "the limit is reached",
  unavailable: "calls to 1upHealth got no answer",
  credentials: "1upHealth refuses the client id and secret",
  forbidden: "calls of this process are blocked before they reach 1upHealth",
};
