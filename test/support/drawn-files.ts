/**
 * Which test files a whole everyday run plays: of those that start processes and servers, which take most of the time,
 * every seventh one, others each time. A thorough run plays all, and so does a run of one file or folder.
 */
import { draw, draws, oneIn } from "./effort.ts";

const costly =
  /\/test\/(?:(?:adapters|chaos|cli|crash|examples|inspector|joining|leaving|moving|processes)\/[^/]+|(?:house\/(?:bare-machine|frameworks|silence|tarball)|http\/proxy)\.test\.ts)$/;
/** Fewer files than this were asked for by name. */
const wholeRun = 200;

/** One of so many is played. */
const parts = 7;
/** Which of them. Not by the rest of a division, by which the files draw their own rounds. */
const part = Math.floor((parts * draw) / draws);

/** The files of a run, without those that it leaves to the next ones. */
export function drawnFiles<T extends { readonly moduleId: string }>(files: readonly T[]): T[] {
  if (files.length < wholeRun) return [...files];
  const byName = files
    .filter(({ moduleId }) => costly.test(moduleId))
    .sort((one, other) => (one.moduleId < other.moduleId ? -1 : 1));
  const kept = new Set(oneIn(parts, byName, part));
  return files.filter((file) => !costly.test(file.moduleId) || kept.has(file));
}
