/** A file of an export: one resource a line. Its address holds all that it depends on. */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { header, type Incoming, type Outgoing } from "../base/message.ts";
import { issue } from "../fhir/operation-outcome.ts";
import { type Carried, refused } from "../base/plan.ts";
import type { FhirVersion } from "../resources/fhir-types.ts";
import { type Reader, shown, type StoredResource } from "../resources/stored-resource.ts";
import type { World } from "../state/world.ts";

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
export function exportedOf(
  world: World,
  { reader, version, patients, since }: Exported,
  type: string,
): readonly StoredResource[] {
  const now = world.now();
  const found =
    patients === null
      ? world.resources.find(reader, version, { type }, now, "", () => true)
      : patients.flatMap((patient) =>
          world.resources.find(reader, version, { patient }, now, "", () => true),
        );
  return [...new Set(found)].filter((one) => {
    const state = shown(one, now);
    return one.type === type && state?.text !== undefined && state.at > since;
  });
}

export function keyText(key: FileKey): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Answers with a file. `key` as in its address. */
export function fileOf(world: World, incoming: Incoming, key: string): Carried {
  const read = keyOf(key);
  if (read === undefined) return issue(404, "not-found", "No such file");
  const now = world.now();
  const lines = exportedOf(world, read, read.type)
    .slice(read.start, read.end)
    .map((one) => (shown(one, now)?.text ?? "").replaceAll(/\n\s*/g, " "));
  return {
    outgoing: partOf(world, incoming, lines.map((line) => `${line}\n`).join("")),
    outcome: "read",
    committed: true,
  };
}

/** The OperationOutcomes of an export. */
export function outcomesFile(): Carried {
  const { body } = issue(200, "not-supported", "Some data could not be exported").outgoing;
  return { outgoing: { status: 200, headers: ndjson, body: `${body}\n` }, outcome: "read", committed: true };
}

const ndjson = { "content-type": "application/fhir+ndjson" };

/** The whole, or the part that a range asks for (RFC 9110, 14). */
function partOf({ settings }: World, incoming: Incoming, body: string): Outgoing {
  const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
  const headers = { ...ndjson, etag };
  const from = /^bytes=(\d{1,15})-$/.exec(header(incoming, "range") ?? "")?.[1];
  const condition = header(incoming, "if-range");
  if (from === undefined || !settings.exportRanges || (condition !== undefined && condition !== etag))
    return { status: 200, headers, body };
  const bytes = Buffer.from(body);
  const range = { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` };
  if (Number(from) >= bytes.length)
    return { status: 416, headers: { ...headers, "content-range": `bytes */${bytes.length}` }, body: "" };
  return { status: 206, headers: { ...headers, ...range }, body: bytes.toString("utf8", Number(from)) };
}

function keyOf(text: string): FileKey | undefined {
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as FileKey; // only this room writes keys
  } catch {
    return undefined;
  }
}

/** The answer of a store of files to a link that has expired. */
export function expiredLink(): Carried {
  const body = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
  return refused("expired", { status: 403, headers: { "content-type": "application/xml" }, body });
}
