/**
 * Creates a bulk export: starts it, waits, and reads its files.
 *
 * @module
 */
import { leavable, linkSignals } from "../../abort.ts";
import { anything, between, check, invalid, isObject, kindOf, type Rules } from "../../checks.ts";
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import { under } from "../../http/call.ts";
import type { JsonObject } from "../../http/json.ts";
import { cutInWords } from "../../http/transport.ts";
import { checkResourceId, checkType } from "../checks.ts";
import { refuseUndeclared, type VerbParts } from "../execute.ts";
import { operating } from "../operation.ts";
import { queryOf } from "../query.ts";
import { ofWalk, readRules, repeated, repetitionOf } from "../repeat.ts";
import type { AnyExport, BulkExportOptions, BulkExportProgress } from "./bulk-export.ts";
import {
  beginning,
  exportCursor,
  exportPlaceAt,
  printOf,
  printOfLine,
  type ExportPlace,
  type Position,
} from "./export-cursor.ts";
import { unreadableFile } from "../stream-call.ts";
import { begin, end, untilReady, type Job, type ListedFile, type Manifest } from "./export-job.ts";
import { cut, resourceIn, openFile, type OpenFile } from "./read-file.ts";

const words = "export";
const rules: Rules<BulkExportOptions> = {
  of: anything,
  types: anything,
  since: {
    must: "a FHIR instant like 2026-01-01T00:00:00Z",
    holds: (value) =>
      typeof value === "string" &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(value) &&
      !Number.isNaN(Date.parse(value)),
  },
  cursor: anything,
  kickOffMs: between(10, 86_400_000),
  ...readRules,
};

/** What an export is created with besides its options. */
export interface ExportParts extends VerbParts {
  /** The base of the analytics host, without the version. */
  readonly analytics: string | undefined;
  /** The longest line of a file, in bytes. */
  readonly longestLine: number;
}

/** A line's resource, and the position behind it. */
interface Read {
  readonly resource: JsonObject;
  readonly here: Position;
}

/** Statuses with which servers refuse a signed link that has expired. */
const expired: ReadonlySet<number | undefined> = new Set([400, 401, 403, 404, 410]);

/** See `FhirClient.bulkExport`. @throws {LifecycleError} `INVALID_OPTION`, `INVALID_RESOURCE` */
export function createBulkExport(parts: ExportParts, options: BulkExportOptions | undefined): AnyExport {
  const { performer: executor, place, longestLine } = parts;
  const {
    of = "all",
    types,
    since,
    cursor,
    signal,
    retries,
    waitMs = 86_400_000,
    kickOffMs = 300_000,
  } = check(words, options, rules);
  const { address, template, level } = addressOf(parts, of, types, since);
  const repetition = repetitionOf({ retries }, executor.retries, ofWalk);
  const job: Job = { executor, address, template, repetition, kickOffMs, signal };
  const print = printOf(address);
  const from: ExportPlace = cursor === undefined ? { status: null, at: null } : exportPlaceAt(print, cursor);

  let { status } = from;
  let manifest: Manifest | undefined;
  /** Of the latest list: it may be long, and `progress` is read with each resource. */
  let outputs: { readonly of: Manifest; readonly files: readonly ListedFile[] } | undefined;
  /** The files that were listed again, with fresh links, by their names. */
  let fresh: ReadonlyMap<string, ListedFile> = new Map();
  /** Where reading goes on; `null`: at the first file. */
  let at = from.at;
  let phase: BulkExportProgress["phase"] = status === null ? "new" : "preparing";
  let server: string | undefined;
  let [filesRead, resources, bytes] = [0, 0, 0];

  let starting: Promise<void> | undefined;
  let renewing: Promise<void> | undefined;
  const ended = new AbortController();

  /** Once, however many ask for it at the same time. */
  async function start(): Promise<void> {
    ended.signal.throwIfAborted();
    if (status !== null || manifest !== undefined) return;
    starting ??= kickOff().finally(() => (starting = undefined));
    await starting;
  }

  async function kickOff(): Promise<void> {
    if (executor.strict && level !== undefined)
      refuseUndeclared(place.version, operating("export", level, false));
    const begun = await begunOnce();
    if ("status" in begun) ({ status } = begun);
    else ({ manifest } = begun);
    phase = "preparing";
  }

  /** Only a 429 is waited out: after another failure, 1upHealth may prepare an export already. */
  async function begunOnce(): ReturnType<typeof begin> {
    let failed: { readonly error: unknown } | undefined;
    const linked = linkSignals(signal, ended.signal);
    try {
      const begun = await repeated(executor, repetition, linked.signal, () =>
        begin(job).catch((error: unknown) => {
          if (isLifecycleError(error, "RATE_LIMITED")) throw error;
          failed = { error };
          return null;
        }),
      );
      if (begun === null) throw failed?.error;
      return begun;
    } finally {
      linked.release();
    }
  }

  /** @param left aborts when the sequence that needs them is left; a start is not undone by it: others may wait for it */
  async function listed(left?: AbortSignal): Promise<Manifest> {
    for (;;) {
      await start();
      if (manifest !== undefined) return manifest;
      if (status !== null) manifest = await prepared(status, left);
    }
  }

  async function prepared(status: string, left: AbortSignal | undefined): Promise<Manifest> {
    const linked = linkSignals(signal, ended.signal, left);
    try {
      linked.signal.throwIfAborted(); // it was cancelled while it started
      const waiting = { ...job, signal: linked.signal };
      return await untilReady(waiting, status, waitMs, (words) => (server = words));
    } finally {
      linked.release();
    }
  }

  function linkOf(file: ListedFile): ListedFile {
    return fresh.get(file.name) ?? file;
  }

  /** Replaces a link that was refused. One reader at a time asks for the list; if it fails or is left, the next one asks. */
  async function refresh(file: ListedFile, refused: ListedFile, left: AbortSignal): Promise<void> {
    while (linkOf(file) === refused) {
      if (renewing === undefined) await (renewing = renew(left).finally(() => (renewing = undefined)));
      else await renewing.catch(() => {});
    }
  }

  /** Asks for the list again, for fresh links. The one of before stays until it is known to name the same files. */
  async function renew(left: AbortSignal): Promise<void> {
    const before = await listed(left);
    left.throwIfAborted();
    const begun = status === null ? await repeated(executor, repetition, left, () => begin(job)) : { status };
    if ("status" in begun) ({ status } = begun);
    const list = "status" in begun ? await prepared(begun.status, left) : begun.manifest;
    if (setOf(list) !== setOf(before)) throw outdated();
    manifest = list;
    fresh = new Map(list.files.map((file) => [file.name, file]));
  }

  /** The resources of a file from a position, whatever cuts it on the way. */
  async function* read(
    file: ListedFile,
    start: Position,
    left: AbortSignal,
  ): AsyncGenerator<Read, void, undefined> {
    let here = start;
    let link = file;
    let opened: OpenFile | undefined;
    let isFresh = false;
    /** The position behind the lines that came, of which the last may not have been asked for yet. */
    let ahead = start;
    /** Where the file ended the last time, if nothing showed that it was whole. */
    let endedAt = -1;
    const linked = linkSignals(signal, executor.ending, ended.signal, left);
    /** `undefined`: the link has expired. */
    const open = async (): Promise<OpenFile | undefined> => {
      const { needsAccess } = await listed(left);
      link = linkOf(file);
      const reading = { executor, base: address, needsAccess, longest: longestLine, signal: linked.signal };
      ahead = here;
      return openFile(reading, link, here).catch((error: unknown) => {
        if (!isFresh && isLifecycleError(error) && expired.has(error.status)) return undefined;
        throw error;
      });
    };
    const close = async (): Promise<void> => {
      await opened?.lines.return();
      opened = undefined;
    };
    const next = async (): Promise<Read[] | "expired" | null> => {
      try {
        for (;;) {
          opened ??= await open();
          if (opened === undefined) return "expired";
          const { done, value } = await opened.lines.next();
          const { etag, showsItsEnd } = opened;
          const last = value?.find((one) => !one.isEnded);
          if (done === true || last !== undefined) {
            // Cut before a line feed: the line is read again, with its end.
            const isShort =
              file.count !== undefined && ahead.found + (last === undefined ? 0 : 1) < file.count;
            // seam: a-file-shorter-than-its-count-is-cut
            if (isShort) throw cut();
            const end = last?.end ?? ahead.byte;
            // Otherwise it must end there twice.
            if (!showsItsEnd && file.count === undefined && end !== endedAt) {
              const isFurther = end > endedAt;
              endedAt = end;
              await close();
              if (isFurther) continue;
              throw cut();
            }
          }
          if (done === true) return null;
          const batch = value.flatMap((one) => {
            const resource = resourceIn(one, resourceTypeIn(file), longestLine, executor.lossless);
            const print = (): string => printOfLine(one.bytes, one.end);
            const last = { length: one.end - ahead.byte, print };
            const found = ahead.found + (resource === null ? 0 : 1);
            ahead = { line: ahead.line + 1, found, byte: one.end, etag, last };
            return resource === null ? [] : [{ resource, here: ahead }];
          });
          if (batch.length > 0) return batch; // empty lines alone are no progress: `here` stays before them
        }
      } catch (error) {
        await close();
        if (isLifecycleError(error) || linked.signal.aborted) throw error;
        throw unreadableFile(cutInWords(error), { retryable: true, cause: error }, "UNAVAILABLE");
      }
    };
    try {
      for (;;) {
        const batch = await repeated(executor, repetition, linked.signal, next);
        if (batch === null) return;
        isFresh = batch === "expired";
        if (batch === "expired") {
          await refresh(file, link, linked.signal); // repeats its calls itself
          continue;
        }
        for (const one of batch) {
          linked.signal.throwIfAborted();
          yield one;
          bytes += one.here.byte - here.byte;
          // seam: a-file-that-is-cut-goes-on-behind-what-was-read
          here = one.here;
        }
      }
    } finally {
      await close();
      linked.abort(); // a file that was opened and not read would keep its connection
    }
  }

  /** The files of resources. A server that does not know `_type` lists all types. */
  function outputsIn(all: Manifest): readonly ListedFile[] {
    if (outputs?.of === all) return outputs.files;
    const files = all.files.filter(
      ({ list, type }) => list === "output" && (types?.some((wanted) => wanted === type) ?? true),
    );
    outputs = { of: all, files };
    return files;
  }

  async function* all(left: AbortSignal): AsyncGenerator<JsonObject, void, undefined> {
    if (phase === "done") return;
    const list = await listed(left);
    const files = outputsIn(list);
    const set = setOf(list);
    if (at !== null && at.set !== set) throw outdated();
    const stands = at;
    let index = stands === null ? 0 : files.findIndex((file) => printOf(file.name) === stands.file);
    if (index < 0) throw outdated();
    phase = "reading";
    for (let file = files[index]; file !== undefined; file = files[++index]) {
      filesRead = index;
      const start = at?.file === printOf(file.name) ? at.position : beginning;
      at = { set, file: printOf(file.name), position: start };
      for await (const { resource, here } of read(file, start, left)) {
        resources++;
        yield resource;
        // seam: a-cursor-moves-with-each-resource
        at = { ...at, position: here };
      }
    }
    filesRead = files.length;
    phase = "done";
  }

  async function* outcomes(left: AbortSignal): AsyncGenerator<JsonObject, void, undefined> {
    const { files } = await listed(left);
    for (const file of files)
      if (file.list === "error") for await (const { resource } of read(file, beginning, left)) yield resource;
  }

  return {
    get cursor() {
      return phase === "done" ? undefined : exportCursor(print, { status, at });
    },
    get progress() {
      return { phase, server, files: manifest && outputsIn(manifest).length, filesRead, resources, bytes };
    },
    start,
    async files() {
      const { files } = await listed();
      return files.map(({ type, list, url, count }) => ({ type, list, url, count }));
    },
    outcomes: () => leavable(outcomes),
    async cancel() {
      if (phase === "new" && starting === undefined) return; // nothing has begun
      const why = "Cannot go on with the export: it was cancelled; start another one";
      ended.abort(new LifecycleError("INVALID_OPTION", why));
      await Promise.allSettled([starting, renewing]); // it may have begun at the server
      if (status !== null) await end(job, status);
    },
    [Symbol.asyncIterator]: () => leavable(all),
  };
}

/** The address of the kick-off. */
function addressOf(
  { place, analytics }: ExportParts,
  of: BulkExportOptions["of"],
  types: BulkExportOptions["types"],
  since: string | undefined,
): { readonly address: string; readonly template: string; readonly level: string | undefined } {
  if (analytics === undefined)
    throw invalid(
      words,
      "analytics must be the address of the host that exports",
      "nothing: it is an option of the client",
    );
  const [path, template, level] = pathOf(of);
  if (types !== undefined && !(Array.isArray(types) && types.length > 0))
    throw invalid(
      words,
      "types must be a list of resource types",
      Array.isArray(types) ? "an empty one" : kindOf(types),
    );
  const names = types?.map((type) => checkType(words, type));
  const query = queryOf([
    ...(names === undefined ? [] : [["_type", names.join(",")] as const]),
    ...(since === undefined ? [] : [["_since", since] as const]),
  ]);
  const address = under(analytics, `/${place.version}${path}/$export${query === "" ? "" : `?${query}`}`);
  return { address, template: `/${place.version}${template}/$export`, level };
}

function pathOf(of: unknown): readonly [path: string, template: string, level: string | undefined] {
  if (of === "all") return ["", "", undefined];
  if (of === "patients") return ["/Patient", "/Patient", "Patient"];
  if (!isObject(of) || Object.keys(of).join() !== "group")
    throw invalid(words, 'of must be "all", "patients" or { group }', kindOf(of));
  return [`/Group/${checkResourceId(words, of["group"])}`, "/Group/{id}", "Group"];
}

/** A list of errors holds OperationOutcomes, and one of deletions Bundles, about resources of its type. */
function resourceTypeIn({ list, type }: ListedFile): string {
  if (list === "output") return type;
  return list === "error" ? "OperationOutcome" : "Bundle";
}

/** Which files there are. */
function setOf({ files }: Manifest): string {
  return printOf(...files.map(({ list, name }) => `${list} ${name}`));
}

function outdated(): LifecycleError {
  return new LifecycleError(
    "CURSOR_EXPIRED",
    "Cannot continue the export: 1upHealth lists other files now; start another one without a cursor",
  );
}
