/** The state of a sandbox as JSON, and the check that a value is one. */

import { aSwitch, aText, among, check, isObject, type Rule, type Rules, whole } from "../../checks.ts";
import { invalidOption } from "../../errors.ts";
import type { ChanceState } from "../base/chance.ts";
import { aName, type Behaviour, behaviourRules, infinite } from "../options/behaviour.ts";
import type { Revision, StoredResource } from "../resources/stored-resource.ts";
import { isFhirVersion } from "../resources/served-types.ts";
import type { AccessToken, Code, GrantsState, RefreshToken } from "./grants.ts";
import type { QuotaState } from "./quota.ts";
import type { SandboxUser } from "./users.ts";

/** The application's credentials. */
export interface SandboxCredentials {
  readonly clientId: string;
  readonly clientSecret: string;
}

/**
 * A sandbox's state as JSON. Contains codes, tokens and the client secret in clear, and absolute times. Does not contain
 * the clock, the journal or the scripted faults.
 */
export interface SandboxSnapshot {
  readonly format: 1;
  readonly credentials: SandboxCredentials;
  /** Client secrets that `setCredentials()` has replaced. */
  readonly formerSecrets?: readonly string[];
  readonly chance: ChanceState;
  readonly users: readonly SandboxUser[];
  readonly grants: GrantsState;
  readonly resources: readonly StoredResource[];
  readonly quota: QuotaState;
  /** The options changed by `behave()`. */
  readonly behaviour?: Partial<Behaviour>;
}

/** What the credentials must be. */
export const credentialRules: Rules<SandboxCredentials> = { clientId: aName, clientSecret: aName };

const aTime: Rule = { must: "a number", holds: Number.isFinite };
const aCount = whole(0);
const texts = listOf(aText);
const ofUser: Rules<SandboxUser> = { oneupUserId: whole(1), appUserId: aName, active: aSwitch };
const ofCode: Rules<Code> = {
  code: aName,
  oneupUserId: whole(1),
  readyAt: aTime,
  expiresAt: aTime,
  spent: aSwitch,
  family: maybe(aText),
};
const ofToken = { token: aName, oneupUserId: whole(1), expiresAt: aTime };
const ofAccessToken: Rules<AccessToken> = { ...ofToken, revoked: aSwitch };
const ofRefreshToken: Rules<RefreshToken> = {
  ...ofToken,
  family: aText,
  accessTokens: texts,
  state: among("live", "spent", "revoked"),
};
const ofRevision: Rules<Revision> = { versionId: aCount, at: aTime, visibleAt: aTime, text: maybe(aText) };
const ofResource: Rules<StoredResource> = {
  order: aCount,
  id: aName,
  owner: whole(1),
  version: { must: "a FHIR version", holds: (value) => typeof value === "string" && isFhirVersion(value) },
  type: aName,
  revisions: listOf(all(ofRevision)),
  sharedWith: listOf(whole(1)),
};
const ofGrants: Rules<GrantsState> = {
  codes: listOf(all(ofCode)),
  accessTokens: listOf(all(ofAccessToken)),
  refreshTokens: listOf(all(ofRefreshToken)),
};
const ofQuota: Rules<QuotaState> = {
  times: listOf(aTime),
  next: aCount,
  current: aTime,
  used: aCount,
  settledAt: maybe(aTime),
};
const aSnapshot = all<SandboxSnapshot>({
  format: among(1),
  credentials: all(credentialRules),
  formerSecrets: maybe(texts),
  chance: {
    must: "four numbers",
    holds: (value) => listOf(aTime).holds(value) && (value as unknown[]).length === 4,
  },
  users: listOf(all(ofUser)),
  grants: all(ofGrants),
  resources: listOf(all(ofResource)),
  quota: all(ofQuota),
  behaviour: { must: "a behaviour", holds: (value) => value === undefined || isObject(value) },
});

/**
 * Checks a snapshot, which may have been read as JSON, and returns its behaviour.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 */
export function checkSnapshot(snapshot: SandboxSnapshot): Partial<Behaviour> {
  if (!aSnapshot.holds(snapshot))
    throw invalidOption("Cannot restore the sandbox: the value must be a result of snapshot()");
  return { ...check("restore the sandbox", infinite(snapshot.behaviour ?? {}), behaviourRules) };
}

/** An object whose fields hold to these rules. */
function all<T>(rules: Rules<T>): Rule {
  const fields = Object.entries<Rule>(rules);
  return {
    must: "an object",
    holds: (value) => isObject(value) && fields.every(([name, { holds }]) => holds(value[name])),
  };
}

function listOf({ must, holds }: Rule): Rule {
  return { must: `a list, each ${must}`, holds: (value) => Array.isArray(value) && value.every(holds) };
}

function maybe({ must, holds }: Rule): Rule {
  return { must, holds: (value) => value === undefined || holds(value) };
}
