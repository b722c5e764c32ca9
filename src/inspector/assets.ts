/**
 * The files of the page, which the build puts into the folder `page` beside this module.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { refuse, respond } from "./responses.ts";

/** This module; a bundle in CommonJS has no `import.meta`. */
const here = import.meta.url as string | undefined;

/** The built files beside this module, or where the build puts them while this is the source. */
const built: readonly URL[] =
  here === undefined
    ? []
    : ["./page/", "../../dist/src/inspector/page/"].map((folder) => new URL(folder, here));

/** JSR publishes the sources, without the page, which is bundled from them. */
const isFromRegistry = here !== undefined && new URL(here).protocol !== "file:";

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  png: "image/png",
  svg: "image/svg+xml",
  woff2: "font/woff2",
};

/** A file; `null` if it is not there, or must not be read. */
async function fileIn(folders: readonly URL[], name: string): Promise<Uint8Array<ArrayBuffer> | null> {
  for (const folder of folders) {
    try {
      return new Uint8Array(await readFile(new URL(name, folder)));
    } catch {
      // Not there: try the next folder.
    }
  }
  return null;
}

/** `GET assets/NAME`. A browser that has the file is told so. */
export async function serveAsset(
  name: string,
  request: Request,
  folders: readonly URL[] = built,
): Promise<Response> {
  const type = types[/^[\w-]+(?:\.[\w-]+)*\.(\w+)$/.exec(name)?.[1] ?? ""];
  const file = type === undefined ? null : await fileIn(folders, name);
  if (type === undefined || file === null) {
    return refuse({ status: 404, code: "NOT_FOUND", message: "Cannot find this file of the page" }, "page");
  }
  const etag = `"${createHash("sha256").update(file).digest("base64url")}"`;
  const headers = { "cache-control": "no-cache", "content-type": type, etag };
  const isKnown = request.headers.get("if-none-match") === etag;
  return isKnown ? respond(304, null, headers) : respond(200, file, headers);
}

/** The page itself, for any address below `basePath`, which has neither quotes nor angle brackets. */
export async function servePage(basePath: string, folders: readonly URL[] = built): Promise<Response> {
  const names = ["index.html", "page.js"];
  const [page = null, script = null] = await Promise.all(names.map((name) => fileIn(folders, name)));
  if (page === null || script === null) {
    const message = isFromRegistry
      ? "Cannot show the inspector: the package on JSR has no page; import npm:oneup-lifecycle/inspector instead"
      : "Cannot show the inspector: its page is not beside it; run npm run build, or keep oneup-lifecycle out of the bundle of your application";
    return refuse({ status: 503, code: "NOT_BUILT", message }, "page");
  }
  const base = `<base href="${basePath}">`;
  const text = new TextDecoder().decode(page).replaceAll(/<base\b[^>]*>/gi, "");
  return respond(
    200,
    text.replace(/<head\b[^>]*>/i, (head) => head + base),
    {
      "content-type": "text/html; charset=utf-8",
    },
  );
}
