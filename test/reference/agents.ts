/**
 * `npm run agents`: writes `AGENTS.md`, which coding agents read in the package. All of it comes from files that tests hold:
 * the recipes from programs of the guides, the errors from their table, the entry points from `deno.json`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** What an application does, and the program that shows it: the file, the heading above it, and which one below that. */
const recipes: readonly (readonly [title: string, path: string, heading: string, index?: number])[] = [
  ["Onboard a user, call FHIR, get an access token", "README.md", "Ten lines"],
  ["Run a worker that keeps grants alive", "README.md", "Ten lines", 1],
  ["Read, search and create FHIR resources", "docs/fhir.md", "FHIR"],
  ["Create a resource once", "docs/fhir.md", "One resource, however often it is asked for"],
  ["Make several FHIR calls at once", "docs/fhir.md", "Several at once"],
  ["Handle errors", "docs/errors.md", "Error codes"],
  ["Import many users", "docs/importing.md", "Importing users"],
  ["Follow events", "docs/events.md", "Events"],
  ["Pause and resume calls", "docs/running.md", "Stopping calls"],
  ["Test an application without a network", "docs/testing.md", "Testing your application"],
];

/** A program of a guide. */
function program(path: string, heading: string, index = 0): string {
  const [, below] = read(path).split(new RegExp(`^#+ ${heading}$`, "m"));
  const found = [...(below?.split(/^#+ [A-Z]/m)[0] ?? "").matchAll(/^```ts\n[^]*?^```$/gm)][index]?.[0];
  if (found === undefined) throw new Error(`${path} has no program ${index} below "${heading}"`);
  return found;
}

/** The first sentence of the comment that heads a file. */
function purpose(path: string): string {
  const comment = /\/\*\*([^]*?)(?:\n \*\n|\*\/)/.exec(read(path))?.[1] ?? "";
  const text = comment.replaceAll(/\n \*\s*/g, " ").trim();
  return /^[^]*?[.:](?= |$)/.exec(text)?.[0].replace(/:$/, ".") ?? text;
}

/** The rows of the table of errors: code, meaning, what to do. */
function errors(): readonly string[] {
  const rows = [...read("docs/errors.md").matchAll(/^\| +(`[A-Z_]+`) +\| +(.*?) +\| +(.*?) +\|/gm)];
  return rows.map(([, code = "", meaning = "", step = ""]) => `- ${code}: ${meaning}. To do: ${step}.`);
}

/** The text of `AGENTS.md`. */
export function agentsPage(): string {
  const { description, engines } = JSON.parse(read("package.json")) as Package; // a house test knows it
  const { exports } = JSON.parse(read("deno.json")) as Pick<Package, "exports">;
  const entryPoints = Object.entries(exports).map(
    ([name, path]) => `- \`${name.replace(".", "oneup-lifecycle")}\`: ${purpose(path)}`,
  );
  return [
    "# oneup-lifecycle, for coding agents",
    "<!-- Written by `npm run agents` from the guides, which are tested. Do not edit. -->",
    description,
    `ES modules only, Node ${engines.node}, Deno or Bun. Every public function has its documentation, with an example, in its type declaration: \`dist/src/**/*.d.ts\` and \`dist/adapters/*.d.ts\`.`,
    "## Entry points",
    entryPoints.join("\n"),
    "## Recipes",
    ...recipes.flatMap(([title, ...place]) => [`### ${title}`, program(...place)]),
    "## Errors",
    "Every error is a `LifecycleError` with a stable `code`; use `isLifecycleError(error)` and `error.retryable`, and never compare messages.",
    errors().join("\n"),
    "",
  ]
    .join("\n\n")
    .replace(/\n+$/, "\n");
}

interface Package {
  readonly description: string;
  readonly engines: { readonly node: string };
  readonly exports: Readonly<Record<string, string>>;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(join(root, "AGENTS.md"), agentsPage());
