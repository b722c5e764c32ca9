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
  /** The page whose text has led there. */
  readonly from: PagePlace;
  readonly page: Promise<Loaded>;
}

/** The same source. `isAwaited`: the caller waits for the page that is being fetched, so that the next may be requested. */
export function lookingAhead(source: PageSource, isAwaited: () => boolean): PageSource {
  let begun: Begun | null = null;
  /** The page that the walk has come to. */
  let current: PagePlace | null = null;
  /** The text of a page has led elsewhere than the parsed page. */
  let isMisled = false;

  function fetch(...[here, signal, attempt]: Parameters<Load>): Promise<Loaded> {
    return source.load(here, signal, attempt, (page) => {
      // One page ahead of the caller, however fast the server answers.
      const isNext = begun === null && isSame(current, here) && isAwaited() && !isMisled;
      if (!isNext || page.length > longestBeforeAhead) return false;
      const place = placeIn(page, source.place, here);
      if (place === null) return false;
      begun = { place, from: here, page: fetch(place, signal, "ahead") };
      begun.page.catch(() => {}); // reported once the walk gets there
      return true;
    });
  }

  const load: Load = (here, signal, attempt) => {
    current = here;
    if (isSame(begun?.from, here)) return fetch(here, signal, attempt); // once more: what follows is on its way
    const early = begun;
    begun = null;
    if (early !== null && isSame(early.place, here)) return early.page;
    isMisled ||= early !== null;
    return fetch(here, signal, attempt);
  };
  return { ...source, load };
}

function isSame(one: PagePlace | null | undefined, { path, query }: PagePlace): boolean {
  return one?.path === path && one.query === query;
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
