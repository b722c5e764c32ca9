/**
 * Fills one file of an export with the pages of one search, each resource once.
 *
 * @module
 */
import { isLifecycleError, LifecycleError } from "../../errors.ts";
import { isKeyset } from "../../fhir/pages/cursor.ts";
import type { AnyPage } from "../../fhir/pages/fhir-page.ts";
import type { AnyWalk } from "../../fhir/pages/fhir-walk.ts";
import { refuseUnfinished } from "../../fhir/pages/refuse-unproven.ts";
import { parseFhirJson, stringifyFhirJson } from "../../fhir/lossless-json.ts";
import { field } from "../../http/json.ts";
import type { OpenExportFile } from "./export-many-options.ts";

/** A search from a cursor on. */
export type Search = (cursor: string | undefined) => Pick<AnyWalk, "pages">;

/** What was written. */
export interface Filled {
  /** Resources that this call has written, and all lines of the file. */
  readonly resources: number;
  readonly lines: number;
  /** Fewer than 1upHealth's total, or the total changed on the way over offsets, after a second reading too. */
  readonly isShort: boolean;
  /** References that lead nowhere. */
  readonly dangling: number;
}

/** How a file is filled. */
export interface Filling {
  /** The resource type that is searched for. */
  readonly type: string;
  /** Called before each write. */
  readonly goOn: () => void;
  /** Called before the file gets its name: whether this process may finish it. */
  readonly mayFinish: () => Promise<void>;
  /** Whether it is finished even if it may lack resources. */
  readonly allowShort: boolean;
}

/**
 * Fills and finishes the file.
 *
 * @throws {LifecycleError} `BAD_ANSWER` (retryable) if it has fewer resources than 1upHealth counts, or may have, or if a
 * page says that it lacks some; as the search; what the file and the checks throw
 */
export async function fillFile(
  file: OpenExportFile,
  search: Search,
  { type, goOn, mayFinish, allowShort }: Filling,
): Promise<Filled> {
  const seen = new Set<string>();
  /** Lines in the file, and those of them that this call has written. */
  let lines = 0;
  let resources = 0;
  /** Of the page that is read, and the total that 1upHealth named last. */
  let { cursor, total } = checkpointIn(file.cursor);
  for await (const line of await file.lines()) {
    lines++;
    const id = idOf(parseFhirJson(line));
    if (id !== null) seen.add(id);
  }
  let resumed = cursor !== undefined;

  async function restart(): Promise<void> {
    await file.restart();
    seen.clear();
    [cursor, total, resumed, lines, resources] = [undefined, undefined, false, 0, 0];
  }

  /** A deletion moves what is behind an offset forward, so a resource may lie on a page that was read before. */
  function hasMoved({ total: named }: AnyPage): boolean {
    if (cursor === undefined || named === undefined || isKeyset(cursor)) return false;
    return total === undefined ? resumed : named !== total;
  }

  async function write({ resources: found, included, total: named, nextCursor }: AnyPage): Promise<void> {
    goOn();
    const added: string[] = [];
    // Nothing else was asked for, so one of the type is a match, whatever the server calls it.
    const others = included.filter(({ resourceType }) => resourceType === type);
    for (const resource of [...found, ...others]) {
      const id = idOf(resource);
      if (id !== null && seen.has(id)) continue;
      if (id !== null) seen.add(id);
      added.push(`${stringifyFhirJson(resource)}\n`);
    }
    total = named ?? total;
    await file.append(added.join(""), checkpoint(nextCursor, total));
    resources += added.length;
    lines += added.length;
    cursor = nextCursor;
    resumed = false; // the server accepts the cursor
  }

  for (let again = false; ;) {
    let unsure: string | undefined;
    try {
      for await (const page of search(cursor).pages()) {
        refuseUnfinished("export a user", page);
        if (hasMoved(page))
          unsure = `1upHealth counted ${total} resources for a file, and then ${page.total}`;
        if (unsure !== undefined && !(again && allowShort)) break;
        await write(page);
      }
    } catch (error) {
      // A cursor may have expired at 1upHealth: then this file begins anew.
      if (!resumed || !isLifecycleError(error, "FHIR_REFUSED")) throw error;
      await restart();
      continue;
    }
    if (total !== undefined && lines < total)
      unsure ??= `1upHealth counts ${total} resources for a file and shows ${lines}`;
    const isShort = unsure !== undefined;
    // Resources may have moved from page to page meanwhile, or since an earlier process stopped.
    if (isShort && !again) {
      again = true;
      await restart();
      continue;
    }
    if (isShort && !allowShort) {
      await restart();
      const message = `Cannot export a user: ${unsure}; allowShort: true finishes it all the same`;
      throw new LifecycleError("BAD_ANSWER", message, { retryable: true });
    }
    if (lines > 0) await mayFinish();
    goOn();
    await file.finish();
    return { resources, lines, isShort, dangling: 0 };
  }
}

/** What a file keeps to go on from: the cursor, and the total behind a full stop, which no cursor has. */
function checkpoint(cursor: string | undefined, total: number | undefined): string | null {
  if (cursor === undefined) return null;
  return total === undefined ? cursor : `${cursor}.${total}`;
}

function checkpointIn(text: string | null): {
  cursor: string | undefined;
  total: number | undefined;
} {
  const [cursor, total] = text?.split(".") ?? [];
  return { cursor, total: total === undefined ? undefined : Number(total) };
}

/** The id of a resource; `null`: it has none. */
export function idOf(resource: unknown): string | null {
  const id = field(resource, "id");
  return typeof id === "string" ? id : null;
}
