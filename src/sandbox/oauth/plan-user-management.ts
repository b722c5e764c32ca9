/**
 * `/user-management/v1/user` and `/user-management/v1/user/auth-code` (1upHealth user management guide).
 * Credentials stand in headers; parameters in a form body, a JSON body or the query.
 */

import { header, type Incoming, json, type Outgoing, type Parameters, readParameters } from "./message.ts";
import { type Carried, type ManagementCallName, type Plan, refused } from "./plan.ts";
import type { SandboxUser } from "./users.ts";
import type { World } from "./world.ts";

const base = "/user-management/v1/user";

/** Users on a page that does not ask for a number. */
const pageSize = 100;

/** A page of a login form, as a redirected client sees it. */
export const loginPage: Outgoing = {
  status: 200,
  headers: { "content-type": "text/html; charset=utf-8" },
  body: "<!doctype html><title>Log in</title><form><input name=email></form>",
};

/** The way there. */
export const loginRedirect: Outgoing = {
  status: 302,
  headers: { ...loginPage.headers, location: "/login" },
  body: "<!doctype html><title>Found</title>",
};

/** Understands a user management call, and counts it against the limit: that happens when it arrives. */
export function planUserManagement(world: World, incoming: Incoming): Plan | undefined {
  const call = nameOf(incoming);
  if (call === undefined) return undefined;
  const parameters = readParameters(incoming);
  const appUserId = parameters?.get("app_user_id");
  const refusal = admit(world, incoming);
  return {
    call,
    appUserId,
    oneupUserId: idOf(parameters),
    carryOut() {
      if (refusal !== undefined) return refusal;
      if (parameters === undefined) return refused("invalid", failure(400, "the body is not JSON"));
      switch (call) {
        case "listUsers":
          return list(world, parameters);
        case "createUser":
          return appUserId ? create(world, appUserId) : missingParameter("app_user_id");
        case "issueAuthCode":
          return appUserId ? issueCode(world, appUserId) : missingParameter("app_user_id");
        case "updateUser":
          return appUserId ? rename(world, parameters, appUserId) : missingParameter("app_user_id");
        default:
          return call satisfies never;
      }
    },
  };
}

function nameOf({ method, path }: Incoming): ManagementCallName | undefined {
  if (path === base) {
    if (method === "POST") return "createUser";
    if (method === "GET") return "listUsers";
    if (method === "PUT") return "updateUser";
  }
  return path === `${base}/auth-code` && method === "POST" ? "issueAuthCode" : undefined;
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

/** The gateway's answer to one call too many. */
export function rateLimited(headers: Readonly<Record<string, string>>): Outgoing {
  return json(429, { message: "Too Many Requests" }, headers);
}

/** `Retry-After`, `waitMs` from `now`, in whole seconds rounded up: a number of them (`true` too), or an HTTP date. */
export function retryAfterHeader(
  form: true | "seconds" | "date",
  now: number,
  waitMs: number,
): Readonly<Record<string, string>> {
  if (form !== "date") return { "retry-after": String(Math.ceil(waitMs / 1000)) };
  return { "retry-after": new Date(Math.ceil((now + waitMs) / 1000) * 1000).toUTCString() };
}

function create(world: World, appUserId: string): Carried {
  if (world.users.find(appUserId) !== undefined) return taken(world);
  return withCode(world, world.users.add(appUserId, world.settings.active), "created");
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

function list(world: World, parameters: Parameters): Carried {
  const entry = find(world, parameters).map((user) => ({
    oneup_user_id: user.oneupUserId,
    app_user_id: user.appUserId,
    active: user.active,
  }));
  return { outgoing: json(200, { success: true, entry }), outcome: "listed", committed: true };
}

function find(world: World, parameters: Parameters): readonly SandboxUser[] {
  const appUserId = parameters.get("app_user_id");
  const byApp = appUserId === undefined ? undefined : world.users.find(appUserId);
  if (parameters.has("oneup_user_id")) {
    const id = idOf(parameters);
    const user = id === undefined ? undefined : world.users.byId(id);
    return user === undefined || (appUserId !== undefined && user !== byApp) ? [] : [user];
  }
  if (appUserId !== undefined) return byApp === undefined ? [] : [byApp];
  const { pager } = world.settings;
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
  world.users.change(user, { appUserId });
  const { oneupUserId } = user;
  return {
    outgoing: json(200, { oneUpUserId: oneupUserId, success: true }),
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

/** "This user already exists", as 1upHealth words it. */
export function userExists(status: number): Outgoing {
  return failure(status, "this user already exists");
}

/** "This user does not exist", as 1upHealth words it. */
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
