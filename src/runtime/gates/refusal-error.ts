/**
 * The error for a refusal that means the same for every call.
 *
 * @module
 */
import type { ErrorCode, LifecycleError } from "../../errors.ts";
import type { Refusal } from "../../http/answer.ts";
import { betweenNeutralMs } from "./blocking.ts";

/** The error that `refuse` makes of it, with a time after which to try again if there is one. */
export function refusalError(
  refusal: Exclude<Refusal, { readonly type: "inDoubt" }>,
  refuse: (code: ErrorCode, why: string, retryAfterMs?: number) => LifecycleError,
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
