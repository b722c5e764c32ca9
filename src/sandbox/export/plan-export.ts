/**
 * `/bulk-data/{version}/…` of the analytics host: kick-off, state, end and files of a bulk export, with a Bearer token or
 * the client's credentials (1upHealth documentation, Bulk Data $export). The host itself is ignored, as everywhere.
 */

import { isObject } from "../../checks.ts";
import { header, type Incoming } from "../base/message.ts";
import { type Carried, type ExportCallName, type Plan, refused } from "../base/plan.ts";
import { router, type Routed } from "../base/router.ts";
import type { FhirCall } from "../fhir/fhir-call.ts";
import { issue } from "../fhir/operation-outcome.ts";
import { authenticate, refusedToken } from "../fhir/plan-fhir.ts";
import { isFhirVersion, isServed } from "../resources/served-types.ts";
import { type Reader, shown } from "../resources/stored-resource.ts";
import type { World } from "../state/world.ts";
import {
  expiredLink,
  type Exported,
  fileOf,
  isReader,
  keyOf,
  keyText,
  outcomesFile,
  listOf,
} from "./export-list.ts";

/** Jobs that were ended, by world. */
const endedJobs = new WeakMap<World, Set<string>>();

/** Parses a call of an export. */
export function planExport(world: World, incoming: Incoming): Plan | undefined {
  const { method, path } = incoming;
  const [, base, first = "", ...rest] = path.split("/").map((part) => part.replaceAll("%24", "$"));
  if (base === "signed" && method === "GET")
    return { call: "fhir.exportFile", carryOut: () => signedFile(world, incoming, rest) };
  if (base !== "bulk-data" || !isFhirVersion(first)) return undefined;
  const isCircle = rest[0] === "circle";
  const call = callOf(method, isCircle ? rest.slice(1) : rest) ?? "unknown";
  const { reader, ...known } = authenticate(world, incoming);
  const answer = (carryOut: () => Carried): Plan => ({ call, ...known, carryOut });
  if (call === "unknown") return answer(() => issue(404, "not-found", "Not Found"));
  if (reader === undefined) return answer(() => refused("unauthorized", refusedToken(world)));
  if (isCircle)
    return answer(() =>
      refused("circle", { status: 302, headers: { location: `${incoming.origin}${path}` }, body: "" }),
    );
  const root = `${incoming.origin}/bulk-data/${first}`;
  const asked: Asked = { world, incoming, reader, version: first, root, rest };
  return answer(() => calls[call].carryOut(asked));
}

const calls: Readonly<Record<ExportCallName, Routed<Asked>>> = {
  "fhir.export": { routes: ["GET $export", "GET Patient $export", "GET Group * $export"], carryOut: kickOff },
  "fhir.exportFile": {
    routes: ["GET $export * *"],
    carryOut: ({ world, incoming, reader, rest: [, type = "", file = ""] }) =>
      contentOf(world, incoming, type, file, reader),
  },
  "fhir.exportState": { routes: ["GET jobs *"], carryOut: stateOf },
  "fhir.exportEnd": { routes: ["DELETE jobs *"], carryOut: endOf },
};
const callOf = router(calls);

/** An export call of a known caller. */
interface Asked extends Pick<FhirCall, "world" | "incoming" | "reader" | "version" | "root"> {
  /** The path behind it. */
  readonly rest: readonly string[];
}

function kickOff(asked: Asked): Carried {
  const { world, incoming, reader, root, rest } = asked;
  const [level = "", group = ""] = rest;
  if (level === "Group" && header(incoming, "authorization") !== undefined)
    return issue(403, "forbidden", "The export of a group needs the client's credentials");
  const { query } = incoming;
  const job = { reader, at: world.now(), level: level === "$export" ? "all" : level, group, query };
  if (level === "Group" && patientsOf(asked, job) === undefined)
    return issue(404, "not-found", "No such group");
  if (world.settings.exportKickOff === "files") return listed(asked, job);
  const headers = { "content-location": `${root}/jobs/${keyText(job)}` };
  return { outgoing: { status: 202, headers, body: "" }, outcome: "begun", committed: true };
}

/** A job, as its address holds it. */
interface JobKey {
  readonly reader: Reader;
  readonly at: number;
  readonly level: string;
  readonly group: string;
  readonly query: string;
}

/** The job, if it runs and is the caller's. */
function jobOf({ world, reader, rest: [, id = ""] }: Asked): JobKey | undefined {
  if (endedJobs.get(world)?.has(id) === true) return undefined;
  const job = keyOf(id, isJobKey);
  return job?.reader === reader ? job : undefined;
}

function isJobKey(value: unknown): value is JobKey {
  if (!isObject(value) || !isReader(value["reader"]) || !Number.isFinite(value["at"])) return false;
  return ["level", "group", "query"].every((name) => typeof value[name] === "string");
}

function stateOf(asked: Asked): Carried {
  const job = jobOf(asked);
  if (job === undefined) return issue(404, "not-found", "No such export");
  const { exportMs, retryAfter } = asked.world.settings;
  const now = asked.world.now();
  const leftMs = job.at + exportMs - now;
  if (leftMs <= 0) return listed(asked, job);
  const waitMs = Math.min(leftMs, 30_000);
  const seconds = String(Math.ceil(waitMs / 1_000));
  const time = retryAfter === "date" ? new Date(now + waitMs + 999).toUTCString() : seconds;
  const done = exportMs === Infinity ? 1 : Math.floor((100 * (now - job.at)) / exportMs);
  const headers = { "x-progress": `${done}%`, ...(retryAfter !== false && { "retry-after": time }) };
  return { outgoing: { status: 202, headers, body: "" }, outcome: "waiting", committed: true };
}

function endOf(asked: Asked): Carried {
  const { world, rest } = asked;
  if (jobOf(asked) === undefined) return issue(404, "not-found", "No such export");
  const ended = endedJobs.get(world) ?? new Set<string>();
  endedJobs.set(world, ended.add(rest[1] ?? ""));
  return { outgoing: { status: 202, headers: {}, body: "" }, outcome: "ended", committed: true };
}

function listed(asked: Asked, job: JobKey): Carried {
  const { world, reader, version, root } = asked;
  const query = new URLSearchParams(job.query);
  const types = query.get("_type")?.split(",");
  const unknown = types?.some((type) => !isServed(version, type)) === true;
  if (unknown) return issue(400, "invalid", "_type holds a type that is not served");
  const since = query.get("_since");
  const patients = patientsOf(asked, job) ?? [];
  const exported: Exported = {
    reader,
    version,
    patients: job.level === "all" ? null : patients,
    since: since === null ? -1 : Date.parse(since),
  };
  return listOf(world, exported, types, root);
}

/** The patients of a group, or all; `undefined`: there is no such group. */
function patientsOf(
  { world, reader, version }: Asked,
  { level, group }: JobKey,
): readonly string[] | undefined {
  const now = world.now();
  if (level !== "Group")
    return world.resources.find(reader, version, { type: "Patient" }, now).map(({ id }) => id);
  const stored = world.resources.readable(reader, version, "Group", group, now);
  const text = stored && shown(stored, now)?.text;
  if (text === undefined) return undefined;
  return [...text.matchAll(/"reference"\s*:\s*"Patient\/([^"]+)"/g)].map(([, id = ""]) => id);
}

/** A link that needs no credentials, for a time. */
function signedFile(world: World, incoming: Incoming, [type = "", file = ""]: readonly string[]): Carried {
  const signedAt = Number(new URLSearchParams(incoming.query).get("signature"));
  if (!(world.now() - signedAt <= world.settings.exportLinkMs)) return expiredLink();
  return contentOf(world, incoming, type, file);
}

function contentOf(world: World, incoming: Incoming, type: string, file: string, reader?: Reader): Carried {
  const key = file.replace(/\.ndjson$/, "");
  return type === "OperationOutcome" ? outcomesFile() : fileOf(world, incoming, key, reader);
}
