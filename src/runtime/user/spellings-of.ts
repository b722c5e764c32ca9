/**
 * How a text may stand in another one: as is, and as a form, a URL, JSON or printing escapes it.
 *
 * @module
 */
import { inspect } from "node:util";

/** How often an escaped text may have been escaped again: a line of JSON in JSON that is printed. */
const mostEscapes = 3;

/** As is and escaped. Most secrets have nothing to escape, and one spelling. */
export function spellingsOf(text: string): readonly string[] {
  const inForms = new URLSearchParams({ "": text }).toString().slice(1);
  let spellings = [text, encodeURIComponent(text.toWellFormed()), inForms];
  for (let times = 0; times < mostEscapes; times++)
    spellings = [...new Set(spellings.flatMap((each) => [each, ...escapesOf(each)]))];
  return spellings;
}

/** As in JSON, where some write `\/`, and as a part of a printed text, which decides how single quotes in it are written. */
function escapesOf(text: string): readonly string[] {
  const inJson = JSON.stringify(text).slice(1, -1);
  const parts = text.split("'").map((part) => inspect(part, { breakLength: Infinity }).slice(1, -1));
  return [inJson, inJson.replaceAll("/", "\\/"), parts.join("'"), parts.join("\\'")];
}
