/** What of its matches a search returns: parts of them (`_elements`, `_summary`), and resources that they refer to. */

import { isObject } from "../../checks.ts";
import { membersOf } from "../resources/resource-text.ts";
import type { FhirCall } from "./fhir-call.ts";
import { shown, type StoredResource } from "../resources/stored-resource.ts";
import { parseObject } from "../base/message.ts";
import { along } from "./search-filters.ts";
import { searchParameter } from "./search-parameter.ts";

/** Makes the part of a resource, given as JSON, that a search asks for; `undefined`: all of it. */
export function partFor(
  { world }: FhirCall,
  search: URLSearchParams,
): ((text: string) => string) | undefined {
  const summary = search.get("_summary");
  const elements = search.get("_elements")?.split(",");
  const { parts } = world.settings;
  if (parts === "whole") return undefined;
  if (elements === undefined && (summary === null || summary === "false" || summary === "count"))
    return undefined;
  const isKept = (name: string): boolean => {
    if (["resourceType", "id", "meta"].includes(name)) return true;
    if (elements !== undefined) return elements.includes(name);
    return summary === "data" ? name !== "text" : name === (summary === "text" ? "text" : "identifier");
  };
  return (text) => {
    const kept = [...membersOf(text)].filter(([name]) => isKept(name));
    const all = kept.map(([name, value]) => {
      const isTagged = name === "meta" && parts === "tagged" && value.endsWith("}");
      return `"${name}":${isTagged ? `${value.slice(0, -1)},"tag":[{"code":"SUBSETTED"}]}` : value}`;
    });
    return `{${all.join(",")}}`;
  };
}

/**
 * The resources that matches refer to by the search parameters that `_include` names, and those that refer to matches by
 * those of `_revinclude`, each once.
 */
export function includedIn(
  { world, reader, version }: FhirCall,
  search: URLSearchParams,
  matches: readonly StoredResource[],
): readonly StoredResource[] {
  const now = world.now();
  const found = new Set<StoredResource>();

  /** What a resource of `type` refers to by a parameter: `Observation:subject`, or only to one type: `…:Patient`. */
  function targetsOf(stored: StoredResource, asked: string): readonly StoredResource[] {
    const [type = "", name = "", only] = asked.split(":");
    const resource = stored.type === type ? parseObject(shown(stored, now)?.text ?? "") : undefined;
    const paths = searchParameter(type, name)?.paths ?? [];
    return paths
      .flatMap((path) => along(resource, path))
      .flatMap((element) => {
        const reference = isObject(element) ? String(element["reference"]) : "";
        const [, target = "", id = ""] = /(?:^|\/)([A-Z]\w+)\/([^/]+)$/.exec(reference) ?? [];
        if (only !== undefined && only !== target) return [];
        const one = world.resources.readable(reader, version, target, id, now);
        return one === undefined || shown(one, now)?.text === undefined ? [] : [one];
      });
  }

  for (const asked of search.getAll("_include"))
    for (const match of matches) for (const one of targetsOf(match, asked)) found.add(one);
  const all = new Set(matches);
  for (const asked of search.getAll("_revinclude")) {
    const [type = ""] = asked.split(":");
    for (const one of world.resources.find(reader, version, { type }, now))
      if (targetsOf(one, asked).some((target) => all.has(target))) found.add(one);
  }
  return [...found].filter((one) => !all.has(one));
}
