/** An application with an HTTP client of its own reports a token that 1upHealth refused. */
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, scene } from "../support/scene.ts";

const minute = 60_000;

async function world() {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  await made.lifecycle.onboard("ada");
  const ask = async (token: string): Promise<number> => {
    const headers = { authorization: `Bearer ${token}` };
    return (await made.sandbox.fetch("https://api.1up.health/r4/Patient", { headers })).status;
  };
  return { ...made, ask };
}

describe("accessToken({ rejected })", () => {
  it("brings another token once 1upHealth has refused one", async () => {
    const { lifecycle, clock, sandbox, ask } = await world();
    await clock.advance(2 * minute);
    const refused = await lifecycle.accessToken("ada");
    sandbox.revokeGrant("ada");
    expect(await ask(refused)).toBe(401);
    expect(await lifecycle.accessToken("ada"), "nothing has told of it").toBe(refused);
    const other = await lifecycle.accessToken("ada", { rejected: refused });
    expect(other).not.toBe(refused);
    expect(await ask(other)).toBe(200);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "reauthorized", usable: true });
  });

  it("brings one by a fresh code if a refresh brings the refused one again, once an hour", async () => {
    const { lifecycle, clock, sandbox } = await world();
    const replaced = async (): Promise<readonly [isOther: boolean, calls: readonly string[]]> => {
      await clock.advance(2 * minute);
      const refused = await lifecycle.accessToken("ada");
      const before = sandbox.journal.entries().length;
      const body = { access_token: refused, token_type: "bearer", expires_in: 7_200 };
      sandbox.fail({ call: "refreshToken", status: 200, body });
      const other = await lifecycle.accessToken("ada", { rejected: refused });
      const calls = sandbox.journal.entries().slice(before);
      return [other !== refused, calls.map(({ call }) => call)];
    };
    const byCode = ["refreshToken", "issueAuthCode", "exchangeCode"];
    expect(await replaced()).toEqual([true, byCode]);
    const { steps } = await lifecycle.inspect("ada").then(({ history }) => ({ steps: history }));
    expect(steps.find(({ event }) => event === "GRANT_LOST")).toMatchObject({
      cause: { call: "refreshToken", code: "former_token", status: 200 },
    });
    expect(await replaced(), "within the hour").toEqual([false, ["refreshToken"]]);
    await clock.advance(60 * minute);
    expect(await replaced()).toEqual([true, byCode]);
  });

  it("costs nothing for a token that has been replaced since", async () => {
    const { lifecycle, clock, sandbox } = await world();
    const old = await lifecycle.accessToken("ada");
    await clock.advance(130 * minute);
    const current = await lifecycle.accessToken("ada");
    expect(current).not.toBe(old);
    const before = sandbox.journal.entries().length;
    expect(await lifecycle.accessToken("ada", { rejected: old })).toBe(current);
    expect(sandbox.journal.entries()).toHaveLength(before);
  });

  it("tells when it can be replaced, in the minute after it was granted", async () => {
    const { lifecycle, clock } = await world();
    await clock.advance(20_000);
    const token = await lifecycle.accessToken("ada");
    await expect(lifecycle.accessToken("ada", { rejected: token })).rejects.toMatchObject({
      code: "USER_NOT_READY",
      retryable: true,
      retryAfterMs: 40_000,
      message: expect.stringMatching(
        /another environment or another sandbox.*look at explain\(\)$/,
      ) as string,
    });
  });

  it("refuses what is no token, without showing it, and an unknown user", async () => {
    const lifecycle = await (await scene()).open();
    await expect(lifecycle.accessToken("ada", { rejected: 7 as never })).rejects.toThrow(
      "Cannot get an access token: rejected must be the token that 1upHealth answered with 401, got 7",
    );
    await expect(lifecycle.accessToken("ada", { rejected: "planted" })).rejects.toMatchObject({
      code: "USER_UNKNOWN",
      message: expect.not.stringContaining("planted") as string,
    });
  });
});
