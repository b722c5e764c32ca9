import { describe, expect, it } from "vitest";
import { createSandbox, type SandboxSnapshot } from "../../src/sandbox/index.ts";
import { asJson, bearer, headersOf, open } from "./support.ts";

const patient = JSON.stringify({ resourceType: "Patient" });

describe("sandbox/snapshot", () => {
  it("restore() puts users, grants, resources, quota and credentials back, through JSON", async () => {
    const { sandbox, onboard, token, call, user } = await open({ limit: { calls: 3 } });
    const { access, refresh, id } = await onboard("ada");
    const created = await call("POST", "/r4/Patient", {
      headers: { ...bearer(access), ...asJson },
      body: patient,
    });
    const saved: SandboxSnapshot = JSON.parse(JSON.stringify(sandbox.snapshot()));
    const form = { grant_type: "refresh_token", refresh_token: refresh };
    const next = await token(form);
    await user("PUT", "", { oneup_user_id: String(id), app_user_id: "other" });
    await call("DELETE", `/r4/Patient/${created.body["id"]}`, { headers: bearer(access) });
    sandbox.setCredentials({ clientSecret: "changed" });
    sandbox.restore(saved);
    expect(sandbox.snapshot()).toEqual(saved);
    expect(sandbox.users()).toEqual([{ oneupUserId: id, appUserId: "ada", active: true }]);
    const read = await call("GET", `/r4/Patient/${created.body["id"]}`, { headers: bearer(access) });
    expect(read.body).toEqual(created.body);
    expect((await token(form)).body).toEqual(next.body);
    const calls = [1, 2, 3].map(() => user("POST", "/auth-code", { app_user_id: "ada" }));
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 200, 429]);
  });

  it("a snapshot stands still while the sandbox goes on, and moves to another one", async () => {
    const { sandbox, onboard, call } = await open();
    const { access } = await onboard("ada");
    const saved = sandbox.snapshot();
    const before = JSON.stringify(saved);
    await onboard("bob");
    await call("POST", "/r4/Patient", { headers: { ...bearer(access), ...asJson }, body: patient });
    sandbox.revokeGrant("ada");
    expect(JSON.stringify(saved)).toBe(before);
    const other = createSandbox();
    other.restore(saved);
    const answer = await other.fetch("http://x/r4/Patient", { headers: bearer(access) });
    expect(answer.status).toBe(200);
  });

  it("restore() refuses what is no snapshot, and changes nothing", async () => {
    const { sandbox, onboard, call } = await open();
    const { access } = await onboard("ada");
    await call("POST", "/r4/Patient", { headers: { ...bearer(access), ...asJson }, body: patient });
    const saved = sandbox.snapshot();
    const [user, resource] = [saved.users[0], saved.resources[0]];
    const strange: readonly unknown[] = [
      undefined,
      null,
      {},
      [],
      { ...saved, format: 2 },
      { ...saved, credentials: { clientId: "x" } },
      { ...saved, chance: [1] },
      { ...saved, users: [{ ...user, oneupUserId: "1001" }] },
      { ...saved, grants: { ...saved.grants, codes: [{ code: "x" }] } },
      { ...saved, resources: [{ ...resource, revisions: [{}] }] },
      { ...saved, quota: {} },
      { ...saved, behaviour: { exists: 999 } },
    ];
    for (const value of strange) {
      expect(() => sandbox.restore(value as SandboxSnapshot)).toThrow(/^Cannot restore the sandbox: /); // JavaScript would pass it
      expect(sandbox.snapshot()).toEqual(saved);
    }
  });

  it("setCredentials(), createUser() and setActive() refuse what is none, and change nothing", () => {
    const sandbox = createSandbox();
    sandbox.createUser("ada");
    const before = sandbox.snapshot();
    const none = undefined as never; // JavaScript would pass it
    for (const call of [
      () => sandbox.setCredentials(none),
      () => sandbox.setCredentials({ clientSecret: "" }),
      () => sandbox.setCredentials({ clientId: 7 as never }),
      () => sandbox.createUser(none),
      () => sandbox.createUser(""),
      () => sandbox.setActive("ada", none),
    ])
      expect(call).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
    expect(sandbox.snapshot()).toEqual(before);
  });

  it.each([
    [5, 5, 300, 295],
    [300, 250, 5, 0],
    [300, 2, 5, 3],
    [5, 7, 5, 0],
  ])(
    "a limit of %i calls, with %i used, becomes one of %i with %i left",
    async (before, used, after, left) => {
      const one = createSandbox({ limit: { calls: before } });
      one.spend(used);
      const other = createSandbox({ limit: { calls: after } });
      other.restore(JSON.parse(JSON.stringify(one.snapshot())));
      const ask = async (): Promise<number> =>
        (await other.fetch("http://x/user-management/v1/user", { headers: headersOf(other) })).status;
      if (left > 1) other.spend(left - 1);
      if (left > 0) expect(await ask()).toBe(200);
      expect(await ask()).toBe(429);
    },
  );

  it("reset() starts over, with the same ids for the same seed", async () => {
    const { sandbox, onboard } = await open({ seed: 9 });
    const first = await onboard("ada");
    sandbox.setCredentials({ clientId: "else" });
    sandbox.fail({ status: 500 });
    sandbox.reset();
    expect([sandbox.users(), sandbox.journal.count()]).toEqual([[], 0]);
    expect(headersOf(sandbox)["client_id"]).toBe("sandbox-client");
    expect(await onboard("ada")).toEqual(first);
  });
});
