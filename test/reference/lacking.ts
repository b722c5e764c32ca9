/** What in the public API has no words or no example: read from what `deno doc --json` says. */

/** What is read of a declaration, a method or a module. */
interface Said {
  readonly name?: string;
  readonly kind?: string;
  readonly accessibility?: string;
  readonly jsDoc?: {
    readonly doc?: string;
    readonly tags?: readonly { readonly kind: string; readonly doc?: string }[];
  };
  readonly location?: { readonly filename: string; readonly line: number };
  readonly def?: { readonly methods?: readonly Said[] };
}

/** What `deno doc --json` prints. */
export interface Documented {
  readonly nodes: Readonly<
    Record<
      string,
      {
        readonly symbols: readonly { readonly name: string; readonly declarations: readonly Said[] }[];
      }
    >
  >;
}

/** Shapes that users fill and the library calls; everything else is called by users. */
const filledByUsers = new Set([
  "ClientSource",
  "Clock",
  "KeyProvider",
  "KeySource",
  "KeyvStorage",
  "Logger",
  "MovableClock",
  "PostgresClient",
  "PostgresPool",
  "RedisClient",
  "RedisCluster",
  "EventOutbox",
  "ExportWriter",
  "OpenExportFile",
  "ReceiptLog",
  "Store",
  "StoreAdapter",
  "StoreConformanceOptions",
  "TokenSource",
  "Transport",
]);

/** One line for each gap. */
export function lacking({ nodes }: Documented): readonly string[] {
  const gaps = new Set<string>();
  for (const { symbols } of Object.values(nodes))
    for (const { name, declarations } of symbols) {
      // One form of an overloaded function may describe and show all of them.
      const described = declarations.find((one) => one.kind === "function" && examples(one) !== "");
      const asked = declarations.filter((one) => one.kind !== "function" || (described ?? one) === one);
      for (const declared of asked) for (const gap of gapsOf(name, declared)) gaps.add(gap);
    }
  return [...gaps].sort();
}

function* gapsOf(name: string, declared: Said): Generator<string> {
  const { kind, location } = declared;
  if (kind === "reference") return; // told of where it stands
  const at = location === undefined ? "" : ` (${location.filename.replace("file://", "")}:${location.line})`;
  if ((declared.jsDoc?.doc ?? "") === "") yield `${name} has no words${at}`;
  if ((kind === "function" || kind === "variable" || kind === "class") && examples(declared) === "")
    yield `${name} has no example${at}`;
  if (kind !== "interface" || filledByUsers.has(name)) return;
  for (const method of declared.def?.methods ?? []) {
    const { name: called = "" } = method;
    if (called.startsWith("[")) continue;
    // A small object may show all that it does in one example, and one form of a method all of them.
    const shown = declared.def?.methods?.some((other) => other.name === called && examples(other) !== "");
    if (shown !== true && !examples(declared).includes(`.${called}(`))
      yield `${name}.${called}() has no example${at}`;
  }
}

function examples({ jsDoc }: Said): string {
  return (jsDoc?.tags ?? []).map((tag) => (tag.kind === "example" ? (tag.doc ?? "") : "")).join("\n");
}
