/**
 * Checks the entries of a batch and describes them, before anything is sent.
 *
 * @module
 */
import { among, anything, aSwitch, check, checkValue, invalid, isObject, wrong } from "../../checks.ts";
import type { Call } from "../../http/call.ts";
import { createResourceCall, serialise, updateResourceCall, type FhirPlace } from "../calls.ts";
import { checkResource, checkResourceId, checkType, checkWhole, own, type Sendable } from "../checks.ts";
import { creating, deleting, reading, updating, type Operation } from "../operation.ts";
import { checkFindBy, type FindBy } from "../recover-create.ts";
import { versionToReplace } from "../resource-verbs.ts";
import { mostEntries } from "./batch.ts";

/** An entry that can be sent. */
export interface Prepared {
  readonly type: "create" | "read" | "update" | "delete";
  readonly operation: Operation;
  readonly resourceType: string;
  /** Not known for a create. */
  readonly id?: string | undefined;
  /** The resource that is sent. */
  readonly sent?: Sendable;
  readonly findBy?: FindBy | undefined;
  /** A create or an update by itself, with the resource as it was. */
  readonly call?: Call | undefined;
  /** The entry, as JSON. */
  readonly text: string;
}

const words = "send the batch";

/** @throws {LifecycleError} `INVALID_OPTION` */
export function checkEntries(entries: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(entries)) throw wrong(words, "entries", "a list", entries);
  const all: readonly unknown[] = Array.from(entries); // a hole is no entry
  if (all.length === 0 || all.length > mostEntries)
    throw invalid(words, `entries must be 1 to ${mostEntries}`, String(all.length));
  return all.map((entry, index) => {
    if (isObject(entry)) return entry;
    throw wrong(words, `entries[${index}]`, "an object", entry);
  });
}

/** @throws {LifecycleError} `INVALID_OPTION`, `INVALID_RESOURCE` */
export function prepareEntries(
  place: FhirPlace,
  entries: readonly Readonly<Record<string, unknown>>[],
): readonly Prepared[] {
  const prepared = entries.map((entry, index) => prepare(place, entry, index));
  // Each would be found as the other one.
  const found = prepared.flatMap(({ resourceType, findBy }) =>
    findBy === undefined ? [] : [`${resourceType} ${JSON.stringify(findBy)}`],
  );
  if (new Set(found).size < found.length)
    throw invalid(words, "each findBy must be that of one entry", "the same one twice");
  return prepared;
}

const ofAddress = { type: anything, resourceType: anything, id: anything };
const ofCreate = { type: anything, resource: anything, findBy: anything };
const ofUpdate = { type: anything, resource: anything, ifMatch: aSwitch };

function prepare(place: FhirPlace, entry: Readonly<Record<string, unknown>>, index: number): Prepared {
  const task = `send entries[${index}] of the batch`;
  const type = checkValue(task, "type", entry["type"], among("create", "read", "update", "delete"));
  switch (type) {
    case "create": {
      const { resource: given, findBy } = check(task, entry, ofCreate);
      const resource = checkResource(task, given);
      const resourceType = String(resource["resourceType"]); // a name, as was checked
      const body = serialise(task, resource);
      return {
        type,
        operation: creating(resourceType, resource),
        resourceType,
        sent: resource,
        // checkFindBy() takes any value: it was given by a caller.
        findBy: checkFindBy(task, findBy as FindBy | undefined, resource),
        call: createResourceCall(place, resourceType, body),
        text: entryText({ method: "POST", url: resourceType }, body),
      };
    }
    case "update": {
      const { resource: given, ifMatch } = check(task, entry, ofUpdate);
      const resource = checkWhole(task, checkResource(task, given));
      const resourceType = String(resource["resourceType"]); // a name, as was checked
      const id = checkResourceId(task, own(resource, "id"));
      const versionId = versionToReplace(task, place.version, resource, ifMatch as boolean | undefined); // as was checked
      const match = versionId === undefined ? {} : { ifMatch: `W/"${versionId}"` };
      const request = { method: "PUT", url: `${resourceType}/${id}`, ...match };
      const body = serialise(task, resource);
      const call = updateResourceCall(place, resourceType, id, { method: "PUT", body, versionId });
      const text = entryText(request, body);
      const operation = updating(resourceType, id, resource);
      return { type, operation, resourceType, id, sent: resource, call, text };
    }
    case "read":
    case "delete": {
      const given = check(task, entry, ofAddress);
      const resourceType = checkType(task, given.resourceType);
      const id = checkResourceId(task, given.id);
      const method = type === "read" ? "GET" : "DELETE";
      const operation = type === "read" ? reading(resourceType, id) : deleting(resourceType, id);
      const text = entryText({ method, url: `${resourceType}/${id}` });
      return { type, operation, resourceType, id, text };
    }
    default:
      throw new TypeError("Cannot prepare an entry: its type was checked");
  }
}

function entryText(request: object, resource?: string): string {
  const asked = `"request":${JSON.stringify(request)}`;
  return resource === undefined ? `{${asked}}` : `{"resource":${resource},${asked}}`;
}

/** The Bundle to send. */
export function bundleText(entries: readonly Prepared[]): string {
  const texts = entries.map(({ text }) => text);
  return `{"resourceType":"Bundle","type":"batch","entry":[${texts.join(",")}]}`;
}
