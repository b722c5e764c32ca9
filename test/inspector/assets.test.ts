import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { describe, expect, it } from "vitest";
import { serveAsset, servePage } from "../../src/inspector/assets.ts";
import { folder } from "../support/scene.ts";

/** A folder with these files. */
function built(files: Readonly<Record<string, string>>): readonly URL[] {
  const path = join(folder("inspector-page"), "page");
  mkdirSync(path);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  writeFileSync(join(path, "../secret.js"), "a secret");
  return [pathToFileURL(join(path, "missing/")), pathToFileURL(`${path}/`)];
}

const page =
  '<!doctype html><html lang="en"><head><meta charset="utf-8"><base href="/"></head><body></body></html>';
const request = (headers: Readonly<Record<string, string>> = {}): Request =>
  new Request("http://localhost/assets/page.js", { headers });

describe("inspector/assets", () => {
  it("serves the page with its base path, whatever base it was built with", async () => {
    const answer = await servePage("/tools/inspector/", built({ "index.html": page, "page.js": "" }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const text = await answer.text();
    expect(text.match(/<base[^>]*>/g)).toEqual(['<base href="/tools/inspector/">']);
    expect(text).toContain('<head><base href="/tools/inspector/"><meta');
  });

  it.each([{}, { "index.html": page }, { "page.js": "" }])(
    "tells what to do where %j was built",
    async (files) => {
      const answer = await servePage("/", built(files));
      expect(answer.status).toBe(503);
      expect(await answer.text()).toContain("run npm run build, or keep oneup-lifecycle out of the bundle");
    },
  );

  it("loads in a bundle that has no import.meta", async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("../../src/inspector/index.ts", import.meta.url))],
      bundle: true,
      format: "cjs",
      platform: "node",
      write: false,
      logLevel: "error",
    });
    const file = join(folder("inspector-bundle"), "bundle.cjs");
    writeFileSync(file, outputFiles[0]?.contents ?? "");
    expect(createRequire(import.meta.url)(file)).toHaveProperty("createInspector");
  });

  it("serves a file once to a browser that keeps it", async () => {
    const folders = built({ "page.js": "let a = 1;" });
    const first = await serveAsset("page.js", request(), folders);
    expect(first.headers.get("content-type")).toBe("text/javascript; charset=utf-8");
    expect(await first.text()).toBe("let a = 1;");
    const etag = first.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    const again = await serveAsset("page.js", request({ "if-none-match": etag }), folders);
    expect({ status: again.status, text: await again.text() }).toEqual({ status: 304, text: "" });
    const changed = built({ "page.js": "let a = 2;" });
    expect((await serveAsset("page.js", request({ "if-none-match": etag }), changed)).status).toBe(200);
  });

  it.each([
    "page.ts",
    "../secret.js",
    "..%2fsecret.js",
    "/etc/passwd",
    "page.js/",
    ".js",
    "missing.js",
    "index.html",
    "page.js\0.css",
  ])("serves nothing as %j", async (name) => {
    const folders = built({ "page.js": "", "page.ts": "", "index.html": page });
    const answer = await serveAsset(name, request(), folders);
    expect(answer.status).toBe(404);
    expect(await answer.text()).not.toContain("secret");
  });
});
