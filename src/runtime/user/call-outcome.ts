/**
 * The outcome of a call for a user, and the scope of a failure.
 *
 * @module
 */
import type { Unanswered } from "../../http/call.ts";
import type { readPurge } from "../../http/purge.ts";
import type { readTokens } from "../../http/token.ts";
import type { readCreatedUser, readIssuedCode, readUpdatedUser } from "../../http/user-management.ts";
import type { readLocated } from "./located.ts";

/** The outcome of any call. */
export type CallOutcome =
  | Unanswered
  | ReturnType<typeof readCreatedUser>
  | ReturnType<typeof readIssuedCode>
  | ReturnType<typeof readLocated>
  | Exclude<ReturnType<typeof readUpdatedUser>, { readonly type: "updated" }>
  | { readonly type: "updated"; readonly appUserId: string }
  | ReturnType<typeof readTokens>
  | ReturnType<typeof readPurge>;

/** How a call can end without an outcome. */
export type NoOutcomeType = "notSent" | "lost" | "inDoubt" | "died";

/** An outcome that decides nothing. */
export type NoOutcome = Extract<CallOutcome, { readonly type: NoOutcomeType }>;

/**
 * What an outcome means for the user beyond itself. `plain`: nothing more. `kept`: the endpoint is down, so a call in
 * doubt changes nothing: another code would not help. `own`: the refusal also counts against this user.
 */
export type FailureScope = "plain" | "kept" | "own";
