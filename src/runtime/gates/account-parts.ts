/**
 * The dependencies of the account's gates.
 *
 * @module
 */
import type { NeutralEndpoint, NeutralOutcome } from "./blocking.ts";
import type { CredentialsParts } from "../account/credentials-in-use.ts";
import type { Permit } from "./permit.ts";
import type { SharedGatesParts } from "./shared-gates.ts";

/** The dependencies of an `Account`. */
export interface AccountParts extends CredentialsParts, Omit<SharedGatesParts, "secretKey"> {
  /** @throws {LifecycleError} `STORE_UNUSABLE` once the store is known to be emptied or replaced */
  readonly refuseLost: () => void;
  /** Longest throttling without a `Retry-After`: the window of the management limit, ms. */
  readonly windowMs: number;
  /** How long until a call in flight counts as lost, ms. */
  readonly lostMs: number;
  /** Makes a call without a user's id, for this permit. */
  readonly neutral: (endpoint: NeutralEndpoint, permit: Permit) => Promise<NeutralOutcome>;
}
