/** The elements that an R4 resource may and must have, from the compact table of {@link r4Elements}. */

import { wordsIn } from "../../capabilities/declared.ts";
import { r4Elements } from "./r4-elements.ts";

/** A top-level element of a resource. */
export interface ResourceElement {
  readonly kind: "string" | "number" | "boolean" | "object";
  readonly isList: boolean;
  /** Whether `null` may stand in the list, where a value or its extensions are missing. */
  readonly isPadded: boolean;
  readonly isRequired: boolean;
}

type Elements = ReadonlyMap<string, ResourceElement>;

const kinds: Readonly<Record<string, ResourceElement["kind"]>> = {
  $: "string",
  "#": "number",
  "?": "boolean",
  "": "object",
};
const known = new Map<string, Elements | undefined>();

/** The elements of an R4 type by their names, or `undefined` for a type that cannot be created. */
export function elementsOf(type: string): Elements | undefined {
  if (!known.has(type)) known.set(type, readElements(type));
  return known.get(type);
}

/**
 * Reads the line of a type: `Type: places | elements`, or `Type = Base: …` if its base is not DomainResource. The marks
 * behind the name of an element: `$` a string, `#` a number, `?` a boolean, none an object; `*` a list; `!` required.
 */
function readElements(type: string): Elements | undefined {
  const line = new RegExp(`^${type}(?: = (\\w+))?:(.*)\\|(.*)$`, "m").exec(r4Elements.types);
  if (line === null) return undefined;
  const [, base = "DomainResource", places = "", own = ""] = line;
  const names = wordsIn(r4Elements.shared);
  const listed = wordsIn(places).map((place) => names[Number.parseInt(place, 36)] ?? "");
  const read = [...listed, ...wordsIn(own)].map((written): readonly [string, ResourceElement] => {
    const [, name = "", kind = "", list, required] = /^(\w+)([$#?]?)(\*?)(!?)$/.exec(written) ?? [];
    const isRequired = required !== "";
    return [name, { kind: kinds[kind] ?? "object", isList: list !== "", isPadded: kind !== "", isRequired }];
  });
  return new Map([...(type === "Resource" ? [] : (elementsOf(base) ?? [])), ...read]);
}
