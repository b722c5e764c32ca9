import type { ErrorCode } from "oneup-lifecycle";

/** What an application may hear when things go wrong, without anything being wrong with the library. */
export const fairErrors: readonly ErrorCode[] = [
  "STORE_UNAVAILABLE",
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
