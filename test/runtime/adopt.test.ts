import { inspect } from "node:util";
import type { Grant, Lifecycle } from "oneup-lifecycle";
import type { Sandbox, SandboxServer } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { afterwards, hurry, scene, spentOn, untilPaused } from "../support/scene.ts";

const hour = 3_600_000;

/** What an application had before it knew of lifecycles: a user and its tokens, by the two calls of the guide. */
async function connected({ credentials }: Sandbox, { url }: SandboxServer, id: string): Promise<Grant> {
  const { clientId: client_id, clientSecret: client_secret } = credentials;
  const headers = { client_id, client_secret };
  const body = new URLSearchParams({ app_user_id: id });
  const user = await fetch(`${url}/user-management/v1/user`, { method: "POST", headers, body });
  const { code, oneup_user_id: oneupUserId } = (await user.json()) as { code: string; oneup_user_id: number };
  const form = { client_id, client_secret, code, grant_type: "authorization_code" };
  const answer = await fetch(`${url}/oauth2/token`, { method: "POST", body: new URLSearchParams(form) });
  const tokens = (await answer.json()) as { access_token: string; refresh_token: string };
  return { oneupUserId, refreshToken: tokens.refresh_token, accessToken: tokens.access_token };
}

/** The calls that reached the sandbox since `from`. */
function callsSince({ journal }: Sandbox, from: number): readonly string[] {
  return journal
    .entries()
    .slice(from)
    .map(({ call }) => call);
}

async function prepared(): Promise<{
  readonly sandbox: Sandbox;
  readonly lifecycle: Lifecycle;
  readonly grant: Grant;
  readonly withoutAccess: Grant;
  readonly before: number;
  readonly more: (id: string) => Promise<Grant>;
}> {
  const { sandbox, server, open } = await scene();
  const lifecycle = await open();
  const more = async (id: string): Promise<Grant> => ({
    ...(await connected(sandbox, server, id)),
    expiresAt: new Date(sandbox.clock.now() + 2 * hour),
  });
  const grant = await more("ada");
  const { accessToken: _, expiresAt: __, ...withoutAccess } = grant;
  return { sandbox, lifecycle, grant, withoutAccess, before: sandbox.journal.entries().length, more };
}

describe("adopt()", () => {
  it("takes over a user with a refresh token alone: one refresh, no management call", async () => {
    const { sandbox, lifecycle, withoutAccess, before } = await prepared();
    const status = await lifecycle.adopt("ada", withoutAccess);
    expect(status).toMatchObject({
      state: "refreshed",
      usable: true,
      oneupUserId: withoutAccess.oneupUserId,
    });
    expect(status.history.map(({ to, event }) => [to, event])).toEqual([
      ["created", "ONBOARD"],
      ["expiring", "ADOPTED"],
      ["refreshed", "TOKEN_GRANTED"],
    ]);
    expect(callsSince(sandbox, before)).toEqual(["refreshToken"]);
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
  });

  it("takes over an access token that works, without any call", async () => {
    const { sandbox, lifecycle, grant, before } = await prepared();
    expect(await lifecycle.adopt("ada", grant)).toMatchObject({ state: "tokenActive", usable: true });
    expect(await lifecycle.accessToken("ada")).toBe(grant.accessToken);
    expect(callsSince(sandbox, before)).toEqual([]);
    sandbox.clock.advance(2 * hour + 1_000);
    expect(await lifecycle.accessToken("ada")).not.toBe(grant.accessToken);
    expect(callsSince(sandbox, before)).toEqual(["refreshToken"]);
  });

  it("recovers a grant that 1upHealth does not know any more, for one management call", async () => {
    const { sandbox, lifecycle, withoutAccess, before } = await prepared();
    sandbox.revokeGrant("ada");
    expect(await lifecycle.adopt("ada", withoutAccess)).toMatchObject({
      state: "reauthorized",
      usable: true,
    });
    expect(callsSince(sandbox, before)).toEqual(["refreshToken", "issueAuthCode", "exchangeCode"]);
  });

  it("called again while a refused grant is being replaced, leaves the user in its place", async () => {
    const { sandbox, open, server } = await scene();
    const tight = await open({ limits: { management: { calls: 1, windowMs: hour } } });
    const { accessToken: _, ...withoutAccess } = await connected(sandbox, server, "ada");
    sandbox.revokeGrant("ada");
    await tight.remote.find({ appUserId: "a stranger" });
    await untilPaused(tight, "ada", (wait) => tight.adopt("ada", withoutAccess, wait));
    await vi.waitFor(async () => expect((await tight.budget.refresh()).waiting.recovery).toBe(1));
    const { history, ...waiting } = await tight.inspect("ada");
    expect(waiting).toMatchObject({ state: "reauthorizing", usable: false });
    const calls = sandbox.journal.entries().length;
    expect(await tight.adopt("ada", withoutAccess, { waitMs: 50 })).toMatchObject({
      state: "reauthorizing",
      history,
    });
    expect(callsSince(sandbox, calls)).toEqual([]);
  });

  it("with `waitMs: 0` resolves once the user is written down; a worker refreshes it", async () => {
    const { sandbox, lifecycle, withoutAccess, before } = await prepared();
    expect(await lifecycle.adopt("ada", withoutAccess, { waitMs: 0 })).toMatchObject({
      state: "expiring",
      usable: false,
    });
    expect(callsSince(sandbox, before)).toEqual([]);
    expect(await lifecycle.resume()).toMatchObject({ rested: { refreshed: 1 } });
  });

  it("called again, or for a user who has a grant, changes nothing", async () => {
    const { sandbox, lifecycle, grant, withoutAccess, before } = await prepared();
    await lifecycle.adopt("ada", withoutAccess);
    expect(await lifecycle.adopt("ada", grant)).toMatchObject({ state: "refreshed", usable: true });
    expect(callsSince(sandbox, before)).toEqual(["refreshToken"]);
  });

  it("from many places at once takes one grant, and refreshes it once", async () => {
    const { sandbox, lifecycle, withoutAccess, before } = await prepared();
    const all = await Promise.all(Array.from({ length: 8 }, () => lifecycle.adopt("ada", withoutAccess)));
    expect(new Set(all.map(({ usable }) => usable))).toEqual(new Set([true]));
    expect(callsSince(sandbox, before)).toEqual(["refreshToken"]);
  });

  it("takes a user out of the lane in which it waits, and saves its call", async () => {
    const { sandbox, server, open } = await scene();
    const tight = await open({ limits: { management: { calls: 1, windowMs: hour } } });
    await tight.remote.find({ appUserId: "a stranger" });
    await tight.onboard("ada", { lane: "bulk", waitMs: 0 });
    expect((await tight.budget.refresh()).waiting.bulk).toBe(1);
    const grant = await connected(sandbox, server, "ada");
    const { accessToken: _, ...withoutAccess } = grant;
    expect(await tight.adopt("ada", withoutAccess)).toMatchObject({ state: "refreshed" });
    expect((await tight.budget.refresh()).waiting.bulk).toBe(0);
    expect(spentOn(sandbox, "ada")).toEqual(["createUser"]); // the one by hand
  });

  it("gives a user who failed a grant", async () => {
    const { sandbox, lifecycle, withoutAccess } = await prepared();
    const body = { success: false, error: "app_user_id is not allowed" };
    sandbox.fail({ call: "createUser", appUserId: "ada", status: 400, body });
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject({ code: "USER_FAILED" });
    expect(await lifecycle.adopt("ada", withoutAccess)).toMatchObject({ state: "refreshed", failure: null });
  });

  it("refuses a user who is another one at 1upHealth, and keeps its grant", async () => {
    const { lifecycle, grant } = await prepared();
    await lifecycle.adopt("ada", grant);
    const other = { ...grant, oneupUserId: grant.oneupUserId + 1 };
    await expect(lifecycle.adopt("ada", other)).rejects.toMatchObject({ code: "USER_CONFLICT" });
    expect(await lifecycle.inspect("ada")).toMatchObject({ oneupUserId: grant.oneupUserId, usable: true });
  });

  it("brings an offboarded user back, but none whose data are still to be erased", async () => {
    const { sandbox, lifecycle, grant } = await prepared();
    await lifecycle.adopt("ada", grant);
    await lifecycle.offboard("ada");
    expect(await lifecycle.adopt("ada", grant)).toMatchObject({ state: "tokenActive" });
    sandbox.fail({
      call: "fhir.purge",
      status: 400,
      body: { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "forbidden" }] },
    });
    const refused = { code: "USER_FAILED" };
    await expect(lifecycle.offboard("ada", { purge: ["r4"] })).rejects.toMatchObject(refused);
    await expect(lifecycle.adopt("ada", grant)).rejects.toMatchObject(refused);
    const left = { purge: { done: [], left: ["r4"] } };
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "failed", ...left });
    sandbox.fail({ call: "fhir.purge", status: 503 });
    const again = lifecycle.retry("ada", { waitMs: 0 });
    expect(await again).toMatchObject({ state: expect.stringMatching(/^(identifying|offboarding)$/) });
    await expect(lifecycle.adopt("ada", grant)).rejects.toMatchObject({ code: "USER_OFFBOARDED" });
    expect(await lifecycle.inspect("ada")).toMatchObject({
      state: expect.stringMatching(/^(identifying|offboarding)$/),
      ...left,
    });
  });

  it("waits until a rename in doubt is decided, and no longer than waitMs", async () => {
    const { sandbox, lifecycle, grant } = await prepared();
    await lifecycle.adopt("ada", grant);
    sandbox.fail({ call: "updateUser", drop: "before" });
    await expect(lifecycle.rename("ada", "new", { waitMs: 0 })).rejects.toMatchObject({
      code: "UNAVAILABLE",
    });
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "renameInDoubt" });
    const atOnce = lifecycle.adopt("ada", grant, { waitMs: 0 });
    await expect(atOnce).rejects.toMatchObject({ code: "USER_NOT_READY", retryable: true });
    const patient = lifecycle.adopt("ada", grant, { waitMs: hour });
    hurry(sandbox);
    expect(await patient).toMatchObject({ usable: true, underWay: null });
  });

  it("refuses a grant that cannot be one, and repeats none of it", async () => {
    const { lifecycle, grant } = await prepared();
    const wrong: unknown[] = [
      undefined,
      {},
      { ...grant, oneupUserId: 0 },
      { ...grant, oneupUserId: "7" },
      { ...grant, refreshToken: "" },
      { ...grant, refreshToken: "planted secret" },
      { ...grant, accessToken: undefined },
      { ...grant, expiresAt: undefined },
      { ...grant, expiresAt: "tomorrow" },
      { ...grant, expiresAt: new Date(Number.NaN) },
      { ...grant, expiresAt: new Date(-8.64e15) }, // earlier than which there is no Date for its refresh
      { ...grant, clientSecret: "planted secret" },
    ];
    for (const each of wrong) {
      const error: unknown = await lifecycle.adopt("ada", each as Grant).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "INVALID_OPTION" });
      expect(inspect(error)).not.toContain("planted secret");
      expect(inspect(error)).not.toContain(grant.refreshToken);
    }
    await expect(lifecycle.inspect("ada")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });
});

describe("adoptMany()", () => {
  it("run again leaves alone who was let go since: offboarded, forgotten, or with something left to erase", async () => {
    const { sandbox, lifecycle, more } = await prepared();
    const ids = ["offboarded", "forgotten", "refused"] as const;
    const rows = await Promise.all(ids.map(async (appUserId) => ({ appUserId, ...(await more(appUserId)) })));
    expect(await lifecycle.adoptMany(rows)).toMatchObject({ added: 3 });
    await lifecycle.offboard("offboarded");
    await lifecycle.offboard("forgotten");
    await lifecycle.forget("forgotten");
    sandbox.fail({
      call: "fhir.purge",
      status: 400,
      body: { resourceType: "OperationOutcome", issue: [{ severity: "error", code: "forbidden" }] },
    });
    await expect(lifecycle.offboard("refused", { purge: true })).rejects.toMatchObject({
      code: "USER_FAILED",
    });
    expect(await lifecycle.adoptMany(rows)).toMatchObject({ added: 0, present: 1, departed: 2, rejected: 0 });
    await lifecycle.resume();
    expect(await lifecycle.inspect("offboarded")).toMatchObject({ state: "offboarded", usable: false });
    await expect(lifecycle.inspect("forgotten")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(await lifecycle.inspect("refused")).toMatchObject({
      state: "failed",
      purge: { left: ["dstu2", "stu3", "r4"] },
    });
  });

  it("passes over a user who has another id now, and reports it", async () => {
    const { lifecycle, grant, more } = await prepared();
    await lifecycle.adopt("ada", grant);
    await lifecycle.rename("ada", "ada lovelace");
    const rows = [
      { appUserId: "ada", ...grant },
      { appUserId: "bob", ...(await more("bob")) },
    ];
    const done = await lifecycle.adoptMany(rows);
    expect(done).toMatchObject({ read: 2, added: 1, rejected: 1 });
    expect(done.rejects).toMatchObject([{ row: 1, code: "RENAMED", facts: { renamedTo: "ada lovelace" } }]);
  });

  it("stores all users without a call and continues when called again; workers refresh", async () => {
    const { sandbox, lifecycle, grant, before, more } = await prepared();
    const { accessToken: _, expiresAt: __, ...bob } = await more("bob");
    const calls = sandbox.journal.entries().length;
    const rows = [
      { appUserId: "ada", ...grant },
      { appUserId: "", ...grant },
      { appUserId: "bob", ...bob },
      { appUserId: "ada", ...grant, oneupUserId: 999_999 },
    ];
    const first = await lifecycle.adoptMany(rows.slice(0, 1));
    expect(first).toEqual({ read: 1, added: 1, present: 0, departed: 0, rejected: 0, rejects: [] });
    const heard: unknown[] = [];
    const done = await lifecycle.adoptMany(rows, { onProgress: (progress) => heard.push(progress) });
    expect(done).toMatchObject({ read: 4, added: 1, present: 1, rejected: 2 });
    expect(done.rejects.map(({ row, code }) => [row, code])).toEqual([
      [2, "INVALID_ID"],
      [4, "USER_CONFLICT"],
    ]);
    expect(heard.at(-1)).toEqual({ read: 4, added: 1, present: 1, departed: 0, rejected: 2 });
    expect(callsSince(sandbox, calls)).toEqual([]);
    expect(await lifecycle.resume()).toMatchObject({ rested: { refreshed: 1 } });
    expect(callsSince(sandbox, before)).toEqual(["createUser", "exchangeCode", "refreshToken"]);
  });

  it("counts what is no row as rejected, and goes on", async () => {
    const { open } = await scene();
    const lifecycle = await open();
    const rows = [null, undefined, 7, []] as never[];
    const { read, rejected, rejects } = await lifecycle.adoptMany(rows);
    expect({ read, rejected }).toEqual({ read: 4, rejected: 4 });
    expect(rejects.map(({ code }) => code)).toEqual(rows.map(() => "INVALID_OPTION"));
  });
});

it("adopt() and adoptMany() quote nothing of a grant whose parts are in the wrong places", async () => {
  const { lifecycle, close } = await createTestLifecycle();
  afterwards(close);
  const planted = "planted-refresh-token";
  const swapped = { oneupUserId: planted, refreshToken: "4711" };
  const refused: unknown = await lifecycle.adopt("ada", swapped as never).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "INVALID_OPTION" });
  const rows = [`ada@example.org,4711,${planted}`, { appUserId: "ada@example.org", ...swapped }, [planted]];
  const { rejects } = await lifecycle.adoptMany(rows as never);
  expect(rejects).toHaveLength(rows.length);
  const shown = [refused, ...rejects].map((one) => inspect(one, { depth: 9 })).join();
  expect(shown).not.toMatch(/planted|ada@example/);
});
