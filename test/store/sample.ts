/** Users as this release keeps them, and what seals their secrets. */

import { Secret } from "../../src/secret.ts";
import type { Envelope } from "../../src/store/envelope.ts";
import { storeKeyOf } from "../../src/store/sealing/key-record.ts";
import { Sealer, type Owner, type Secrets } from "../../src/store/sealing/sealer.ts";

export const envelope: Envelope = {
  format: 1,
  state: "codeIssued",
  context: { oneupUserId: 42, active: true, codeFrom: "creation", codeAt: 1_767_225_600_000 },
  intent: { call: "exchangeCode", attempt: "0123456789abcdef", at: 1_767_225_601_000 },
  pause: { reason: "rateLimit", until: 1_767_225_700_000 },
  lane: "bulk",
  history: [[1_767_225_600_000, "codeIssued", "USER_CREATED"]],
  calls: { management: 1, token: 0 },
  sealed: { key: "0123456789ab", fields: ["code"], text: "AAAA" },
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

/** A sealer that writes `format`, with these store keys, newest first. */
export function sealerOf(format: number, storeKeys: readonly Uint8Array[], account = "account"): Sealer {
  const [first = new Uint8Array(32), ...others] = storeKeys;
  return new Sealer(
    {
      format,
      storeKeys: [storeKeyOf(first), ...others.map(storeKeyOf)],
      names: storeKeys.at(-1) ?? first,
    },
    account,
    3,
  );
}

/** Ada, a user that 1upHealth knows. */
export const ada: Owner = { user: "ada", oneupUserId: 42 };
