/**
 * What shuts which gate of the account, why, and for how long at first. Pure.
 *
 * @module
 */
import type { GatedCall, GateName } from "../guard/gates.ts";
import type { GateReason } from "../../machines/index.ts";
import { afterForbidden, afterRefusedCredentials, afterThrottling, afterTrouble } from "./pauses.ts";
import type { Growth } from "./pauses.ts";

/** How the wait of a gate grows while it is shut again and again. */
export const growth: Readonly<Record<GateName, Growth>> = {
  management: afterThrottling,
  token: afterThrottling,
  fhir: afterThrottling,
  exchange: afterTrouble,
  secret: afterRefusedCredentials,
  region: afterForbidden,
};

/** Why such a gate is shut. */
export function reasonOf(name: GateName): GateReason {
  switch (name) {
    case "management":
    case "token":
    case "fhir":
      return "throttled";
    case "exchange":
      return "unavailable";
    case "secret":
      return "credentials";
    case "region":
      return "forbidden";
  }
}

/** The gate that an outcome shuts. */
export function shutBy(call: GatedCall, outcome: string): GateName | null {
  switch (outcome) {
    case "throttled":
      if (call === "fhir" || call === "purge") return "fhir";
      return call === "exchangeCode" || call === "refreshToken" ? "token" : "management";
    case "credentialsRefused":
      return call === "fhir" || call === "purge" ? null : "secret";
    case "forbidden":
      return call === "fhir" || call === "purge" ? null : "region"; // a 403 of FHIR is that call's own
    case "notSent":
    case "lost":
    case "inDoubt":
      return call === "exchangeCode" ? "exchange" : null;
    default:
      return null;
  }
}
