/**
 * Joins the sources into the files that are published, in `dist/lib`: one for each entry point and the command, and those
 * that several of them share, so that a class is the same whatever it is imported from. Node takes longer to find and open
 * some hundred modules than to run them. `npm run build` runs it, and so does the test of the tarball.
 */
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { build, type BuildOptions, type Metafile } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The file in `dist/lib`, without its ending, and the source that it begins with. */
export function entryPoints(): Readonly<Record<string, string>> {
  const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as Exports; // a house test knows it
  const named = Object.entries(exports).map(([name, source]) => [
    name === "." ? "index" : name.slice(2).replaceAll("/", "-"),
    source,
  ]);
  return { ...Object.fromEntries(named), command: "./src/cli/main.ts" };
}

interface Exports {
  readonly exports: Readonly<Record<string, string>>;
}

const joined = {
  absWorkingDir: root,
  entryPoints: entryPoints(),
  outdir: "dist/lib",
  chunkNames: "shared-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node20",
  packages: "external",
  sourcemap: true,
  ignoreAnnotations: true, // package.json names the published files that have side effects, not their sources
  metafile: true,
  logLevel: "warning",
} as const satisfies BuildOptions;

/** Writes the files, with maps to the sources. What is in which, by their paths from the root. */
export async function buildJoined(): Promise<Metafile["outputs"]> {
  rmSync(join(root, "dist/lib"), { recursive: true, force: true });
  return (await build(joined)).metafile.outputs;
}

/** The same without writing anything. */
export async function planJoined(): Promise<Metafile["outputs"]> {
  return (await build({ ...joined, write: false })).metafile.outputs;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildJoined();
