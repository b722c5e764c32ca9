/**
 * Reads a page: its matches, the included resources, and the link to the next page.
 *
 * @module
 */
import { field, isObject, numeric, text, type JsonObject } from "../../http/json.ts";
import { issuesIn, namesAnError, type FhirIssue } from "../../http/fhir-issue.ts";
import { Fingerprint } from "./fingerprint.ts";

/** The content of a page. */
export interface PageContent {
  readonly matches: readonly JsonObject[];
  readonly included: readonly JsonObject[];
  readonly issues: readonly FhirIssue[];
  /** An OperationOutcome on it reports an error, so resources may be missing. */
  readonly hasError: boolean;
  readonly total: number | undefined;
  /** The link to the next page, as received. */
  readonly next: string | undefined;
  /**
   * Identifies the page by the ids, versions and deletions on it, in order. `""` if it is empty. Of a history, what names
   * no version is identified by all that it holds.
   */
  readonly mark: string;
  /** Characters of the response. */
  readonly length: number;
}

/**
 * The content of a Bundle.
 *
 * @param resourceType the type that was searched for; any type if undefined
 * @param length characters of the response
 * @returns the content, or in words what the Bundle lacks
 */
export function readBundle(
  bundle: JsonObject,
  resourceType: string | undefined,
  length: number,
): PageContent | string {
  const entry = bundle["entry"] ?? []; // null, as some serialisers write an empty list
  const link = bundle["link"] ?? [];
  if (!Array.isArray(entry) || !Array.isArray(link)) return "a Bundle whose entries and links are lists";
  const matches: JsonObject[] = [];
  const included: JsonObject[] = [];
  const issues: FhirIssue[] = [];
  const marks = new Fingerprint();
  const isHistory = bundle["type"] === "history";
  let deletions = 0;
  let hasError = false;
  // JSON.parse() has made these objects, so a name is their own or on no object; asking each of them takes longer.
  for (const one of entry as readonly unknown[]) {
    const { resource, search }: JsonObject = isObject(one) ? one : {};
    if (resource === undefined && field(field(one, "request"), "method") === "DELETE") {
      const { request, response, fullUrl } = one as JsonObject; // it has a request
      const when = field(response, "etag", "lastModified") ?? fullUrl;
      marks.add(String(field(request, "url"))).add(String(when));
      deletions++;
      continue;
    }
    const type = isObject(resource) ? text(resource["resourceType"]) : undefined;
    if (!isObject(resource) || type === undefined) return "a resource in each entry of the Bundle";
    const mode = isObject(search) ? search["mode"] : undefined;
    const wanted = resourceType === undefined || resourceType === type;
    if (type === "OperationOutcome" && resourceType !== type) {
      issues.push(...issuesIn(resource));
      hasError ||= namesAnError(resource);
      continue;
    }
    if (mode === "include" || (mode === undefined && !wanted)) included.push(resource);
    else if (wanted) matches.push(resource);
    else return matching(resourceType);
    if (type !== resourceType) marks.add(type);
    const { id, meta } = resource;
    const { versionId, lastUpdated }: JsonObject = isObject(meta) ? meta : {};
    const version = versionId ?? lastUpdated;
    marks.add(String(id)).add(version === undefined && isHistory ? JSON.stringify(one) : String(version));
  }
  const next = nextLink(link);
  if (next === null) return "one URL in the link to the next page";
  return {
    matches,
    included,
    issues,
    hasError,
    total: numeric(field(bundle, "total")),
    next,
    mark: matches.length + included.length + deletions === 0 ? "" : String(marks),
    length,
  };
}

/** What a page of another type lacks, in words. */
export function matching(resourceType: string | undefined): string {
  return `a ${resourceType} in each entry that matches`;
}

/** The link to the next page; `undefined` on the last page; `null` if it leads nowhere, or to several pages. */
function nextLink(links: readonly unknown[]): string | null | undefined {
  const all = links.filter((link) => text(field(link, "relation"))?.toLowerCase() === "next");
  const [first, ...others] = new Set(all.map((link) => text(field(link, "url")) ?? ""));
  return first === "" || others.length > 0 ? null : first;
}
