/** Adds resources without a call: the data that a test needs before its first call. */

import { isFhirVersion, isServed } from "../resources/served-types.ts";
import { jsonText, parseObject } from "../base/message.ts";
import { isDeeper } from "../base/is-deeper.ts";
import { invalid } from "../../checks.ts";
import type { World } from "./world.ts";

const verb = "add the resources";

/**
 * Adds resources of a user, readable at once, and returns their ids.
 *
 * @throws {LifecycleError} `INVALID_OPTION`; the resources before the invalid one have been added
 */
export function addResources(
  world: World,
  owner: number,
  version: string,
  resources: Iterable<object | string>,
): string[] {
  if (!isFhirVersion(version)) throw invalid(verb, "version must be one of dstu2, stu3, r4", "another");
  const ids: string[] = [];
  for (const resource of resources) {
    const text = typeof resource === "string" ? resource : (jsonText(resource) ?? "");
    const parsed = parseObject(text);
    const type = parsed?.["resourceType"];
    if (parsed === undefined || typeof type !== "string" || !isServed(version, type) || isDeeper(parsed)) {
      const rule = `each must be a resource that 1upHealth serves in ${version}`;
      throw invalid(verb, rule, `something else after ${ids.length} of them`);
    }
    ids.push(world.resources.create(owner, version, type, text, world.now(), true).id);
  }
  return ids;
}
