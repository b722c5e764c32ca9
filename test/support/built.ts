/**
 * Before the first test: what tests start as processes is made of the sources. Everyday each becomes a bundle with all
 * that it needs, which starts in half the time that Node takes to find and read some hundred modules. A thorough run
 * leaves the packages outside, as what is published does. Deno runs the sources.
 */
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build, type BuildOptions, type Plugin } from "esbuild";
import { buildPage } from "../../src/inspector/page/build.ts";
import { thorough } from "./effort.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const run = promisify(execFile);
/** In the environment: what was made. */
export const mark = "ONEUP_TEST_MADE";
const kind = thorough ? "without packages" : "bundles";
export const onDeno: boolean = "Deno" in globalThis;

/**
 * What was built from a source that has since been moved or removed: a test must not start it, and it must not be packed.
 */
export function removeStale(folder: string): void {
  for (const path of filesIn(join(folder, "dist"))) {
    const source = path.replace(/(?:\.d\.ts|\.js)$/, ".ts");
    const isBuilt = source !== path && !path.startsWith("lib"); // which is built anew as a whole
    const isThere = existsSync(join(folder, source)) || existsSync(join(folder, `${source}x`));
    if (isBuilt && !isThere) rmSync(join(folder, "dist", path), { force: true });
  }
}

/** The files in a folder and its folders, as paths from there. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" });
}

/** Vitest calls it once. A run inside of a run finds all made, and builds no page anew that a browser is about to load. */
export async function setup(): Promise<void> {
  const made = process.env[mark];
  if (onDeno || made === kind) return;
  if (made === undefined) {
    removeStale(root);
    await buildPage();
  }
  await bundle();
  process.env[mark] = kind;
}

/** Runs the compiler, which writes the types into `dist`. */
export async function compile(project: string): Promise<void> {
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  try {
    await run(process.execPath, [compiler, "-p", project], { cwd: root });
  } catch (error) {
    throw new Error(`Cannot compile ${project}: ${(error as { stdout: string }).stdout}`, { cause: error });
  }
}

/**
 * Beside the packages, which those that stay outside of a bundle are found from. A thorough run has a folder of its own: a
 * run inside of it, which is none, makes bundles, too.
 */
const bundles = join(root, "node_modules/.cache", thorough ? "oneup-tests-thorough" : "oneup-tests");

/** How programs become bundles that Node runs. */
export const bundled = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20",
  external: ["lmdb", "pg", "pg-native", "esbuild", "vitest"],
  banner: {
    js: 'import { createRequire as requireOf } from "node:module"; const require = requireOf(import.meta.url);',
  },
  logLevel: "error",
} as const satisfies BuildOptions;

/** Of undici the transport uses the agent and its connections alone; to read and start all of it takes half of the start of a process. */
const agentAlone: Plugin = {
  name: "agent-alone",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, ({ importer }) =>
      importer.startsWith(join(root, "src")) ? { path: "agent", namespace: "agent-alone" } : undefined,
    );
    onLoad({ filter: /./, namespace: "agent-alone" }, () => ({
      contents: `
        export { default as Agent } from "undici/lib/dispatcher/agent.js";
        export { default as Client } from "undici/lib/dispatcher/client.js";
        export { default as Pool } from "undici/lib/dispatcher/pool.js";
        export { default as buildConnector } from "undici/lib/core/connect.js";
      `,
      resolveDir: root,
    }));
  },
};

async function bundle(): Promise<void> {
  const { metafile } = await build({
    ...bundled,
    absWorkingDir: root,
    entryPoints: ["src/cli/main.ts", "examples/*.ts", "test/**/*.child.ts"],
    outdir: bundles,
    outbase: ".",
    chunkNames: "src/shared/[hash]", // as deep as the command, which looks for package.json above it
    splitting: true,
    ...(thorough ? { packages: "external" } : { plugins: [agentAlone] }),
    metafile: true,
  });
  copyFileSync(join(root, "package.json"), join(bundles, "package.json"));
  const made = new Set(Object.keys(metafile.outputs).map((path) => relative(bundles, join(root, path))));
  for (const path of filesIn(bundles)) {
    if (path.endsWith(".js") && !made.has(path)) rmSync(join(bundles, path), { force: true });
  }
}

/** The words by which the runtime of the test starts a script, whose path may be relative to the repository. */
export function runs(script: string): readonly string[] {
  if (onDeno) return ["run", "-A", script];
  const path = relative(root, join(script.startsWith(root) ? "" : root, script));
  if (path.startsWith("examples/") && thorough) return ["--import", "tsx", script]; // as their README says
  return [join(bundles, path.replace(/\.ts$/, ".js"))];
}
