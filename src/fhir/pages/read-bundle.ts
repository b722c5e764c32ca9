/**
 * Reads a page: what was searched for, what came with it, and where it goes on.
 *
 * @module
 */
import { field, isObject, numeric, text, type JsonObject } from "../http/json.ts";
import { issuesIn, type FhirIssue } from "./issues.ts";

/** What stands on a page. */
export interface PageContent {
  readonly matches: readonly JsonObject[];
  readonly included: readonly JsonObject[];
  readonly issues: readonly FhirIssue[];
  readonly total: number | undefined;
  /** The link to the next page, as the server wrote it. */
  readonly next: string | undefined;
  /** Tells this page from others: ids and versions, in order. `""` if it is empty. */
  readonly marks: string;
}

/**
 * The content of a Bundle.
 *
 * @param resourceType what was searched for; of everything if missing
 * @returns in words, what of it is not as it must be
 */
export function readBundle(bundle: JsonObject, resourceType: string | undefined): PageContent | string {
  const { entry = [], link = [] } = bundle;
  if (!Array.isArray(entry) || !Array.isArray(link)) return "a Bundle whose entries and links are lists";
  const matches: JsonObject[] = [];
  const included: JsonObject[] = [];
  const issues: FhirIssue[] = [];
  for (const one of entry as readonly unknown[]) {
    const resource = field(one, "resource");
    if (resource === undefined && isDeletion(one)) continue;
    const type = text(field(resource, "resourceType"));
    if (!isObject(resource) || type === undefined) return "a resource in each entry of the Bundle";
    const mode = field(field(one, "search"), "mode");
    const wanted = resourceType === undefined || resourceType === type;
    if (type === "OperationOutcome" && resourceType !== type) issues.push(...issuesIn(resource));
    else if (mode === "include" || (mode === undefined && !wanted)) included.push(resource);
    else if (wanted) matches.push(resource);
    else return `a ${resourceType} in each entry that matches`;
  }
  return {
    matches,
    included,
    issues,
    total: numeric(field(bundle, "total")),
    next: nextLink(link),
    marks: [...matches, ...included].map(mark).join(" "),
  };
}

/** In a history. */
function isDeletion(entry: unknown): boolean {
  return field(field(entry, "request"), "method") === "DELETE";
}

function nextLink(links: readonly unknown[]): string | undefined {
  const next = links.find((link) => field(link, "relation") === "next");
  return text(field(next, "url"));
}

function mark(resource: JsonObject): string {
  const { meta, resourceType, id } = resource;
  return [resourceType, id, field(meta, "versionId", "lastUpdated")].map(String).join("/");
}
