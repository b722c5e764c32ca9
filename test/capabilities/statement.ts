/**
 * What a capability statement declares, in one form for the library's tables and for statements as servers send them, and
 * short digests of it: `digests.json` holds those of 1upHealth's statements, which are too long to keep.
 */
import { createHash } from "node:crypto";
import type { Capabilities } from "../../src/fhir/capabilities.ts";

/** What a statement declares: of the server, and of each type. Each list is sorted. */
export interface Statement {
  readonly server: Declarations;
  readonly types: ReadonlyMap<string, Declarations>;
}

interface Declarations {
  readonly interactions: readonly string[];
  readonly operations: readonly string[];
  readonly searchParams: readonly string[];
}

/** The digests of a statement: `""` for the server, else the name of a type. */
export type Digests = Readonly<Record<string, string>>;

/** The statement as the library's table holds it. */
export function statementIn({ operations, serverInteractions, types }: Capabilities): Statement {
  return {
    server: declarations(serverInteractions, operations, []),
    types: new Map(
      [...types].map(([name, type]) => [
        name,
        declarations(type.interactions, type.operations, type.searchParams),
      ]),
    ),
  };
}

interface Named {
  readonly name: string;
}

/** The parts of a CapabilityStatement (or a Conformance of DSTU2) that count here. */
export interface SentStatement {
  readonly rest: readonly {
    readonly interaction?: readonly { readonly code: string }[];
    readonly operation?: readonly Named[];
    readonly resource?: readonly {
      readonly type: string;
      readonly interaction?: readonly { readonly code: string }[];
      readonly operation?: readonly Named[];
      readonly searchParam?: readonly Named[];
    }[];
  }[];
}

/** The statement that a server sends: `GET /{version}/metadata`. */
export function readStatement({ rest: [rest] }: SentStatement): Statement {
  const codes = (list: readonly { readonly code: string }[] = []): string[] => list.map(({ code }) => code);
  const names = (list: readonly Named[] = []): string[] => list.map(({ name }) => name.replace(/^\$/, ""));
  return {
    server: declarations(codes(rest?.interaction), names(rest?.operation), []),
    types: new Map(
      (rest?.resource ?? []).map(({ type, interaction, operation, searchParam }) => [
        type,
        declarations(codes(interaction), names(operation), names(searchParam)),
      ]),
    ),
  };
}

/** The digests of all that a statement declares. */
export function digestsOf({ server, types }: Statement): Digests {
  return Object.fromEntries([["", server] as const, ...types].map(([name, one]) => [name, digestOf(one)]));
}

/** Where two statements differ, one line each: `Patient: operations +everything -validate`. */
export function differences(ours: Statement, theirs: Statement): string[] {
  const names = new Set(["", ...ours.types.keys(), ...theirs.types.keys()]);
  return [...names].flatMap((name) => {
    const [mine, other] = [ours, theirs].map(({ server, types }) => (name === "" ? server : types.get(name)));
    const shown = name === "" ? "the server" : name;
    if (mine === undefined) return [`${shown}: the table lacks it`];
    if (other === undefined) return [`${shown}: the statement lacks it`];
    return (["interactions", "operations", "searchParams"] as const).flatMap((kind) => {
      const added = other[kind].filter((one) => !mine[kind].includes(one)).map((one) => ` +${one}`);
      const gone = mine[kind].filter((one) => !other[kind].includes(one)).map((one) => ` -${one}`);
      return added.length + gone.length === 0 ? [] : [`${shown}: ${kind}${[...added, ...gone].join("")}`];
    });
  });
}

function declarations(
  interactions: Iterable<string>,
  operations: Iterable<string>,
  searchParams: Iterable<string>,
): Declarations {
  const sorted = (names: Iterable<string>): string[] => [...new Set(names)].toSorted();
  return {
    interactions: sorted(interactions),
    operations: sorted(operations),
    searchParams: sorted(searchParams),
  };
}

function digestOf({ interactions, operations, searchParams }: Declarations): string {
  const text = JSON.stringify([interactions, operations, searchParams]);
  return createHash("sha256").update(text).digest("hex").slice(0, 10);
}
