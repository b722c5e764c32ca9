/**
 * The version of this package.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** Where `package.json` stands, seen from the source and from what was built of it. */
const places = ["../../package.json", "../../../package.json"];

/** The version, or `unknown` where no `package.json` came along. */
export function version(): string {
  for (const place of places) {
    try {
      const found: unknown = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8"));
      if (typeof found !== "object" || found === null || !("name" in found) || !("version" in found))
        continue;
      if (found.name === "oneup-lifecycle" && typeof found.version === "string") return found.version;
    } catch {
      // Not there: the next place.
    }
  }
  return "unknown";
}
