import { isLifecycleError, type ErrorCode } from "oneup-lifecycle";

/** Errors that an application may get because of faults, without a mistake in the library. */
export const fairErrors: readonly ErrorCode[] = [
  "STORE_UNAVAILABLE",
  "STORE_MOVED",
  "CREDENTIALS_REFUSED",
  "FORBIDDEN",
  "USER_NOT_READY",
  "UNAVAILABLE",
  "RATE_LIMITED",
  "IN_DOUBT",
  "BAD_ANSWER",
  "FHIR_REFUSED",
  "USER_CONFLICT",
];

/** Whether the store's user lacked a right: the call is not repeated by itself, and the application makes it again. */
export function lacksRight(error: unknown): boolean {
  return isLifecycleError(error) && error.facts["reason"] === "noRight";
}
