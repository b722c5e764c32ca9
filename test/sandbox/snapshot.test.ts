import { describe, expect, it } from "vitest";
import { createSandbox, type SandboxSnapshot } from "../../src/sandbox/index.ts";
import { bearer, headersOf, open } from "./support.ts";

const patient = JSON.stringify({ resourceType: "Patient" });

describe("sandbox/snapshot", () => {
  it("restore() puts users, grants, resources, quota and credentials back, through JSON", async () => {
    const { sandbox, onboard, token, call, user } = await open({ limit: { calls: 3 } });
    const { access, refresh, id } = await onboard("ada");
    const created = await call("POST", "/r4/Patient", { headers: bearer(access), body: patient });
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
    await call("POST", "/r4/Patient", { headers: bearer(access), body: patient });
    sandbox.revokeGrant("ada");
    expect(JSON.stringify(saved)).toBe(before);
    const other = createSandbox();
    other.restore(saved);
    const answer = await other.fetch("http://x/r4/Patient", { headers: bearer(access) });
    expect(answer.status).toBe(200);
  });

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
