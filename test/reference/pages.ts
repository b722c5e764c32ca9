/**
 * `npm run docs`: the API reference as pages, in `docs/reference/`. Deno writes them; what it takes for the name of a door is its
 * place, so the lines that readers copy get the name by which an application imports it.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deno, doors, root } from "./deno.ts";

deno(
  root,
  "doc",
  "--quiet",
  "--html",
  "--name=oneup-lifecycle",
  "--output=docs/reference",
  ...Object.values(doors),
);

const pages = readdirSync(join(root, "docs/reference"), { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".html"))
  .map((name) => join(root, "docs", name));
for (const page of pages) {
  let text = readFileSync(page, "utf8");
  for (const door of Object.keys(doors)) {
    const place = door.replace("./", "");
    text = text.replaceAll(
      `from &quot;${place}&quot;`,
      `from &quot;${door.replace(".", "oneup-lifecycle")}&quot;`,
    );
  }
  writeFileSync(page, text);
}
console.log(`${pages.length} pages: docs/reference/index.html`);
