import { describe, expect, it } from "vitest";
import { bearer, headersOf, open } from "./support.ts";

describe("sandbox/journal", () => {
  it("entries() tell the story of a user, in order", async () => {
    const { user, token, onboard, call, sandbox } = await open();
    const { access, refresh, id } = await onboard("ada");
    await user("POST", "", { app_user_id: "ada" });
    await token({ grant_type: "refresh_token", refresh_token: refresh });
    await token({ grant_type: "refresh_token", refresh_token: refresh });
    await call("GET", "/r4/Patient/x?_id=1&name=Bilbo", { headers: bearer(access) });
    const told = sandbox.journal
      .entries()
      .map(({ n, call: name, status, outcome, committed }) => [n, name, status, outcome, committed]);
    expect(told).toEqual([
      [1, "createUser", 200, "created", true],
      [2, "exchangeCode", 200, "tokens", true],
      [3, "createUser", 200, "exists", false],
      [4, "refreshToken", 200, "tokens", true],
      [5, "refreshToken", 400, "invalid_grant", false],
      [6, "fhir.read", 401, "unauthorized", false],
    ]);
    expect(sandbox.journal.entries().every((entry) => entry.appUserId === "ada")).toBe(true);
    expect(sandbox.journal.entries()[5]).toMatchObject({
      oneupUserId: id,
      path: "/r4/Patient/x?_id=1&name=…",
    });
    expect(sandbox.journal.spent()).toEqual({ management: 2, token: 3, fhir: 1 });
    expect([sandbox.journal.count(), sandbox.journal.count("createUser")]).toEqual([6, 2]);
    expect(() => sandbox.journal.count("findUser" as "listUsers")).toThrow(
      "Cannot count calls: the call must be one of createUser, issueAuthCode, listUsers",
    );
  });

  it("entries() show no secret in clear, and equal secrets as equal", async () => {
    const { user, token, call, url, sandbox } = await open();
    const { body } = await user("POST", "", { app_user_id: "ada" });
    const code: string = body["code"];
    const pair = (await token({ grant_type: "authorization_code", code })).body;
    await token({ grant_type: "authorization_code", code });
    await call("GET", `/r4/Patient?access_token=${pair["access_token"]}`, {
      headers: bearer(pair["access_token"]),
    });
    await call("GET", `/nowhere?code=${code}`, { headers: headersOf(sandbox) });
    const text = await (await fetch(`${url}/_sandbox/journal`)).text();
    const secrets = [code, pair["access_token"], pair["refresh_token"], "sandbox-secret"];
    for (const secret of secrets) expect(text).not.toContain(secret);
    const [created, exchanged, replayed, read] = sandbox.journal.entries();
    expect(created?.secrets.issuedCode).toMatch(/^code:[0-9a-f]{12}…$/);
    expect(exchanged?.secrets.code).toBe(created?.secrets.issuedCode);
    expect(replayed?.secrets.code).toBe(created?.secrets.issuedCode);
    expect(read?.secrets.accessToken).toBe(exchanged?.secrets.issuedAccessToken);
  });

  it("createdTwice() names a user whose creation was asked for again, whatever the answer", async () => {
    const { user, sandbox } = await open();
    sandbox.createUser("known");
    sandbox.fail({ call: "createUser", appUserId: "never", status: 500 });
    sandbox.fail({ call: "createUser", appUserId: "twice", status: 500, commit: true });
    for (const app_user_id of ["known", "known", "never", "never", "twice"])
      await user("POST", "", { app_user_id });
    expect(sandbox.journal.createdTwice()).toEqual([]);
    sandbox.fail({ call: "createUser", status: 500 });
    await user("POST", "", { app_user_id: "twice" });
    expect(sandbox.journal.createdTwice()).toEqual(["twice"]);
  });

  it("createdTwice() follows a rename", async () => {
    const { user, onboard, sandbox } = await open();
    const { id } = await onboard("old");
    await user("PUT", "", { oneup_user_id: String(id), app_user_id: "new" });
    await user("POST", "", { app_user_id: "old" });
    expect(sandbox.journal.createdTwice()).toEqual([]);
    await user("POST", "", { app_user_id: "new" });
    expect(sandbox.journal.createdTwice()).toEqual(["new"]);
  });

  it("clear() forgets the entries, not the users", async () => {
    const { onboard, sandbox } = await open();
    await onboard("ada");
    sandbox.journal.clear();
    expect(sandbox.journal.entries()).toEqual([]);
    expect(sandbox.users()).toHaveLength(1);
  });
});
