/** Bundles the page into `dist/src/inspector/page`: `npm run build` runs it, and so do the tests. */
import { fileURLToPath } from "node:url";
import process from "node:process";
import { build } from "esbuild";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Builds what a browser loads: one script, one style sheet, the document, and the icon. */
export async function buildPage(): Promise<void> {
  await build({
    entryPoints: ["page.tsx", "page.css", "index.html", "icon.svg"].map(at),
    outdir: at("../../../dist/src/inspector/page"),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".html": "copy", ".svg": "copy" },
    logLevel: "warning",
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildPage();
