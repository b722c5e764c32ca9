/** A call that has been received and parsed, but not yet carried out. */

import type { Outgoing } from "./message.ts";

const management = ["createUser", "issueAuthCode", "listUsers", "updateUser"] as const;
const token = ["exchangeCode", "refreshToken"] as const;
const fhir = [
  "fhir.create",
  "fhir.read",
  "fhir.vread",
  "fhir.history",
  "fhir.search",
  "fhir.update",
  "fhir.delete",
  "fhir.everything",
  "fhir.batch",
  "fhir.validate",
  "fhir.share",
  "fhir.unshare",
  "fhir.purge",
] as const;

const exports = ["fhir.export", "fhir.exportState", "fhir.exportEnd", "fhir.exportFile"] as const;

/** The calls of 1upHealth; `unknown` is any other request. */
export type CallName =
  | (typeof management)[number]
  | (typeof token)[number]
  | (typeof fhir)[number]
  | (typeof exports)[number]
  | "loginPage"
  | "unknown";

/** The calls of the user management endpoint. */
export type ManagementCallName = (typeof management)[number];

/** The calls of the FHIR endpoint. */
export type FhirCallName = (typeof fhir)[number];

/** Every {@link CallName}. */
export const callNames: readonly CallName[] = [
  ...management,
  ...token,
  ...fhir,
  ...exports,
  "loginPage",
  "unknown",
];

const kinds: ReadonlyMap<CallName, "management" | "token" | "fhir"> = new Map([
  ...management.map((call) => [call, "management"] as const),
  ...token.map((call) => [call, "token"] as const),
  ...[...fhir, ...exports].map((call) => [call, "fhir"] as const),
]);

/** The endpoint of a call. */
export function kindOf(call: CallName): "management" | "token" | "fhir" | undefined {
  return kinds.get(call);
}

/** Secrets by kind; the journal masks them. */
export type Secrets = Readonly<
  Partial<
    Record<
      "code" | "accessToken" | "refreshToken" | "issuedCode" | "issuedAccessToken" | "issuedRefreshToken",
      string
    >
  >
>;

/** The user of a call, as far as it is known. */
export interface Subject {
  readonly appUserId?: string | undefined;
  readonly oneupUserId?: number | undefined;
}

/** A call ready to be carried out. */
export interface Plan extends Subject {
  readonly call: CallName;
  /** Secrets that the caller presented. */
  readonly secrets?: Secrets;
  /** Carries the call out: the only place where the world changes. */
  carryOut(): Carried;
}

/** The result of a call. */
export interface Carried extends Subject {
  readonly outgoing: Outgoing;
  /** One word, for the journal. */
  readonly outcome: string;
  /** Whether the call was carried out. */
  readonly committed: boolean;
  /** Secrets that were issued. */
  readonly secrets?: Secrets;
}

/** A refusal, which changes nothing. */
export function refused(outcome: string, outgoing: Outgoing): Carried {
  return { outgoing, outcome, committed: false };
}
