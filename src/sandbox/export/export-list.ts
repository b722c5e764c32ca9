/** The list of files of an export. The options decide how honest it is. */

import { json } from "../base/message.ts";
import type { Carried } from "../base/plan.ts";
import { servedTypes } from "../resources/served-types.ts";
import type { World } from "../state/world.ts";
import { type Exported, exportedOf, keyText } from "./export-file.ts";

/** The number of links of the list `huge`. */
const hugeList = 200_000;
const long = "a".repeat(60);

/** @param root the absolute address of the version at the analytics host; `types`: all types if undefined */
export function listOf(
  world: World,
  exported: Exported,
  types: readonly string[] | undefined,
  root: string,
): Carried {
  const { settings } = world;
  const { exportFileSize: size, exportLinks, exportList } = settings;
  const linkTo = (type: string, key: string): string => {
    if (typeof exportLinks === "object" && "url" in exportLinks) return exportLinks.url;
    const path = `$export/${type}/${key}.ndjson`;
    if (exportLinks === "circle") return `${root}/circle/${path}`;
    if (typeof exportLinks === "string") return `${root}/${path}`;
    return `${exportLinks.origin}/signed/${path}?signature=${world.now()}`;
  };
  const output: object[] = [];
  for (const type of types ?? servedTypes(exported.version)) {
    const { length } = exportedOf(world, exported, type);
    for (let start = 0; start < length; start += size) {
      const key = keyText({ ...exported, type, start, end: start + size });
      const count = settings.exportCounts ? { count: Math.min(size, length - start) } : {};
      output.push({ type, url: linkTo(type, key), ...count });
    }
  }
  const error = settings.exportOutcomes
    ? [{ type: "OperationOutcome", url: linkTo("OperationOutcome", "outcomes") }]
    : [];
  const list = {
    transactionTime: new Date(world.now()).toISOString(),
    request: `${root}/$export`,
    requiresAccessToken: typeof exportLinks === "string",
    output,
    error,
  };
  const listed: Readonly<Record<typeof exportList, () => unknown>> = {
    usual: () => output,
    twice: () => [...output, ...output].toReversed(),
    wrongTypes: () => [...output, { type: 7, url: ["x"] }],
    noList: () => "none",
    huge: () => Array.from({ length: hugeList }, (_, n) => ({ type: "Patient", url: `${root}/${long}${n}` })),
  };
  const answer = json(200, { ...list, output: listed[exportList]() });
  return { outgoing: answer, outcome: "listed", committed: true };
}
