/**
 * Requests the next page while this one is still being parsed: its text shows the link to it, at the head of the Bundle or
 * at its end. The parsed page decides, so a request for another page than the one it links to is not used.
 *
 * @module
 */
import { field, parseJson, text } from "../../http/json.ts";
import type { FhirPlace } from "../calls.ts";
import type { Load, Loaded, PageSource } from "./fhir-page.ts";
import { nextLink, type PagePlace } from "./next-link.ts";

/** The next page is not fetched ahead after one of more characters, because both would be in memory. */
export const longestBeforeAhead = 1_000_000;

/** So many characters at the head of a Bundle, and as many at its end, are searched for links. */
const searched = 4_096;

/** A page that was requested early. */
interface Begun {
  readonly place: PagePlace;
  readonly page: Promise<Loaded>;
}

/** The same source. `isAwaited`: the caller waits for the page that is being fetched, so that the next may be requested. */
export function lookingAhead(source: PageSource, isAwaited: () => boolean): PageSource {
  let begun: Begun | null = null;

  function fetch(...[here, signal, attempt]: Parameters<Load>): Promise<Loaded> {
    return source.load(here, signal, attempt, (page) => {
      // One page ahead of the caller, however fast the server answers.
      if (begun !== null || !isAwaited() || page.length > longestBeforeAhead) return false;
      const place = placeIn(page, source.place, here);
      if (place === null) return false;
      begun = { place, page: fetch(place, signal, "ahead") };
      begun.page.catch(() => {}); // reported once the walk gets there
      return true;
    });
  }

  const load: Load = (here, signal, attempt) => {
    const early = begun;
    begun = null;
    const isIt = early !== null && early.place.path === here.path && early.place.query === here.query;
    return isIt ? early.page : fetch(here, signal, attempt);
  };
  return { ...source, load };
}

/** The place of the next page, if the text of a Bundle links to one of the same search; otherwise `null`. */
export function placeIn(bundle: string, place: FhirPlace, here: PagePlace): PagePlace | null {
  for (const links of [linksAtHead(bundle), linksAtEnd(bundle)]) {
    const all: unknown = links === undefined ? undefined : parseJson(links);
    if (!Array.isArray(all)) continue;
    const next = (all as readonly unknown[]).find((link) => field(link, "relation") === "next");
    const url = text(field(next, "url"));
    if (url === undefined) continue;
    try {
      const found = nextLink(place, here, url);
      return found.path === here.path ? found : null;
    } catch {
      return null; // reported once the page has been read
    }
  }
  return null;
}

/** The list of links before any entry. */
function linksAtHead(bundle: string): string | undefined {
  const head = bundle.slice(0, searched);
  const entry = head.indexOf('"entry"');
  return /"link"\s{0,9}:\s{0,9}(\[[^\]]*\])/.exec(entry < 0 ? head : head.slice(0, entry))?.[1];
}

/** The list of links that the Bundle ends with, or almost. */
function linksAtEnd(bundle: string): string | undefined {
  const end = bundle.slice(-searched);
  const rest = end.slice(Math.max(0, end.lastIndexOf('"link"')));
  return /^"link"\s{0,9}:\s{0,9}(\[[^\]]*\])\s{0,9}(?:,\s{0,9}"\w+"\s{0,9}:\s{0,9}[\w"-]+\s{0,9})*\}\s*$/.exec(
    rest,
  )?.[1];
}
