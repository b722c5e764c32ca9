/**
 * Opens a one-time link in the browser of this machine. Other users of the machine can see command lines, so the browser
 * is told the name of a file that leads to the link, which only this user can read.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";

const fileName = "inspector.html";

/** The program that opens an address, and its words before it. */
function opener(): readonly [program: string, ...words: string[]] {
  if (process.platform === "darwin") return ["open"];
  return process.platform === "win32" ? ["rundll32", "url.dll,FileProtocolHandler"] : ["xdg-open"];
}

/**
 * Opens it, or calls `onFailure`: a server has no browser. The returned function deletes the file: call it once the link
 * was used, and at the end.
 */
export function openBrowser(link: string, onFailure: () => void): () => void {
  const folder = newFolder((made) =>
    writeFileSync(join(made, fileName), leadingTo(link), { mode: 0o600, flag: "wx" }),
  );
  if (folder === null) {
    onFailure();
    return () => {};
  }
  const [program, ...words] = opener();
  const opening = spawn(program, [...words, pathToFileURL(join(folder, fileName)).href], {
    stdio: "ignore",
    detached: true,
  });
  opening.on("error", onFailure);
  opening.on("exit", (code) => code !== null && code !== 0 && onFailure());
  opening.on("spawn", () => opening.unref()); // this process need not wait for it
  return () => rmSync(folder, { recursive: true, force: true });
}

/** A new folder of mode 0700, once it is filled; `null` where none can be made. */
function newFolder(fill: (folder: string) => void): string | null {
  // On Linux a browser from a snap has a /tmp of its own, and may read no hidden folders.
  const places = process.platform === "linux" ? [homedir(), tmpdir()] : [tmpdir()];
  for (const place of places) {
    let folder: string | null = null;
    try {
      folder = mkdtempSync(join(place, "oneup-inspector-"));
      fill(folder);
      return folder;
    } catch {
      if (folder !== null) rmSync(folder, { recursive: true, force: true });
    } // the next place
  }
  return null;
}

/** A page that leads to the link. */
function leadingTo(link: string): string {
  const href = link.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
  return `<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url=${href}">
<title>oneup-lifecycle inspector</title>
<p><a href="${href}">Open the inspector</a></p>
`;
}
