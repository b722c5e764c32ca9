/**
 * `/{dstu2,stu3,r4}/…` (and the alias `/fhir/{version}/…`) with a Bearer token, or with the client's credentials
 * and `x-oneup-user-id` in headers. The server assigns ids and `meta` (1upHealth user management guide,
 * Create a FHIR Resource).
 */

import type { FhirCall } from "./fhir-call.ts";
import { batch } from "./batch.ts";
import { history, read, readVersion } from "./read.ts";
import { everything, search } from "./search.ts";
import { create, erase, permit, purge, update, validate } from "./fhir-writes.ts";
import { isDeclared, isFhirVersion, isServed } from "../resources/served-types.ts";
import { header, type Incoming, json, type Outgoing } from "../base/message.ts";
import { issue } from "./operation-outcome.ts";
import { type CallName, type Carried, type FhirCallName, type Plan, refused } from "../base/plan.ts";
import { router, type Routed } from "../base/router.ts";
import type { Reader } from "../resources/stored-resource.ts";
import type { World } from "../state/world.ts";

const calls: Readonly<Record<FhirCallName, Routed<FhirCall>>> = {
  "fhir.batch": { routes: ["POST "], carryOut: batch },
  "fhir.purge": { routes: ["DELETE purge"], carryOut: purge },
  "fhir.create": { routes: ["POST *"], carryOut: create },
  "fhir.search": { routes: ["GET *", "POST * _search"], carryOut: search },
  "fhir.history": { routes: ["GET * _history", "GET * * _history"], carryOut: history },
  "fhir.everything": {
    routes: ["GET Patient $everything", "GET Patient * $everything"],
    carryOut: everything,
  },
  "fhir.validate": { routes: ["POST * $validate"], carryOut: validate },
  "fhir.vread": { routes: ["GET * * _history *"], carryOut: readVersion },
  "fhir.share": { routes: ["PUT Patient * _permission *"], carryOut: (call) => permit(call, true) },
  "fhir.unshare": { routes: ["DELETE Patient * _permission *"], carryOut: (call) => permit(call, false) },
  "fhir.read": { routes: ["GET * *"], carryOut: read },
  // 1upHealth's pages describe an update as a POST to the resource's id; its capability statements as a PUT.
  "fhir.update": { routes: ["PUT * *", "POST * *"], carryOut: update },
  "fhir.delete": { routes: ["DELETE * *"], carryOut: erase },
};
const callOf = router(calls);

/** Parses a FHIR call. */
export function planFhir(world: World, incoming: Incoming): Plan | undefined {
  const aliased = incoming.path.startsWith("/fhir/");
  const segments = split(aliased ? incoming.path.slice(5) : incoming.path);
  const [version = "", type = "", ...rest] = segments ?? [];
  if (!isFhirVersion(version)) {
    const fhirLike = aliased || (segments !== undefined && isServed("r4", type));
    return fhirLike ? refusal("unknown", issue(404, "not-found", "Unknown FHIR version")) : undefined;
  }
  const call = callOf(incoming.method, [type, ...rest]);
  const { reader, ...known } = authenticate(world, incoming);
  if (reader === undefined) {
    return refusal(call ?? "unknown", refused("unauthorized", refusedToken(world)), known);
  }
  const ofType = call !== "fhir.purge" && call !== "fhir.batch";
  if (ofType && !isServed(version, type)) {
    return refusal(call ?? "unknown", issue(404, "not-found", "Unknown resource type"), known);
  }
  if (call === undefined) {
    return refusal("unknown", issue(404, "not-supported", "Unknown FHIR interaction"), known);
  }
  const interaction = call === "fhir.history" && rest.length === 1 ? "history-type" : undefined;
  if (call !== "fhir.search" && !isDeclared(version, type, call, interaction)) {
    return refusal(call, issue(405, "not-supported", `${type} does not support this interaction`), known);
  }
  const isPosted = call === "fhir.search" && incoming.method === "POST";
  if (isPosted ? isNoForm(incoming) : written.has(call) && isNoJson(incoming)) {
    return refusal(call, issue(415, "not-supported", "The content type of the body is not supported"), known);
  }
  const isOfType = rest[0] === "_search" || rest[0] === "_history";
  const [id = "", , last = ""] = isOfType ? [] : rest;
  const root = `${incoming.origin}${aliased ? "/fhir" : ""}/${version}`;
  const carryOut = (other: Incoming): Carried =>
    planFhir(world, other)?.carryOut() ?? issue(404, "not-found", "Unknown address");
  const parameters = [incoming.query, incoming.body].filter((part) => part !== "").join("&");
  const asked = isPosted ? { ...incoming, query: parameters } : incoming;
  let at: number | undefined;
  const lookedAt = (): number => (at ??= world.lookedAt()); // once, when it is carried out
  const address = { version, type, id, last, root };
  const fhirCall: FhirCall = { world, incoming: asked, reader, ...address, lookedAt, carryOut };
  return { call, ...known, carryOut: () => calls[call].carryOut(fhirCall) };
}

/** The calls whose body is a resource. */
const written: ReadonlySet<CallName> = new Set(["fhir.batch", "fhir.create", "fhir.update", "fhir.validate"]);

function isNoJson(incoming: Incoming): boolean {
  return !/^application\/(?:json|fhir\+json|json\+fhir)$/.test(mediaType(incoming));
}

function isNoForm(incoming: Incoming): boolean {
  return incoming.body !== "" && mediaType(incoming) !== "application/x-www-form-urlencoded";
}

/** The content type without its parameters. */
function mediaType(incoming: Incoming): string {
  const [type = ""] = (header(incoming, "content-type") ?? "").split(";");
  return type.trim().toLowerCase();
}

/** The 401 to a caller without access. */
export function refusedToken({ settings }: World): Outgoing {
  const text = "The access token is invalid or has expired";
  const answers = {
    empty: { status: 401, headers: {}, body: "" },
    outcome: issue(401, "login", text).outgoing,
    error: json(401, { error: text }),
  };
  return answers[settings.refusedToken];
}

/** The caller, as far as it is known, and the credentials it presented. */
type Known = Omit<Plan, "call" | "carryOut">;

interface Access extends Known {
  /** Missing when the caller has no access. */
  readonly reader?: Reader;
}

export function authenticate(world: World, incoming: Incoming): Access {
  const accessToken = /^bearer +(\S+)$/i.exec(header(incoming, "authorization") ?? "")?.[1];
  if (accessToken !== undefined) {
    const owner = world.subject(world.grants.ownerOf("accessToken", accessToken));
    const reader = world.grants.userOfAccessToken(accessToken, world.now());
    return { ...owner, secrets: { accessToken }, ...(reader === undefined ? {} : { reader }) };
  }
  if (!world.knows(header(incoming, "client_id"), header(incoming, "client_secret"))) return {};
  const named = header(incoming, "x-oneup-user-id");
  if (named === "client") return { reader: "client" };
  const user = world.users.byId(Number(named));
  return user === undefined ? {} : { reader: user.oneupUserId, ...world.subject(user.oneupUserId) };
}

function refusal(call: CallName, carried: Carried, known: Known = {}): Plan {
  return { call, ...known, carryOut: () => carried };
}

function split(path: string): string[] | undefined {
  try {
    return path.slice(1).split("/").map(decodeURIComponent);
  } catch {
    return undefined; // invalid percent-encoding: no such path
  }
}
