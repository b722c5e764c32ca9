/** A token belongs to one user: a list, or a call, that gives it to another one is refused. */
import { inspect } from "node:util";
import type { AdoptedRow, Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { ListedTokens } from "../../src/runtime/bulk/listed-tokens.ts";
import { Secret } from "../../src/secret.ts";
import { afterwards } from "../support/scene.ts";

/** A world whose refresh tokens stay the same, and users that an application connected before. */
async function prepared(): Promise<{
  readonly world: TestLifecycle;
  readonly lifecycle: Lifecycle;
  readonly more: (appUserId: string) => Promise<AdoptedRow>;
}> {
  const world = await createTestLifecycle({ sandbox: { rotate: false, oldAccessToken: "valid" } });
  afterwards(() => world.close());
  const { sandbox, lifecycle } = world;
  const { clientId: client_id, clientSecret: client_secret } = sandbox.credentials;
  async function post<T>(path: string, form: Readonly<Record<string, string>>): Promise<T> {
    const headers = { client_id, client_secret };
    const body = new URLSearchParams(form);
    const answer = await sandbox.fetch(`https://sandbox.example${path}`, { method: "POST", headers, body });
    return (await answer.json()) as T;
  }
  const more = async (appUserId: string): Promise<AdoptedRow> => {
    const { code, oneup_user_id: oneupUserId } = await post<{ code: string; oneup_user_id: number }>(
      "/user-management/v1/user",
      { app_user_id: appUserId },
    );
    const form = { client_id, client_secret, code, grant_type: "authorization_code" };
    const tokens = await post<{ refresh_token: string }>("/oauth2/token", form);
    return { appUserId, oneupUserId, refreshToken: tokens.refresh_token };
  };
  return { world, lifecycle, more };
}

/** Users whose tokens the rows of others do not hold. */
function fillers(count: number): readonly AdoptedRow[] {
  return Array.from({ length: count }, (_, n) => ({
    appUserId: `user-${n}`,
    oneupUserId: 500_000 + n,
    refreshToken: `refresh-token-${n}`,
  }));
}

describe("adoptMany()", () => {
  it("gives a token that stands beside two users to neither, nor to a later row", async () => {
    const { lifecycle, more } = await prepared();
    const [ada, bob] = [await more("ada"), await more("bob")];
    const { refreshToken } = ada;
    const rows = [
      ada,
      { ...bob, refreshToken },
      ...fillers(300),
      ada,
      { ...bob, appUserId: "cid", refreshToken },
    ];
    const done = await lifecycle.adoptMany(rows);
    expect(done).toMatchObject({ added: 300, rejected: 4 });
    expect(
      done.rejects.map(({ row, code, why }) => [row, code, /row (\d+), of another user/.exec(why)?.[1]]),
    ).toEqual([
      [1, "INVALID_OPTION", "2"],
      [2, "INVALID_OPTION", "1"],
      [303, "INVALID_OPTION", "1"],
      [304, "INVALID_OPTION", "1"],
    ]);
    expect(inspect(done, { depth: 9 })).not.toContain(refreshToken);
    for (const id of ["ada", "bob", "cid"])
      await expect(lifecycle.inspect(id)).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("gives neither user a token that is listed for both, whose ids were chosen to have one plain hash", async () => {
    const { lifecycle, more } = await prepared();
    const row = await more("哰暎一");
    const other = { ...(await more("盉蒾早")), refreshToken: row.refreshToken }; // the same in cyrb53
    const done = await lifecycle.adoptMany([row, other]);
    expect(done).toMatchObject({ added: 0, rejected: 2 });
  });

  it("leaves the first user as it is once it is stored, and names its row", async () => {
    const { lifecycle, more } = await prepared();
    const [ada, bob] = [await more("ada"), await more("bob")];
    async function* rows(): AsyncGenerator<AdoptedRow> {
      yield ada;
      await expect.poll(() => lifecycle.inspect("ada").catch(() => null)).not.toBe(null);
      yield { ...bob, refreshToken: ada.refreshToken };
    }
    const done = await lifecycle.adoptMany(rows());
    expect(done).toMatchObject({ added: 1, rejected: 1, rejects: [{ row: 2, code: "INVALID_OPTION" }] });
    expect(done.rejects[0]?.why).toContain("row 1, of another user, has the same token");
    await lifecycle.fhir("ada", "r4").create({ resourceType: "Patient" });
    await expect(lifecycle.inspect("bob")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
  });

  it("compares access tokens as well, and takes a user that is listed twice", async () => {
    const { world, lifecycle, more } = await prepared();
    const [ada, bob, cid] = [await more("ada"), await more("bob"), await more("cid")];
    const access = { accessToken: "an-access-token", expiresAt: new Date(world.clock.now() + 60_000) };
    const rows = [{ ...ada, ...access }, { ...bob, ...access }, cid, cid];
    expect(await lifecycle.adoptMany(rows)).toMatchObject({ added: 1, present: 1, rejected: 2 });
    expect(await lifecycle.inspect("cid")).toMatchObject({ oneupUserId: cid.oneupUserId });
  });
});

it("a list remembers its tokens as numbers, and compares the rows in progress", () => {
  const listed = new ListedTokens();
  const token = new Secret("a-token");
  const [one, same, other] = ["ada", "ada", "bob"].map((id, n) => listed.enter(n + 1, id, [token, token]));
  expect(() => same?.check()).not.toThrow(); // which is not the first row of the token
  expect(() => one?.check()).toThrow("row 3, of another user");
  expect(() => other?.check()).toThrow("row 1, of another user");
  expect(inspect(listed, { depth: 9 })).not.toContain("a-token");
});

describe("adopt()", () => {
  const anothers = {
    code: "INVALID_OPTION",
    message: expect.stringContaining("another user has this token"),
  };

  it("refuses a token that this process has taken over, or got, for another user", async () => {
    const { lifecycle, more } = await prepared();
    const [ada, bob] = [await more("ada"), await more("bob")];
    const { appUserId: _, ...grant } = ada;
    const { appUserId: __, ...other } = bob;
    await lifecycle.adopt("ada", grant);
    const refused = lifecycle.adopt("bob", { ...other, refreshToken: ada.refreshToken });
    await expect(refused).rejects.toMatchObject(anothers);
    await expect(refused).rejects.toThrow(lifecycle.alias("ada"));
    expect(await lifecycle.adoptMany([{ ...bob, refreshToken: ada.refreshToken }])).toMatchObject({
      rejected: 1,
    });
    const accessToken = await lifecycle.accessToken("ada");
    const expiresAt = new Date(Date.now() + 60_000);
    await expect(lifecycle.adopt("bob", { ...other, accessToken, expiresAt })).rejects.toMatchObject(
      anothers,
    );
    await expect(lifecycle.inspect("bob")).rejects.toMatchObject({ code: "USER_UNKNOWN" });
    expect(await lifecycle.adopt("bob", other)).toMatchObject({ usable: true });
  });

  it("gives two users that come at once with one token no more than one grant", async () => {
    const { lifecycle, more } = await prepared();
    const { appUserId: _, ...grant } = await more("ada");
    const done = await Promise.allSettled(["ada", "bob"].map((id) => lifecycle.adopt(id, grant)));
    expect(done.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(done.find(({ status }) => status === "rejected")).toMatchObject({ reason: anothers });
  });

  it("takes the token of a user that has another id now, was offboarded or forgotten", async () => {
    const { lifecycle, more } = await prepared();
    const { appUserId: _, ...grant } = await more("ada");
    await lifecycle.adopt("ada", grant);
    await lifecycle.rename("ada", "eve");
    expect(await lifecycle.adopt("eve", grant)).toMatchObject({ usable: true });
    await lifecycle.offboard("eve");
    expect(await lifecycle.adopt("eve", grant)).toMatchObject({ oneupUserId: grant.oneupUserId });
    await lifecycle.offboard("eve");
    expect(await lifecycle.adopt("zoe", grant)).toMatchObject({ oneupUserId: grant.oneupUserId });
    await lifecycle.offboard("zoe");
    await lifecycle.forget("zoe");
    expect(await lifecycle.adopt("ann", grant)).toMatchObject({ oneupUserId: grant.oneupUserId });
  });
});
