/**
 * The list of files of an export. The options decide how honest it is. A file has one resource a line, and its address holds
 * all that it depends on.
 */
import { Buffer } from "node:buffer";
import { isObject } from "../../checks.ts";
import { json, parseObject, type Incoming } from "../base/message.ts";
import { type Carried, refused } from "../base/plan.ts";
import { isFhirVersion, servedTypes, type FhirVersion } from "../resources/served-types.ts";
import type { World } from "../state/world.ts";
import { inPart } from "../base/in-part.ts";
import { issue } from "../fhir/operation-outcome.ts";
import { type Reader, shown, type StoredResource } from "../resources/stored-resource.ts";

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

/** What is exported. */
export interface Exported {
  readonly reader: Reader;
  readonly version: FhirVersion;
  /** The patients whose data it is; `null`: all data. */
  readonly patients: readonly string[] | null;
  /** Milliseconds since 1970. */
  readonly since: number;
}

/** A file: some resources of one type, or, without a type, OperationOutcomes. */
export interface FileKey extends Exported {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

/** The resources of a type, in order of creation. */
function exportedOf(
  world: World,
  { reader, version, patients, since }: Exported,
  type: string,
): readonly StoredResource[] {
  const now = world.now();
  const found =
    patients === null
      ? world.resources.find(reader, version, { type }, now)
      : patients.flatMap((patient) => world.resources.find(reader, version, { patient }, now));
  return [...new Set(found)].filter((one) => {
    const state = shown(one, now);
    return one.type === type && state?.text !== undefined && state.at > since;
  });
}

/** A file or a job as a part of its address: the sandbox keeps no list of them. */
export function keyText(key: object): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/**
 * Answers with a file. `key` as in its address; a file of another reader does not exist.
 *
 * @param reader the caller; `undefined` for a signed link, which needs none
 */
export function fileOf(world: World, incoming: Incoming, key: string, reader: Reader | undefined): Carried {
  const read = keyOf(key, isFileKey);
  if (read === undefined || (reader !== undefined && read.reader !== reader))
    return issue(404, "not-found", "No such file");
  const now = world.now();
  const lines = exportedOf(world, read, read.type)
    .slice(read.start, read.end)
    .map((one) => (shown(one, now)?.text ?? "").replaceAll(/\n\s*/g, " "));
  const whole = { status: 200, headers: ndjson, body: lines.map((line) => `${line}\n`).join("") };
  const outgoing = inPart(incoming, whole, world.settings.exportRanges);
  return { outgoing, outcome: "read", committed: true };
}

/** The OperationOutcomes of an export. */
export function outcomesFile(): Carried {
  const { body } = issue(200, "not-supported", "Some data could not be exported").outgoing;
  return { outgoing: { status: 200, headers: ndjson, body: `${body}\n` }, outcome: "read", committed: true };
}

const ndjson = { "content-type": "application/fhir+ndjson" };

/** What `keyText()` was given, if it is a key of that kind: callers may send any text. */
export function keyOf<Key>(text: string, isKey: (value: unknown) => value is Key): Key | undefined {
  const key = parseObject(Buffer.from(text, "base64url").toString("utf8"));
  return isKey(key) ? key : undefined;
}

function isFileKey(value: unknown): value is FileKey {
  if (!isObject(value)) return false;
  const { reader, version, patients, type } = value;
  return (
    isReader(reader) &&
    typeof version === "string" &&
    isFhirVersion(version) &&
    (patients === null || (Array.isArray(patients) && patients.every((id) => typeof id === "string"))) &&
    typeof type === "string" &&
    ["since", "start", "end"].every((name) => Number.isInteger(value[name]))
  );
}

/** Whether it is a reader, of a key. */
export function isReader(value: unknown): value is Reader {
  return typeof value === "number" || value === "client";
}

/** The answer of a store of files to a link that has expired. */
export function expiredLink(): Carried {
  const body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
  return refused("expired", { status: 403, headers: { "content-type": "application/xml" }, body });
}
