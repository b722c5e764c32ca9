/**
 * `/user-management/v1/user` and `/user-management/v1/user/auth-code` (1upHealth user management guide).
 * Credentials are in headers; parameters in a form body, a JSON body or the query.
 */

import {
  header,
  type Incoming,
  json,
  type Outgoing,
  type Parameters,
  readParameters,
} from "../base/message.ts";
import { type Carried, type ManagementCallName, type Plan, refused } from "../base/plan.ts";
import type { SandboxUser } from "../state/users.ts";
import type { World } from "../state/world.ts";

const base = "/user-management/v1/user";

const calls: ReadonlyMap<string, ManagementCallName> = new Map([
  [`POST ${base}`, "createUser"],
  [`GET ${base}`, "listUsers"],
  [`PUT ${base}`, "updateUser"],
  [`POST ${base}/auth-code`, "issueAuthCode"],
]);

/** Default page size of the user list. */
const pageSize = 100;

/** The login page, as a redirected client sees it. */
export const loginPage: Outgoing = {
  status: 200,
  headers: { "content-type": "text/html; charset=utf-8" },
  body: "<!doctype html><title>Log in</title><form><input name=email></form>",
};

/** The redirect to it. */
export const loginRedirect: Outgoing = {
  status: 302,
  headers: { ...loginPage.headers, location: "/login" },
  body: "<!doctype html><title>Found</title>",
};

/** Parses a user management call and counts it against the limit, which applies on arrival. */
export function planUserManagement(world: World, incoming: Incoming): Plan | undefined {
  const call = calls.get(`${incoming.method} ${incoming.path}`);
  if (call === undefined) return undefined;
  const parameters = readParameters(incoming);
  const named = parameters?.get("app_user_id");
  const oneupUserId = idOf(parameters);
  const holder = oneupUserId === undefined ? undefined : world.users.byId(oneupUserId)?.appUserId;
  const refusal = admit(world, incoming);
  return {
    call,
    appUserId: named ?? holder,
    formerAppUserId: holder,
    oneupUserId,
    carryOut() {
      if (refusal !== undefined) return refusal;
      if (parameters === undefined) return refused("invalid", failure(400, "the body is not JSON"));
      if (call === "listUsers") return list(world, parameters, incoming.body !== "");
      if (!named) return missingParameter("app_user_id");
      if (call === "createUser") return create(world, named);
      return call === "updateUser" ? rename(world, parameters, named) : issueCode(world, named);
    },
  };
}

function admit(world: World, incoming: Incoming): Carried | undefined {
  const { unauthorized, retryAfter } = world.settings;
  if (!world.knows(header(incoming, "client_id"), header(incoming, "client_secret"))) {
    if (unauthorized === 401) return refused("unauthorized", json(401, { message: "Unauthorized" }));
    return refused("unauthorized", loginRedirect);
  }
  const now = world.now();
  if (world.quota.take(now)) return undefined;
  const headers = retryAfter === false ? {} : retryAfterHeader(retryAfter, now, world.quota.waitMs(now));
  return refused("rate_limited", rateLimited(headers));
}

/** The gateway's response to a call above the limit. */
export function rateLimited(headers: Readonly<Record<string, string>>): Outgoing {
  return json(429, { message: "Too Many Requests" }, headers);
}

/** `Retry-After`, `waitMs` from `now`, in whole seconds rounded up: a number (also for `true`), or an HTTP date. */
export function retryAfterHeader(
  form: true | "seconds" | "date",
  now: number,
  waitMs: number,
): Readonly<Record<string, string>> {
  if (form !== "date") return { "retry-after": String(Math.ceil(waitMs / 1000)) };
  return { "retry-after": new Date(Math.ceil((now + waitMs) / 1000) * 1000).toUTCString() };
}

function create(world: World, appUserId: string): Carried {
  const there = world.users.find(appUserId);
  if (there !== undefined) return world.settings.createAgain === "error" ? taken(world) : existing(there);
  return withCode(world, world.users.add(appUserId, world.settings.active), "created");
}

/** A success without a code. */
function existing({ oneupUserId, appUserId, active }: SandboxUser): Carried {
  const body = { success: true, oneup_user_id: oneupUserId, app_user_id: appUserId, active };
  return { outgoing: json(200, body), outcome: "exists", committed: false, oneupUserId };
}

function issueCode(world: World, appUserId: string): Carried {
  const user = world.users.find(appUserId);
  return user === undefined ? absent(world) : withCode(world, user, "code");
}

function withCode(world: World, user: SandboxUser, outcome: string): Carried {
  const { oneupUserId, appUserId, active } = user;
  const code = world.grants.issueCode(oneupUserId, world.now());
  const body = { success: true, code, oneup_user_id: oneupUserId, app_user_id: appUserId, active };
  return { outgoing: json(200, body), outcome, committed: true, oneupUserId, secrets: { issuedCode: code } };
}

function list(world: World, parameters: Parameters, hasBody: boolean): Carried {
  const { filter, noMatch } = world.settings;
  const applies = filter === "always" || (filter === "body" && hasBody);
  const filtered = applies ? matching(world, parameters) : undefined;
  if (filtered?.length === 0 && noMatch === 400) return refused("missing", json(400, { success: false }));
  const entry = (filtered ?? pageOf(world, parameters)).map(listed);
  return { outgoing: json(200, { success: true, entry }), outcome: "listed", committed: true };
}

function listed({ oneupUserId, appUserId, active }: SandboxUser): object {
  return { oneup_user_id: oneupUserId, app_user_id: appUserId, active };
}

/** The users that match the filter; `undefined` if there is no filter. */
function matching(world: World, parameters: Parameters): readonly SandboxUser[] | undefined {
  const appUserId = parameters.get("app_user_id");
  const byApp = appUserId === undefined ? undefined : world.users.find(appUserId);
  if (parameters.has("oneup_user_id")) {
    const id = idOf(parameters);
    const user = id === undefined ? undefined : world.users.byId(id);
    return user === undefined || (appUserId !== undefined && user !== byApp) ? [] : [user];
  }
  if (appUserId === undefined) return undefined;
  return byApp === undefined ? [] : [byApp];
}

function pageOf(world: World, parameters: Parameters): readonly SandboxUser[] {
  const { pager } = world.settings;
  if (pager === "all") return world.users.all;
  if (pager === false) return world.users.page(0, pageSize);
  return world.users.page(
    whole(parameters.get(pager.skip)) ?? 0,
    whole(parameters.get(pager.limit)) ?? pageSize,
  );
}

function rename(world: World, parameters: Parameters, appUserId: string): Carried {
  const id = idOf(parameters);
  if (!parameters.has("oneup_user_id")) return missingParameter("oneup_user_id");
  const user = id === undefined ? undefined : world.users.byId(id);
  if (user === undefined) return absent(world);
  const holder = world.users.find(appUserId);
  if (holder !== undefined && holder !== user) return taken(world);
  const changed = world.users.change(user, { appUserId });
  const { oneupUserId } = user;
  const confirmation = { oneUpUserId: oneupUserId, success: true };
  return {
    outgoing: json(200, world.settings.renamed === "user" ? listed(changed) : confirmation),
    outcome: "renamed",
    committed: true,
    oneupUserId,
  };
}

function taken(world: World): Carried {
  return refused("exists", userExists(world.settings.exists));
}

function absent(world: World): Carried {
  return refused("missing", userMissing(world.settings.missing));
}

/** "This user already exists", in 1upHealth's words. */
export function userExists(status: number): Outgoing {
  return failure(status, "this user already exists");
}

/** "This user does not exist", in 1upHealth's words. */
export function userMissing(status: number): Outgoing {
  return failure(status, "this user does not exist");
}

function missingParameter(name: string): Carried {
  return refused("invalid", failure(400, `${name} is required`));
}

function failure(status: number, error: string): Outgoing {
  return json(status, { success: false, error });
}

function idOf(parameters: Parameters | undefined): number | undefined {
  return whole(parameters?.get("oneup_user_id"));
}

function whole(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
