/**
 * The format in which capability statements are stored.
 *
 * @module
 */

/** A capability statement in a compact, readable format. */
export interface Declared {
  /** The interactions of a type, unless its line lists others. */
  readonly interactions: string;
  /** Operations of the server, on any level: the statement names none. */
  readonly operations: string;
  /** Operations of types, on that level: `*: operations of each type` and `Type: its own operations`. */
  readonly typeOperations: string;
  /** Interactions of the whole server. */
  readonly serverInteractions: string;
  /** Search parameters that all searchable types have. */
  readonly searchParams: string;
  /** `Type: own search parameters` or `Type = interactions: own search parameters`. */
  readonly types: string;
}

/** What a statement declares of one resource type. */
export interface DeclaredType {
  readonly interactions: ReadonlySet<string>;
  readonly searchParams: ReadonlySet<string>;
  /** Names of operations that the statement declares on this type. */
  readonly operations: ReadonlySet<string>;
}

/** The resource types of a statement, by their names. */
export function typesIn(declared: Declared): ReadonlyMap<string, DeclaredType> {
  const operations = new Map(
    Array.from(declared.typeOperations.matchAll(/^(\*|\w+):(.*)$/gm), ([, type = "", names = ""]) => [
      type,
      wordsIn(names),
    ]),
  );
  const lines = declared.types.matchAll(/^(\w+)(?: = ([^:]+))?:(.*)$/gm);
  return new Map(
    Array.from(lines, ([, type = "", own = declared.interactions, params = ""]) => {
      const interactions = new Set(wordsIn(own));
      const isSearched = interactions.has("search-type") || params !== "";
      const searchParams = new Set(isSearched ? wordsIn(`${declared.searchParams} ${params}`) : []);
      const ofType = new Set(["*", type].flatMap((name) => operations.get(name) ?? []));
      return [type, { interactions, searchParams, operations: ofType }];
    }),
  );
}

/** The words of a list. */
export function wordsIn(list: string): readonly string[] {
  return list.match(/\S+/g) ?? [];
}
