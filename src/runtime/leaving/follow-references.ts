/**
 * Exports resources of types that cannot be searched: it reads once each resource that another one refers to, and what
 * those refer to. The references are found in the files of the other types, which are complete by then, so a process that
 * resumes finds the same ones, whatever an earlier process has read.
 *
 * @module
 */
import { parseFhirJson, stringifyFhirJson } from "../../fhir/lossless-json.ts";
import {
  announcements,
  type Announcement,
  type ReferenceFinder,
} from "../../fhir/attachment/reference-finder.ts";
import type { JsonObject } from "../../http/json.ts";
import type { OpenExportFile } from "./export-many-options.ts";
import { idOf, type Filled, type Filling } from "./fill-file.ts";

/** How references are followed. */
export interface Following extends Pick<Filling, "goOn" | "mayFinish"> {
  readonly find: ReferenceFinder;
  /** The lines of the files of the other types. */
  readonly lines: AsyncIterable<string>;
  /** Reads a resource; `null`: there is none. `announced`: by the Attachment that refers to it. */
  readonly read: (
    type: string,
    id: string,
    announced: Announcement | undefined,
  ) => Promise<JsonObject | null>;
}

/** Fills and finishes the files of these types. @throws what the files and the calls throw */
export async function followReferences(
  files: ReadonlyMap<string, OpenExportFile>,
  { find, lines, read, goOn, mayFinish }: Following,
): Promise<readonly Filled[]> {
  const known = new Set<string>();
  const all = new Map([...files].map(([type, file]) => [type, { file, ...nothing }]));

  function referencesIn(line: string): readonly Reference[] {
    const found = find(line);
    const all = found.length === 0 ? null : announcements(line, find);
    return found.map((one) => [one, all?.get(one)]);
  }

  async function follow(references: Iterable<Reference>): Promise<void> {
    const found = [...references];
    for (const [one, announced] of found) {
      const [type = "", id = ""] = one.split("/"); // as a finder returns it
      const to = all.get(type);
      // A file that is whole has what was found of its type.
      if (to === undefined || to.file.isWhole || known.has(one)) continue;
      known.add(one);
      goOn();
      const resource = await read(type, id, announced);
      if (resource === null) to.dangling++;
      if (resource === null) continue;
      const line = `${stringifyFhirJson(resource)}\n`;
      await to.file.append(line, id);
      to.lines++;
      to.resources++;
      found.push(...referencesIn(line)); // which this loop reaches
    }
  }

  const before = new Map<string, Announcement | undefined>();
  for (const [type, to] of all)
    for await (const line of await to.file.lines()) {
      to.lines++;
      known.add(`${type}/${idOf(parseFhirJson(line))}`);
      for (const [one, announced] of referencesIn(line)) before.set(one, announced ?? before.get(one));
    }
  await follow(before);
  // seam: what-others-refer-to-is-exported
  for await (const line of lines) await follow(referencesIn(line));
  for (const { file, ...filled } of all.values()) {
    if (file.isWhole) continue;
    if (filled.lines > 0) await mayFinish();
    goOn();
    await file.finish();
  }
  return [...all.values()];
}

/** What a line refers to, as a finder returns it, and what its Attachment announces. */
type Reference = readonly [to: string, announced: Announcement | undefined];

const nothing = { resources: 0, lines: 0, isShort: false, dangling: 0 };
