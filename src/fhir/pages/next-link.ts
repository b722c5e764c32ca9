/**
 * Links to the next page. A link is a word of the server, and the token goes where it points: so it must point to where
 * the token has been already.
 *
 * @module
 */
import { LifecycleError } from "../errors.ts";
import { under } from "../http/call.ts";
import type { FhirPlace } from "./calls.ts";
import { deepestSkip } from "./query.ts";

/** A page: the path behind the version's base (`/Patient`), and the query. */
export interface PagePlace {
  readonly path: string;
  /** Encoded, without its question mark. */
  readonly query: string;
}

/** A port that stands there twice, as some gateways write it. */
const portTwice = /^(https?:\/\/[^/?#@]*?(:\d{1,5}))\2+(?=[/?#]|$)/i;

/** No server takes a longer one. */
const longestLink = 16_000;

/**
 * Where a link leads: relative ones are resolved, everything else must be under the same origin and base path.
 *
 * @throws {LifecycleError} `BAD_ANSWER`
 */
export function follow(place: FhirPlace, from: PagePlace, link: string): PagePlace {
  const base = new URL(under(place.api, `/${place.version}`));
  // Relative ones belong to the base of the version, and mere queries to this page.
  const start = link.startsWith("?") ? `${base.href}${from.path}` : `${base.href}/`;
  if (link.length > longestLink) throw refused(`a link of more than ${longestLink} characters`);
  const repaired = link.replace(portTwice, "$1");
  if (!URL.canParse(repaired, start)) throw refused("a link that is no URL");
  const target = new URL(repaired, start);
  if (target.origin !== base.origin) throw refused("a link to another origin");
  if (target.username !== "" || target.password !== "") throw refused("a link with credentials in it");
  const path = target.pathname.slice(base.pathname.length).replace(/\/$/, "");
  if (!target.pathname.startsWith(base.pathname) || !/^(?:\/[\w$.-]+)*$/.test(path))
    throw refused("a link to another path");
  if (Number(target.searchParams.get("_skip") ?? 0) > deepestSkip)
    throw refused(
      `a link beyond _skip ${deepestSkip}, where 1upHealth ends: narrow the search, by _lastUpdated`,
    );
  return { path, query: target.search.slice(1).replaceAll("|", "%7C") };

  function refused(got: string): LifecycleError {
    return new LifecycleError(
      "BAD_ANSWER",
      `Cannot go to the next page: its link must stay under ${base.href}, got ${got}; nothing was sent there`,
    );
  }
}
