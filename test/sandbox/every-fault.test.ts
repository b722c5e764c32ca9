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
    fault: { response: "alreadyExists", status } as const,
    scene: "create" as const,
    sees: { status, body: exists },
    wrote: { fault: "already exists instead", committed: false },
    next: created,
  })),
  {
    fault: { response: "alreadyExists", commit: true },
    scene: "create",
    sees: { status: 200, body: exists },
    wrote: { fault: "already exists after commit", committed: true, outcome: "created" },
    next: alreadyThere,
  },
  {
    fault: { response: "alreadyExists" },
    scene: "rename",
    sees: { status: 200, body: exists },
    wrote: { fault: "already exists instead", committed: false },
    next: { status: 200, body: { success: true } },
  },
  ...([200, 400, 404] as const).map((status) => ({
    fault: { response: "doesNotExist", status } as const,
    scene: "authCode" as const,
    sees: { status, body: missing },
    wrote: { fault: "does not exist instead", committed: false },
    next: created,
  })),
  // codes
  {
    fault: { response: "noCode" },
    scene: "authCode",
    sees: { status: 200, body: { success: false, code: null } },
    wrote: { fault: "no code instead", committed: false },
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
    fault: { response: "spentCode" },
    scene: "exchange",
    sees: { status: 400, body: grantRefused },
    wrote: { fault: "spent code instead", committed: false },
    next: tokens,
  },
  {
    fault: { response: "spentCode", status: 503, commit: true },
    scene: "exchange",
    sees: { status: 503, body: { error: "server_error" } },
    wrote: { fault: "spent code after commit", committed: true, outcome: "tokens" },
    next: spent,
  },
  {
    fault: { call: "refreshToken", response: "invalidGrant" },
    scene: "refresh",
    sees: { status: 400, body: grantRefused },
    wrote: { fault: "invalid grant instead", committed: false },
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
    fault: { response: "loginPage" },
    scene: "refresh",
    sees: { status: 302, location: "/login", text: expect.stringMatching(/^<!doctype html>/) },
    wrote: { fault: "login page instead", committed: false },
    next: tokens,
  },
  {
    fault: { response: "html" },
    scene: "readPatient",
    sees: { status: 200, text: expect.stringContaining("<form>") },
    wrote: { fault: "HTML instead", committed: false },
    next: { status: 200, body: { resourceType: "Bundle" } },
  },
  {
    fault: { response: "html", status: 502, commit: true },
    scene: "exchange",
    sees: { status: 502, type: "text/html; charset=utf-8" },
    wrote: { fault: "HTML after commit", committed: true },
    next: spent,
  },
  {
    fault: { response: "notJson" },
    scene: "create",
    sees: { status: 200, type: "application/json; charset=utf-8", text: expect.stringContaining("=>") },
    wrote: { fault: "not JSON instead", committed: false },
    next: created,
  },
  {
    fault: { response: "truncated" },
    scene: "create",
    sees: { status: 200, body: {}, text: expect.stringMatching(/^\{"success":true,"code":"[0-9a-f]+$/) },
    wrote: { fault: "JSON cut short after commit", committed: true, outcome: "created" },
    next: alreadyThere,
  },
  {
    fault: { response: "deepJson" },
    scene: "create",
    sees: { status: 200, length: 600_001 },
    wrote: { fault: "deep JSON instead", committed: false },
    next: created,
  },
  {
    fault: { response: "hugeJson", status: 500 },
    scene: "create",
    sees: { status: 500, length: 17 * 1024 * 1024 + 26 },
    wrote: { fault: "huge JSON instead", committed: false },
    next: created,
  },
  // too many requests
  {
    fault: { response: "rateLimited" },
    scene: "create",
    sees: { status: 429, body: { message: "Too Many Requests" }, retryAfter: null },
    wrote: { fault: "rate limited instead", committed: false },
    next: created,
  },
  {
    fault: { response: "rateLimited", retryAfterMs: 29_001 },
    scene: "create",
    sees: { status: 429, retryAfter: "30" },
    wrote: { fault: "rate limited instead", committed: false },
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
  it.each(titled)(
    "fail(%s) is seen and recorded, and leaves the state that it describes",
    async (_title, row) => {
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
    },
  );
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
