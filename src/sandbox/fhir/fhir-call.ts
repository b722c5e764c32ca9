/** A parsed FHIR call, and responses that several calls share. */

import type { FhirVersion } from "../resources/served-types.ts";
import type { Incoming } from "../base/message.ts";
import { issue } from "./operation-outcome.ts";
import type { Carried } from "../base/plan.ts";
import type { Reader, StoredResource } from "../resources/stored-resource.ts";
import type { World } from "../state/world.ts";

/** A parsed FHIR call. */
export interface FhirCall {
  readonly world: World;
  readonly incoming: Incoming;
  readonly reader: Reader;
  readonly version: FhirVersion;
  readonly type: string;
  readonly id: string;
  /** The last path segment: the user that `_permission` names, or the version of a `vread`. */
  readonly last: string;
  /** Absolute URL of the FHIR version, without a trailing slash. */
  readonly root: string;
  /** The time by which all is visible that this answer shows. */
  readonly lookedAt: () => number;
  /** Carries out another call of the same caller: an entry of a batch. */
  readonly carryOut: (incoming: Incoming) => Carried;
}

/** The resource does not exist, or the caller may not see it. */
export function absent(): Carried {
  return issue(404, "not-found", "Resource not found");
}

/** The resource was deleted. The option `deleted` decides whether the response shows that. */
export function gone({ world }: FhirCall): Carried {
  return world.settings.deleted === 410 ? issue(410, "deleted", "Resource was deleted") : absent();
}

/** Refuses a write for all users at once. */
export function ambiguous(): Carried {
  return issue(400, "invalid", "x-oneup-user-id must name one user");
}

const tooEarly = "Resource not found: it was created a moment ago, and reads do not show it yet (readLagMs)";

/** Calls `use` with the addressed resource, if the caller may read it and it is not deleted. */
export function withReadable(call: FhirCall, use: (stored: StoredResource) => Carried): Carried {
  const { world, reader, version, type, id, lookedAt } = call;
  const stored = world.resources.readable(reader, version, type, id, lookedAt());
  if (stored !== undefined) return use(stored);
  const isLagging = world.resources.owned(reader, version, type, id) !== undefined;
  return isLagging ? { ...issue(404, "not-found", tooEarly), outcome: "lagging" } : absent();
}
