/**
 * The simulation in one file, made anew each time: tsx gives every closure its name at run time, a tenth of a story.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";
import type { Sources } from "./seams.ts";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "node_modules/.cache/oneup-simulation");

// The optimising compiler works beside the stories, on their account: it waits until a function has proved hot.
export const flags: readonly string[] = [
  "--max-old-space-size=8192",
  "--max-semi-space-size=64",
  "--single-threaded-gc", // parallel collectors would work on the account of the stories, too
  "--interrupt-budget=400000",
];

/** Writes `main.ts` and all that it imports to a file named `name`, with the texts of `changed` in the place of theirs. */
export async function bundle(name: string, changed?: Sources): Promise<string> {
  const outfile = join(folder, `${name}.mjs`);
  mkdirSync(folder, { recursive: true });
  await build({
    absWorkingDir: root,
    entryPoints: ["test/simulation/main.ts"],
    outfile,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "error",
    ...(changed === undefined
      ? { sourcemap: "inline", sourcesContent: false }
      : { plugins: [inPlace(changed)] }),
  });
  return outfile;
}

function inPlace(changed: Sources): Plugin {
  const texts = new Map([...changed].map(([file, text]) => [join(root, file), text]));
  const names = [...changed.keys()].map((file) => file.replaceAll(/[^\w/-]/g, "\\$&"));
  return {
    name: "changed sources",
    setup({ onLoad }) {
      onLoad({ filter: new RegExp(`(${names.join("|")})$`) }, ({ path }) => {
        const contents = texts.get(path);
        return contents === undefined ? null : { contents, loader: "ts" };
      });
    },
  };
}
