/**
 * `npm run docs`: the API reference as pages, in `docs/reference/`. Deno writes them; what it takes for the name of an entry point is its
 * place, so the lines that readers copy get the name by which an application imports it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deno, entryPoints, root } from "./deno.ts";

deno(
  root,
  "doc",
  "--quiet",
  "--html",
  "--name=oneup-lifecycle",
  "--output=docs/reference",
  ...Object.values(entryPoints),
);

const pages = readdirSync(join(root, "docs/reference"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".html"))
  .map((name) => join(root, "docs/reference", name));
for (const page of pages) {
  let text = readFileSync(page, "utf8");
  for (const entryPoint of Object.keys(entryPoints)) {
    const place = entryPoint.replace("./", "");
    text = text.replaceAll(
      `from &quot;${place}&quot;`,
      `from &quot;${entryPoint.replace(".", "oneup-lifecycle")}&quot;`,
    );
  }
  writeFileSync(page, text);
}
console.log(`${pages.length} pages: docs/reference/index.html`);
