/** A call that has been received and parsed, but not yet carried out. */

import type { Outgoing } from "./message.ts";

/** The calls of 1upHealth, by endpoint; `unknown` is any other request. */
const calls = {
  management: ["createUser", "issueAuthCode", "listUsers", "updateUser"],
  token: ["exchangeCode", "refreshToken"],
  fhir: [
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
    "fhir.export",
    "fhir.exportState",
    "fhir.exportEnd",
    "fhir.exportFile",
  ],
  none: ["loginPage", "unknown"],
} as const;

/** The calls of 1upHealth; `unknown` is any other request. */
export type CallName = (typeof calls)[keyof typeof calls][number];

/** The calls of the user management endpoint. */
export type ManagementCallName = (typeof calls.management)[number];

/** The calls of the analytics host. */
export type ExportCallName = Extract<CallName, `fhir.export${string}`>;

/** The calls of the FHIR endpoint. */
export type FhirCallName = Exclude<(typeof calls.fhir)[number], ExportCallName>;

/** Every {@link CallName}. */
export const callNames: readonly CallName[] = Object.values(calls).flat();

const endpoints = ["management", "token", "fhir"] as const;

/** The endpoint of a call. */
export function kindOf(call: CallName): (typeof endpoints)[number] | undefined {
  return endpoints.find((endpoint) => calls[endpoint].some((one) => one === call));
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
  /** The id that the user has before the call, if that is known: a rename names the new one. */
  readonly formerAppUserId?: string | undefined;
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
