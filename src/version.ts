/**
 * The version of this package.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { isObject } from "./checks.ts";

/** `package.json` is at most so many folders above this file: the source, the build and a bundle have different depths. */
const mostFolders = 5;

/** The version, or `unknown` if there is no `package.json`. */
export function version(): string {
  for (let folders = 1; folders <= mostFolders; folders++) {
    try {
      const place = new URL(`${"../".repeat(folders)}package.json`, import.meta.url);
      const found: unknown = JSON.parse(readFileSync(place, "utf8"));
      const { name, version } = isObject(found) ? found : {};
      if (name === "oneup-lifecycle" && typeof version === "string") return version;
    } catch {
      // Not there: try the next path.
    }
  }
  return "unknown";
}
