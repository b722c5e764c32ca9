/**
 * The versions of what is compared.
 *
 * @module
 */
import { existsSync, readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);

/** The version of an installed package, or of the library. */
export function versionOf(npm: string): string {
  const places = [`bench/peers/node_modules/${npm}/`, `node_modules/${npm}/`];
  const place = npm === "oneup-lifecycle" ? "" : places.find((each) => existsSync(new URL(each, root)));
  if (place === undefined) throw new Error(`Cannot compare with ${npm}: it is not installed`);
  const text = readFileSync(new URL(`${place}package.json`, root), "utf8");
  return (JSON.parse(text) as { version: string }).version; // each package has one
}

/** A line for below a table. */
export function versionsOf(npms: readonly string[]): string {
  const each = ["oneup-lifecycle", ...npms].map((npm) => `${npm} ${versionOf(npm)}`);
  return `Versions: ${each.join(", ")}, Node ${process.versions.node}.`;
}
