/**
 * The version of this package.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** `package.json` is at most so many folders above this file: the source, the build and a bundle have different depths. */
const mostFolders = 5;

/** The version, or `unknown` if there is no `package.json`. */
export function version(): string {
  for (let folders = 1; folders <= mostFolders; folders++) {
    try {
      const place = new URL(`${"../".repeat(folders)}package.json`, import.meta.url);
      const found: unknown = JSON.parse(readFileSync(place, "utf8"));
      if (typeof found !== "object" || found === null || !("name" in found) || !("version" in found))
        continue;
      if (found.name === "oneup-lifecycle" && typeof found.version === "string") return found.version;
    } catch {
      // Not there: try the next path.
    }
  }
  return "unknown";
}
