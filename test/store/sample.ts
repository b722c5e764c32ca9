/** A user as this release keeps it. */

import { Secret } from "../../src/secret.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import type { Secrets } from "../../src/store/seal.ts";

export const envelope: Envelope = {
  format: 1,
  state: "codeIssued",
  context: { oneupUserId: 42, active: true, codeFrom: "creation", codeAt: 1_767_225_600_000 },
  intent: { call: "exchangeCode", attempt: "0123456789abcdef", at: 1_767_225_601_000 },
  pause: { reason: "rateLimit", until: 1_767_225_700_000 },
  lane: "bulk",
  history: [[1_767_225_600_000, "codeIssued", "USER_CREATED"]],
  calls: { management: 1, token: 0 },
  sealed: { fields: ["code"], text: "AAAA" },
};

export const secrets: Secrets = {
  code: new Secret("a-one-time-code"),
  accessToken: new Secret("an-access-token"),
  refreshToken: new Secret("a-refresh-token"),
};

/** Secrets as plain text, for comparisons. */
export function revealed(of: Secrets): Record<string, string> {
  return Object.fromEntries(Object.entries(of).map(([name, secret]) => [name, secret.reveal()]));
}
