/** A FHIR call, taken apart, and what its parts have in common. */

import type { FhirVersion } from "./fhir-types.ts";
import type { Incoming } from "./message.ts";
import { issue } from "./operation-outcome.ts";
import type { Carried } from "./plan.ts";
import type { Reader, StoredResource } from "./stored-resource.ts";
import type { World } from "./world.ts";

/** A FHIR call, taken apart. */
export interface FhirCall {
  readonly world: World;
  readonly incoming: Incoming;
  readonly reader: Reader;
  readonly version: FhirVersion;
  readonly type: string;
  readonly id: string;
  /** The last part of the path: the user with whom `_permission` shares, or the version of a `vread`. */
  readonly last: string;
  /** Absolute address of the version, without a slash at the end. */
  readonly root: string;
}

/** There is none, or none that the caller may see. */
export function absent(): Carried {
  return issue(404, "not-found", "Resource not found");
}

/** There was one. The option `deleted` decides whether that shows. */
export function gone({ world }: FhirCall): Carried {
  return world.settings.deleted === 410 ? issue(410, "deleted", "Resource was deleted") : absent();
}

/** A write for all users at once. */
export function ambiguous(): Carried {
  return issue(400, "invalid", "x-oneup-user-id must name one user");
}

/** Uses the resource of the call's address, if the caller may read it and it is not deleted. */
export function withReadable(call: FhirCall, use: (stored: StoredResource) => Carried): Carried {
  const { world, reader, version, type, id } = call;
  const stored = world.resources.readable(reader, version, type, id, world.now());
  return stored === undefined ? absent() : use(stored);
}
