import { describe, expect, it } from "vitest";
import { controlBase, controlRoutes } from "../../src/sandbox/http/control-routes.ts";
import { createSandbox, type Sandbox } from "../../src/sandbox/index.ts";

const asJson = { "content-type": "application/json" };

async function ask(
  sandbox: Sandbox,
  method: string,
  path: string,
  body?: unknown,
): Promise<{ readonly status: number; readonly answer: unknown }> {
  const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
  const response = await sandbox.fetch(`http://localhost${controlBase}${path}`, {
    method,
    headers: asJson,
    ...sent,
  });
  return { status: response.status, answer: await response.json() };
}

describe("sandbox/control", () => {
  it.each(controlRoutes)(
    "$method /_sandbox/$path does what the list says, with its example",
    async (route) => {
      const sandbox = createSandbox();
      sandbox.createUser("bilbo");
      const { method, path, body = method === "PUT" ? sandbox.snapshot() : undefined } = route;
      expect((await ask(sandbox, method, path, body)).status).toBe(200);
      expect(sandbox.journal.count()).toBe(0);
    },
  );

  it("GET /_sandbox/ lists what there is", async () => {
    const { answer } = await ask(createSandbox(), "GET", "");
    expect(answer).toHaveLength(controlRoutes.length);
    expect(answer).toContainEqual(
      expect.objectContaining({ method: "POST", path: "/_sandbox/clock", body: { advanceMs: 7_200_000 } }),
    );
  });

  it("PUT clock sets the time, as text or number, and refuses what is none", async () => {
    const sandbox = createSandbox();
    const set = async (now: unknown): Promise<number> => (await ask(sandbox, "PUT", "clock", { now })).status;
    const time = Date.UTC(2026, 0, 1);
    expect(await set("2026-01-01T00:00:00Z")).toBe(200);
    expect(sandbox.clock.now() - time).toBeLessThan(60_000);
    expect([await set(time), await set("soon"), await set(null)]).toEqual([200, 400, 400]);
  });

  it("POST users adds a user, DELETE journal begins a new journal", async () => {
    const sandbox = createSandbox();
    expect((await ask(sandbox, "POST", "users", { appUserId: "ada" })).answer).toEqual({ oneupUserId: 1001 });
    expect((await ask(sandbox, "POST", "users", {})).status).toBe(400);
    await sandbox.fetch("http://any/nowhere");
    expect(sandbox.journal.count()).toBe(1);
    expect((await ask(sandbox, "GET", "journal?last=5")).answer).toMatchObject([{ n: 1 }]);
    expect((await ask(sandbox, "GET", "journal?last=none")).status).toBe(400);
    await ask(sandbox, "DELETE", "journal");
    expect(sandbox.journal.count()).toBe(0);
  });

  it("GET faults lists what is left of pending faults, and Infinity as null", async () => {
    const sandbox = createSandbox();
    sandbox.fail({ call: "unknown", status: 503, skip: 1, times: 2 });
    sandbox.fail({ call: "unknown", status: 500, times: Infinity });
    await sandbox.fetch("http://any/nowhere"); // hit by the second
    await sandbox.fetch("http://any/nowhere"); // by the first
    expect((await ask(sandbox, "GET", "faults")).answer).toEqual([
      { call: "unknown", status: 503, skip: 0, times: 1 },
      { call: "unknown", status: 500, skip: 0, times: null },
    ]);
  });

  it("PUT state brings back what GET state gave, and changes nothing for what is no state", async () => {
    const sandbox = createSandbox();
    sandbox.createUser("ada");
    const { answer } = await ask(sandbox, "GET", "state");
    sandbox.createUser("bob");
    const now = JSON.stringify(sandbox.snapshot());
    const world = answer as object; // a snapshot
    const strange = [
      {},
      [],
      { ...world, users: [1] },
      { ...world, grants: { codes: [] } },
      { ...world, format: 9 },
    ];
    for (const state of [...strange, { ...world, resources: [{ revisions: 1 }] }, "no JSON"]) {
      expect((await ask(sandbox, "PUT", "state", state)).status).toBe(400);
      expect(JSON.stringify(sandbox.snapshot())).toBe(now);
    }
    expect((await ask(sandbox, "PUT", "state", answer)).status).toBe(200);
    expect(sandbox.users().map(({ appUserId }) => appUserId)).toEqual(["ada"]);
  });
});
