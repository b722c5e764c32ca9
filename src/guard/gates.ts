/**
 * Which gates of the account stand before which call, and when one of them may be tried again. Pure.
 *
 * @module
 */

/**
 * A gate: one for each endpoint, shut by a 429; `exchange`, shut when the token endpoint does not answer; `secret`,
 * shut when the client's credentials are refused (one for each secret); `region`, shut within this process by a 403.
 */
export type GateName = "management" | "token" | "fhir" | "exchange" | "secret" | "region";

/** The calls that stand before gates. */
export type GatedCall =
  | "createUser"
  | "issueAuthCode"
  | "listUsers"
  | "updateUser"
  | "exchangeCode"
  | "refreshToken"
  | "findUser"
  | "purge"
  | "fhir"
  | "any";

/**
 * The gates before a call; `any`: before each one that is made with the client's credentials. Calls that bring a code
 * wait for its exchange as well: a code is worth something for minutes only.
 */
export const gatesBefore: Readonly<Record<GatedCall, readonly GateName[]>> = {
  createUser: ["secret", "region", "token", "exchange", "management"],
  issueAuthCode: ["secret", "region", "token", "exchange", "management"],
  listUsers: ["secret", "region", "management"],
  updateUser: ["secret", "region", "management"],
  findUser: ["secret", "region", "management"],
  exchangeCode: ["secret", "region", "token", "exchange"],
  refreshToken: ["secret", "region", "token"],
  purge: ["secret", "region", "fhir"],
  fhir: ["fhir"],
  any: ["secret", "region"],
};

/** After so long with a token endpoint that does not answer, one further code of the account may be spent, ms. */
const codeAgainMs = 3_600_000;
/** How long a call that brings a code leaves the first try to somebody who holds one, ms. */
const withoutCodeMs = 10_000;
/** The same when a further code was spent already: whoever held it may be gone for good. */
const afterCodeMs = 300_000;

/** May a further code be spent to find out whether the token endpoint is back? At most one an hour. */
export function maySpendCode(codeAt: number | null, now: number): boolean {
  return codeAt === null || now - codeAt >= codeAgainMs;
}

/** May this call be the one that tries a gate which says "not before `until`"? */
export function mayTry(
  name: GateName,
  gate: { readonly until: number; readonly codeAt: number | null },
  call: GatedCall,
  now: number,
): boolean {
  if (!comesLater(name, call)) return now >= gate.until;
  return now >= gate.until + (maySpendCode(gate.codeAt, now) ? withoutCodeMs : afterCodeMs);
}

/** Does the gate stand before a call that brings a code, for the sake of the exchange that follows? */
export function comesLater(name: GateName, call: GatedCall): boolean {
  const forExchange = name === "exchange" || name === "token";
  return forExchange && (call === "createUser" || call === "issueAuthCode");
}
