/**
 * Links to the next page. The server chooses the link, and the token is sent there, so it must stay where the token
 * has been sent before.
 *
 * @module
 */
import { LifecycleError } from "../../errors.ts";
import { under } from "../../http/call.ts";
import { pathUnder, type FhirPlace } from "../calls.ts";
import { deepestSkip, withoutSecrets } from "../query.ts";

/** Of each client, because links are many. */
const bases = new WeakMap<FhirPlace, URL>();

function baseOf(place: FhirPlace): URL {
  let base = bases.get(place);
  if (base === undefined) bases.set(place, (base = new URL(under(place.api, `/${place.version}`))));
  return base;
}

/** A page: the path after the version's base (`/Patient`), and the query. */
export interface PagePlace {
  readonly path: string;
  /** Encoded, without its question mark. */
  readonly query: string;
}

/** A repeated port, as some gateways write it. */
const portTwice = /^(https?:\/\/[^/?#@]*?(:\d{1,5}))\2+(?=[/?#]|$)/i;

/** The longest link that is followed with GET; servers reject longer ones. */
export const longestLink = 16_000;

/** Characters of a query that no URL parser changes, none of which hides another one. */
const plainly = /^[\w.~=&:;,*+-]*$/;

/** The query of a link to the same path in plain characters, as most links are: parsing a URL takes longer. */
function plainQuery(
  { href, pathname }: URL,
  from: PagePlace,
  link: string,
  longest: number,
): string | undefined {
  const start = `${link.startsWith("/") ? pathname : href}${from.path}?`;
  const query = link.slice(start.length);
  const isPlain = link.startsWith(start) && link.length <= longest && plainly.test(query);
  return isPlain && !query.includes("_skip") ? query : undefined;
}

/**
 * The target of a link: relative links are resolved; absolute ones must have the same origin and base path, or that of the same
 * base under its other name.
 *
 * @param longest characters of a link that is followed
 * @throws {LifecycleError} `BAD_ANSWER`
 */
export function nextLink(
  place: FhirPlace,
  from: PagePlace,
  link: string,
  longest: number = longestLink,
): PagePlace {
  const base = baseOf(place);
  const plain = plainQuery(base, from, link, longest);
  if (plain !== undefined) return { path: from.path, query: withoutSecrets(plain) };
  // Relative links are relative to the base of the version; those that are only a query, to this page.
  const start = link.startsWith("?") ? `${base.href}${from.path}` : `${base.href}/`;
  if (link.length > longest) throw refused(`a link of more than ${longest} characters`);
  const repaired = link.replace(portTwice, "$1");
  if (!URL.canParse(repaired, start)) throw refused("a link that is no URL");
  const target = new URL(repaired, start);
  if (target.origin !== base.origin) throw refused("a link to another origin");
  if (target.username !== "" || target.password !== "") throw refused("a link with credentials in it");
  const path = pathUnder(place, base, target)?.replace(/\/$/, "");
  if (path === undefined || !/^(?:\/[\w$.-]+)*$/.test(path)) throw refused("a link to another path");
  if (Number(target.searchParams.get("_skip") ?? 0) > deepestSkip)
    throw refused(
      `a link beyond _skip ${deepestSkip}, where 1upHealth ends: narrow the search, by _lastUpdated`,
    );
  return { path, query: withoutSecrets(target.search.slice(1)).replaceAll("|", "%7C") };

  function refused(got: string): LifecycleError {
    return new LifecycleError(
      "BAD_ANSWER",
      `Cannot go to the next page: its link must stay under ${base.href}, got ${got}; nothing was sent there`,
    );
  }
}
