/** What of its matches a search returns: parts of them (`_elements`, `_summary`), and resources that they refer to. */

import { isObject } from "../../checks.ts";
import { membersOf } from "../resources/resource-text.ts";
import type { FhirCall } from "./fhir-call.ts";
import { shown, type StoredResource } from "../resources/stored-resource.ts";
import { parseObject } from "../base/message.ts";
import { along } from "./search-filters.ts";
import { searchParameter } from "./search-parameters.ts";

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

/** The resources that matches refer to by the search parameters that `_include` names, each once. */
export function includedIn(
  { world, reader, version }: FhirCall,
  search: URLSearchParams,
  matches: readonly StoredResource[],
): readonly StoredResource[] {
  const now = world.now();
  const found = new Set<StoredResource>();
  for (const asked of search.getAll("_include")) {
    const [type = "", name = ""] = asked.split(":");
    const paths = searchParameter(type, name)?.paths ?? [];
    for (const match of matches) {
      const resource = match.type === type ? parseObject(shown(match, now)?.text ?? "") : undefined;
      if (resource === undefined) continue;
      for (const element of paths.flatMap((path) => along(resource, path))) {
        const reference = isObject(element) ? String(element["reference"]) : "";
        const [, target = "", id = ""] = /(?:^|\/)([A-Z]\w+)\/([^/]+)$/.exec(reference) ?? [];
        const one = world.resources.readable(reader, version, target, id, now);
        if (one !== undefined && shown(one, now)?.text !== undefined) found.add(one);
      }
    }
  }
  return [...found].filter((one) => !matches.includes(one));
}
