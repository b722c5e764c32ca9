/**
 * Reads the answer to a batch. Its entries stand in the order of those that were sent; but a part of it is believed only
 * if nothing contradicts that: an answer that lost an entry would otherwise report the failure of one as that of another.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { namesNoError } from "../../http/fhir-issue.ts";
import { field, isObject, text, type JsonObject } from "../../http/json.ts";
import { idAt, isResourceId, own, type Sendable } from "../checks.ts";
import { identifiersIn, replacesIdentifier, textOf, type Identifier } from "../identifiers.ts";
import type { Prepared } from "./batch-entry.ts";

/** The part of the answer about one entry. */
export interface EntryAnswer {
  readonly status: number;
  readonly location: string | undefined;
  /** Of a success the resource, else what the server tells about the entry, if it does. */
  readonly body: JsonObject | undefined;
  readonly outcome: JsonObject | undefined;
}

/**
 * The part of the answer about each entry; `undefined`: none that can be believed.
 *
 * @param bundle the answer; `null` if it is lost or empty
 */
export function answersIn(
  bundle: JsonObject | null,
  entries: readonly Prepared[],
): readonly (EntryAnswer | undefined)[] {
  const listed: unknown = bundle?.["resourceType"] === "Bundle" ? bundle["entry"] : undefined;
  const parts = Array.isArray(listed) ? (listed as readonly unknown[]).map((part) => partOf(part)) : [];
  const fits = entries.map((entry, index) => {
    if (isOfAnother(entry, index, parts, entries)) return "contradicts";
    if (isExchanged(entry, parts[index], parts, entries)) return "contradicts";
    const fit = fitOf(entry, parts[index]);
    // Only its place tells which of several creates an address belongs to; a search knows.
    const part = parts[index];
    const isAddress = fit === "plausible" && part?.body === undefined && isSuccess(part?.status);
    const { type, resourceType, findBy } = entry;
    const several = entries.filter((other) => other.type === type && other.resourceType === resourceType);
    return isAddress && findBy !== undefined && several.length > 1 ? "incomplete" : fit;
  });
  if (parts.length === entries.length && !fits.includes("contradicts"))
    return parts.map((part, index) => (fits[index] === "incomplete" ? undefined : part));
  return entries.map((entry) => {
    const proofs = parts.filter((part) => fitOf(entry, part) === "proves");
    const others = entries.filter((other) => proofs.some((part) => fitOf(other, part) === "proves"));
    const [part] = proofs;
    if (part === undefined || proofs.length > 1 || others.length !== 1) return undefined;
    if (isExchanged(entry, part, parts, entries)) return undefined;
    return entry.type === "create" && sharesItsId(entry, part, parts, entries) ? undefined : part;
  });
}

/**
 * Whether the part in the place of a create is that of another entry: it names a resource that another part names too, or
 * it has identifiers of another entry, or its content is not what was sent, while another part has just that, or
 * another entry sent it.
 */
function isOfAnother(
  entry: Prepared,
  index: number,
  parts: readonly (EntryAnswer | undefined)[],
  entries: readonly Prepared[],
): boolean {
  const mine = parts[index];
  if (entry.type !== "create" || mine === undefined || !isSuccess(mine.status)) return false;
  if (sharesItsId(entry, mine, parts, entries)) return true;
  const others = parts.filter((_, other) => other !== index);
  const isOf = ({ sent }: Prepared, part: EntryAnswer | undefined): boolean =>
    part?.body !== undefined && sent !== undefined && holds(part.body, sent);
  if (mine.body !== undefined && isNamedRather(mine.body, entry, entries)) return true;
  if (mine.body === undefined || isOf(entry, mine)) return false;
  return others.some((part) => isOf(entry, part)) || entries.some((other) => isOf(other, mine));
}

/**
 * Whether a resource has more identifiers of another entry than of this one. If it has none of this one, the values alone
 * count: a server may write the systems in another form.
 */
function isNamedRather(resource: JsonObject, entry: Prepared, entries: readonly Prepared[]): boolean {
  const received = identifiersIn(resource);
  const shared = ({ sent, resourceType }: Prepared, key: (one: Identifier) => string): number => {
    if (sent === undefined || resourceType !== resource["resourceType"]) return 0;
    const keys = new Set(received.map(key));
    return identifiersIn(sent).filter((one) => keys.has(key(one))).length;
  };
  const isRather = (key: (one: Identifier) => string): boolean =>
    entries.some((other) => shared(other, key) > shared(entry, key));
  return isRather(textOf) || (shared(entry, textOf) === 0 && isRather(({ value }) => value));
}

/**
 * Whether a part names the resource of an update, and is about that of another entry: it has what that entry sent in the
 * place of what this one did, or what this one sent is that of the resource of another update. A server may add elements to
 * what was sent, and write them in another form.
 */
function isExchanged(
  entry: Prepared,
  mine: EntryAnswer | undefined,
  parts: readonly (EntryAnswer | undefined)[],
  entries: readonly Prepared[],
): boolean {
  const { type, sent, resourceType, id } = entry;
  if (type !== "update" || sent === undefined || mine?.body === undefined || !isSuccess(mine.status))
    return false;
  const { body } = mine;
  if (holds(body, sent)) return false;
  return entries.some((other) => {
    const theirs = other.sent;
    // Of two updates of one resource, the content may be that of the later one.
    if (theirs === undefined || other.resourceType !== resourceType || other.id === id) return false;
    if (isRather(body, theirs, sent)) return true;
    const named = parts.filter((part) => part !== undefined && idIn(other, part) === other.id);
    return named.some((part) => part?.body !== undefined && isRather(part.body, sent, theirs));
  });
}

/**
 * Whether a resource has all elements of the one that was sent, and of those in which another one differs none: it lacks
 * some, or has them from the first.
 */
function isRather(resource: JsonObject, sent: Sendable, another: Sendable): boolean {
  if (!holds(resource, sent)) return false;
  const differing = Object.keys({ ...sent, ...another }).filter(
    (name) => !isServers(name) && !isSame(own(sent, name), own(another, name)),
  );
  const has = (one: Sendable, name: string): boolean => own(one, name) !== undefined;
  const isKept = differing.some((name) => has(another, name) && isSame(resource[name], own(another, name)));
  const isShown = differing.some((name) => has(sent, name));
  const isGone = differing.some((name) => has(another, name) && (has(sent, name) || !has(resource, name)));
  return !isKept && isShown && isGone;
}

/** Whether a create would have the id that another part names, or that another entry was sent with. */
function sharesItsId(
  entry: Prepared,
  mine: EntryAnswer,
  parts: readonly (EntryAnswer | undefined)[],
  entries: readonly Prepared[],
): boolean {
  const id = idIn(entry, mine);
  if (id === undefined) return false;
  if (entries.some((other) => other.resourceType === entry.resourceType && other.id === id)) return true;
  return parts.some((part) => part && part !== mine && idIn(entry, part) === id);
}

function isSuccess(status: number | undefined): boolean {
  return status !== undefined && status >= 200 && status < 300;
}

/** Whether a resource has all elements of the one that was sent, but those that a server sets. */
function holds(resource: JsonObject, sent: Sendable): boolean {
  return Object.entries(sent).every(([name, value]) => isServers(name) || isSame(resource[name], value));
}

/** Whether a server sets the element itself. */
function isServers(name: string): boolean {
  return ["id", "meta", "text"].includes(name);
}

function isSame(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(plain(one), plain(other));
}

/** As JSON has it: without prototypes and the digits of numbers. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

function partOf(part: unknown): EntryAnswer | undefined {
  const response = field(part, "response");
  const [resource, outcome] = [field(part, "resource"), field(response, "outcome")].map((one) =>
    isObject(one) ? one : undefined,
  );
  const given = field(response, "status");
  const named = /^\s*([1-5]\d\d)\b/.exec(
    typeof given === "number" ? String(given) : (text(given) ?? ""),
  )?.[1];
  const status = named === undefined ? undefined : Number(named);
  if (status === undefined) return undefined;
  const body = isSuccess(status) ? (resource ?? outcome) : (outcome ?? resource);
  return { status, location: text(field(response, "location")), body, outcome };
}

/** Whether a part of the answer belongs to an entry. `plausible`: nothing proves it, and nothing contradicts it. */
type Fit = "proves" | "plausible" | "contradicts" | "incomplete";

function fitOf(entry: Prepared, part: EntryAnswer | undefined): Fit {
  if (part === undefined) return "incomplete";
  const { status, body } = part;
  if (!isSuccess(status)) return "plausible";
  const told = [part.outcome, isOutcomeOf(entry, body) ? body : undefined];
  if (told.some((one) => one !== undefined && !namesNoError(one))) return "incomplete"; // as of a call by itself
  if (status === 201 && (entry.type === "read" || entry.type === "delete")) return "contradicts";
  if (entry.type === "delete")
    return body === undefined || isOutcomeOf(entry, body) ? "plausible" : "contradicts";
  const located = idAt(entry.resourceType, part.location);
  if (part.location !== undefined && located === undefined) return "contradicts";
  if (body !== undefined && !isOutcomeOf(entry, body))
    return located === undefined || located === body["id"] ? fitOfResource(entry, body) : "contradicts";
  if (entry.type === "update" && located === undefined) return "plausible";
  if (entry.type === "read" || located === undefined) return "incomplete";
  return entry.id === undefined ? "plausible" : located === entry.id ? "proves" : "contradicts";
}

function fitOfResource({ resourceType, id, sent }: Prepared, resource: JsonObject): Fit {
  if (resource["resourceType"] !== resourceType || !isResourceId(resource["id"])) return "contradicts";
  if (id !== undefined && resource["id"] !== id) return "contradicts";
  const identifiers = sent === undefined ? [] : identifiersIn(sent);
  if (replacesIdentifier(resource, identifiers)) return "incomplete"; // as of a call by itself
  if (id !== undefined) return "proves";
  const received = new Set(identifiersIn(resource).map(textOf));
  const isShown = identifiers.length > 0 && identifiers.every((one) => received.has(textOf(one)));
  return isShown ? "proves" : "plausible"; // a server may write the system in another form, or leave it out
}

/** Whether it tells what became of the entry, and is not the entry's resource. */
function isOutcomeOf({ resourceType }: Prepared, body: JsonObject | undefined): boolean {
  return body?.["resourceType"] === "OperationOutcome" && resourceType !== "OperationOutcome";
}

/** The id of the resource that the answer to a successful write names. */
export function idIn({ resourceType }: Prepared, { location, body }: EntryAnswer): string | undefined {
  const id = body?.["resourceType"] === resourceType ? body["id"] : undefined;
  if (isResourceId(id)) return id;
  return idAt(resourceType, location);
}
