import { describe, expect, it } from "vitest";
import { createVirtualClock, type Fault } from "../../src/sandbox/index.ts";
import { type Answer, bearer, type Local, open } from "./support.ts";

const ada = { app_user_id: "ada" };
const exists = { success: false, error: "this user already exists" };
const missing = { success: false, error: "this user does not exist" };
const grantRefused = { error: "invalid_grant" };
const now = Date.UTC(2026, 0, 1, 12);

/** Each prepares a world and returns one call, to be made twice: under the fault, and after it. */
const scenes = {
  create: (local: Local) => () => local.user("POST", "", ada),
  authCode(local: Local) {
    local.sandbox.createUser("ada");
    return () => local.user("POST", "/auth-code", ada);
  },
  async exchange(local: Local) {
    const { body } = await local.user("POST", "", ada);
    return () => local.token({ grant_type: "authorization_code", code: body["code"] });
  },
  async refresh(local: Local) {
    const { refresh } = await local.onboard("ada");
    return () => local.token({ grant_type: "refresh_token", refresh_token: refresh });
  },
  async rename(local: Local) {
    const id = String(local.sandbox.createUser("ada"));
    return () => local.user("PUT", "", { oneup_user_id: id, app_user_id: "bob" });
  },
  async readPatient(local: Local) {
    const { access } = await local.onboard("ada");
    return () => local.call("GET", "/r4/Patient", { headers: bearer(access) });
  },
};

interface Row {
  readonly fault: Fault;
  readonly scene: keyof typeof scenes;
  /** What the client gets; `cut` when it gets no whole answer. */
  readonly sees: "cut" | object;
  /** What the journal says of it. */
  readonly wrote: { readonly fault: string; readonly committed: boolean; readonly outcome?: string };
  /** What the same call gets afterwards: it tells what had happened in the world. */
  readonly next: object;
}

const created = { status: 200, body: { success: true, code: expect.any(String) } };
const alreadyThere = { status: 200, body: exists };
const tokens = { status: 200, body: { access_token: expect.any(String) } };
const spent = { status: 400, body: grantRefused };

const rows: readonly Row[] = [
  // the answer replaced, before and after the commit
  {
    fault: { call: "createUser", status: 500 },
    scene: "create",
    sees: { status: 500, text: "" },
    wrote: { fault: "500 instead", committed: false, outcome: "fault" },
    next: created,
  },
  {
    fault: { call: "createUser", status: 500, body: { message: "oops" }, commit: true },
    scene: "create",
    sees: { status: 500, body: { message: "oops" } },
    wrote: { fault: "500 after commit", committed: true, outcome: "created" },
    next: alreadyThere,
  },
  // the connection cut
  {
    fault: { call: "refreshToken", drop: "before" },
    scene: "refresh",
    sees: "cut",
    wrote: { fault: "dropped before", committed: false },
    next: tokens,
  },
  {
    fault: { call: "refreshToken", drop: "after" },
    scene: "refresh",
    sees: "cut",
    wrote: { fault: "dropped after", committed: true, outcome: "tokens" },
    next: spent,
  },
  {
    fault: { call: "exchangeCode", drop: "body" },
    scene: "exchange",
    sees: "cut",
    wrote: { fault: "cut in the body", committed: true },
    next: spent,
  },
  // users
  ...([200, 400, 404] as const).map((status) => ({
    fault: { says: "alreadyExists", status } as const,
    scene: "create" as const,
    sees: { status, body: exists },
    wrote: { fault: "says already exists instead", committed: false },
    next: created,
  })),
  {
    fault: { says: "alreadyExists", commit: true },
    scene: "create",
    sees: { status: 200, body: exists },
    wrote: { fault: "says already exists after commit", committed: true, outcome: "created" },
    next: alreadyThere,
  },
  {
    fault: { says: "alreadyExists" },
    scene: "rename",
    sees: { status: 200, body: exists },
    wrote: { fault: "says already exists instead", committed: false },
    next: { status: 200, body: { success: true } },
  },
  ...([200, 400, 404] as const).map((status) => ({
    fault: { says: "doesNotExist", status } as const,
    scene: "authCode" as const,
    sees: { status, body: missing },
    wrote: { fault: "says does not exist instead", committed: false },
    next: created,
  })),
  // codes
  {
    fault: { says: "noCode" },
    scene: "authCode",
    sees: { status: 200, body: { success: false, code: null } },
    wrote: { fault: "says no code instead", committed: false },
    next: created,
  },
  {
    fault: { call: "createUser", omit: ["code"] },
    scene: "create",
    sees: { status: 200, fields: ["success", "oneup_user_id", "app_user_id", "active"] },
    wrote: { fault: "without code", committed: true },
    next: alreadyThere,
  },
  {
    fault: { says: "spentCode" },
    scene: "exchange",
    sees: { status: 400, body: grantRefused },
    wrote: { fault: "says spent code instead", committed: false },
    next: tokens,
  },
  {
    fault: { says: "spentCode", status: 503, commit: true },
    scene: "exchange",
    sees: { status: 503, body: { error: "server_error" } },
    wrote: { fault: "says spent code after commit", committed: true, outcome: "tokens" },
    next: spent,
  },
  {
    fault: { call: "refreshToken", says: "invalidGrant" },
    scene: "refresh",
    sees: { status: 400, body: grantRefused },
    wrote: { fault: "says invalid grant instead", committed: false },
    next: tokens,
  },
  {
    fault: { call: "exchangeCode", omit: ["expires_in", "refresh_token", "scope"] },
    scene: "exchange",
    sees: { status: 200, fields: ["access_token", "token_type"] },
    wrote: { fault: "without expires_in, refresh_token, scope", committed: true },
    next: spent,
  },
  // answers out of shape
  {
    fault: { says: "loginPage" },
    scene: "refresh",
    sees: { status: 302, location: "/login", text: expect.stringMatching(/^<!doctype html>/) },
    wrote: { fault: "says login page instead", committed: false },
    next: tokens,
  },
  {
    fault: { says: "html" },
    scene: "readPatient",
    sees: { status: 200, text: expect.stringContaining("<form>") },
    wrote: { fault: "says HTML instead", committed: false },
    next: { status: 200, body: { resourceType: "Bundle" } },
  },
  {
    fault: { says: "html", status: 502, commit: true },
    scene: "exchange",
    sees: { status: 502, type: "text/html; charset=utf-8" },
    wrote: { fault: "says HTML after commit", committed: true },
    next: spent,
  },
  {
    fault: { says: "notJson" },
    scene: "create",
    sees: { status: 200, type: "application/json; charset=utf-8", text: expect.stringContaining("=>") },
    wrote: { fault: "says not JSON instead", committed: false },
    next: created,
  },
  {
    fault: { says: "truncated" },
    scene: "create",
    sees: { status: 200, body: {}, text: expect.stringMatching(/^\{"success":true,"code":"[0-9a-f]+$/) },
    wrote: { fault: "says JSON cut short after commit", committed: true, outcome: "created" },
    next: alreadyThere,
  },
  {
    fault: { says: "deepJson" },
    scene: "create",
    sees: { status: 200, length: 600_001 },
    wrote: { fault: "says deep JSON instead", committed: false },
    next: created,
  },
  {
    fault: { says: "hugeJson", status: 500 },
    scene: "create",
    sees: { status: 500, length: 17 * 1024 * 1024 + 26 },
    wrote: { fault: "says huge JSON instead", committed: false },
    next: created,
  },
  // too many requests
  {
    fault: { says: "rateLimited" },
    scene: "create",
    sees: { status: 429, body: { message: "Too Many Requests" }, retryAfter: null },
    wrote: { fault: "says rate limited instead", committed: false },
    next: created,
  },
  {
    fault: { says: "rateLimited", retryAfterMs: 29_001 },
    scene: "create",
    sees: { status: 429, retryAfter: "30" },
    wrote: { fault: "says rate limited instead", committed: false },
    next: created,
  },
  {
    fault: { call: "exchangeCode", status: 429, retryAfterMs: 29_001, retryAfter: "date" },
    scene: "exchange",
    sees: { status: 429, retryAfter: "Thu, 01 Jan 2026 12:00:30 GMT" },
    wrote: { fault: "429 instead", committed: false },
    next: tokens,
  },
];

describe("sandbox/every fault", () => {
  const titled = rows.map((row) => [JSON.stringify(row.fault), row] as const);
  it.each(titled)("fail(%s) is seen, written down, and leaves the world as it says", async (_title, row) => {
    const { fault, scene, sees, wrote, next } = row;
    const local = await openStill();
    const call = await scenes[scene](local);
    local.sandbox.fail(fault);
    const seen = await call().then(viewOf, (error: unknown) => {
      expect(error).toBeInstanceOf(TypeError);
      return "cut";
    });
    if (typeof sees === "object") expect(seen).toMatchObject(sees);
    else expect(seen).toBe(sees);
    expect(local.sandbox.journal.entries().at(-1)).toMatchObject({
      ...wrote,
      ...(sees === "cut" && { status: "dropped" }),
    });
    expect(await call()).toMatchObject(next);
    expect(local.sandbox.journal.entries().at(-1)).not.toHaveProperty("fault");
  });
});

function openStill(): Promise<Local> {
  return open({ clock: createVirtualClock({ now, running: false }) });
}

function viewOf({ status, body, text, headers }: Answer): object {
  const [type, location, retryAfter] = ["content-type", "location", "retry-after"].map((name) =>
    headers.get(name),
  );
  return { status, body, fields: Object.keys(body), text, length: text.length, type, location, retryAfter };
}
