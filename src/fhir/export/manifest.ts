/**
 * Reads the list of files. What does not have the right form is refused as a whole: an export with a part missing
 * would look complete.
 *
 * @module
 */
import { field, isObject, numeric } from "../../http/json.ts";
import type { BulkExportFile } from "./bulk-export.ts";
import { fileLink, nameOfFile } from "./export-link.ts";

/** A file, and where it is. */
export interface ListedFile extends BulkExportFile {
  readonly isOwn: boolean;
  /** Identifies it: the link, without its query unless that tells files apart. */
  readonly name: string;
}

/** The list of files, each once, in an order that does not depend on that of the server. */
export interface Manifest {
  readonly files: readonly ListedFile[];
  /** Whether files at the analytics host are read with credentials. */
  readonly needsAccess: boolean;
}

const lists = ["output", "error", "deleted"] as const;

/**
 * @param base the address of the analytics host
 * @returns the list, or in words what it lacks
 * @throws {LifecycleError} `BAD_ANSWER` for a link that is not followed
 */
export function readManifest(body: unknown, base: string, from: string): Manifest | string {
  if (!isObject(body) || !Array.isArray(body["output"])) return "a list of files in output";
  const files = new Map<string, Omit<ListedFile, "name">>();
  const names = new Map<string, number>();
  for (const list of lists) {
    const all = body[list] ?? [];
    if (!Array.isArray(all)) return `a list of files in ${list}`;
    for (const one of all as readonly unknown[]) {
      const [type, url, count] = [field(one, "type"), field(one, "url"), field(one, "count")];
      if (typeof type !== "string" || !/^[A-Z][A-Za-z]{0,63}$/.test(type) || typeof url !== "string")
        return `a type and a url for each file in ${list}`;
      const link = fileLink(base, from, url);
      if (files.has(link.url)) continue; // a file that is listed twice would be read twice
      const known = numeric(count);
      if (count !== undefined && count !== null && !(Number.isSafeInteger(known) && Number(known) >= 0))
        return `a whole number as the count of each file in ${list}`;
      files.set(link.url, { list, type, ...link, count: known });
      const name = nameOfFile(link.url);
      names.set(name, (names.get(name) ?? 0) + 1);
    }
  }
  const named = [...files.values()].map((file): ListedFile => {
    const name = nameOfFile(file.url);
    return { ...file, name: names.get(name) === 1 ? name : file.url };
  });
  named.sort((one, other) => compare(one.type, other.type) || compare(one.name, other.name));
  return { files: named, needsAccess: body["requiresAccessToken"] !== false };
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
