/** A response of the token endpoint names no user: whose tokens it holds is known from those that came before. */
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { warningsIn } from "../support/loggers.ts";
import { afterwards } from "../support/scene.ts";

const tokens = {
  access_token: "a-token-for-everyone",
  refresh_token: "a-refresh-token-for-everyone",
  token_type: "bearer",
  expires_in: 7_200,
};

/** Adopts a user that 1upHealth knows already. Resolves with its access token. */
async function adopted({ clock, lifecycle, sandbox }: TestLifecycle, id: string): Promise<string> {
  const access = { accessToken: "an-adopted-access-token", expiresAt: new Date(clock.now() + 3_600_000) };
  const oneupUserId = sandbox.createUser(id);
  await lifecycle.adopt(id, { oneupUserId, refreshToken: "an-adopted-refresh-token", ...access });
  return access.accessToken;
}

describe("tokens", () => {
  it("that another user has just got are not used, and the user gets its own later", async () => {
    const warnings: string[] = [];
    const world = await createTestLifecycle({ lifecycle: { logger: warningsIn(warnings) } });
    afterwards(() => world.close());
    const { clock, lifecycle, sandbox } = world;
    sandbox.fail({ call: "exchangeCode", status: 200, body: tokens, times: 2 });
    await lifecycle.onboard("ada");
    expect(await lifecycle.accessToken("ada")).toBe(tokens.access_token);
    expect(await lifecycle.onboard("bob", { waitMs: 0 })).toMatchObject({
      usable: false,
      pause: { reason: "otherUsers", cause: { call: "exchangeCode", code: "another_user" } },
    });
    expect(warnings.join("\n")).toMatch(
      /The answer to exchangeCode for user .* holds a token that another user has got/u,
    );
    await clock.advance("2m");
    const { usable, calls } = await lifecycle.onboard("bob");
    expect({ usable, calls }).toMatchObject({ usable: true, calls: { management: 1 } });
    expect(await lifecycle.accessToken("bob")).not.toBe(tokens.access_token);
  });

  it("that a refresh brings once more, to a process that did not see them before, are not used for another user", async () => {
    const world = await createTestLifecycle();
    afterwards(() => world.close());
    const { clock, sandbox } = world;
    await world.lifecycle.onboard("ada");
    const own = await world.lifecycle.accessToken("ada");
    await world.restart();
    await clock.advance("2h");
    const body = { access_token: own, token_type: "bearer", expires_in: 7_200 };
    sandbox.fail({ call: "refreshToken", status: 200, body });
    sandbox.fail({ call: "exchangeCode", status: 200, body });
    expect(await world.lifecycle.accessToken("ada")).toBe(own);
    expect(await world.lifecycle.onboard("bob", { waitMs: 0 })).toMatchObject({
      usable: false,
      pause: { cause: { call: "exchangeCode", code: "another_user" } },
    });
  });

  it("that stay the same are the user's own, under a new id as well", async () => {
    const world = await createTestLifecycle({ sandbox: { rotate: false } });
    afterwards(() => world.close());
    const { clock, lifecycle } = world;
    await lifecycle.onboard("ada");
    await lifecycle.rename("ada", "eve");
    for (let hours = 0; hours < 3; hours++) {
      await clock.advance("2h");
      await lifecycle.accessToken("eve");
    }
    expect(await lifecycle.inspect("eve")).toMatchObject({ calls: { management: 2, token: 4 } });
  });

  describe.each([{ hideIds: false }, { hideIds: true, encryption: { keys: ["00".repeat(32)] } }])(
    "with %o",
    (options) => {
      it("that a fresh code brings once more are the user's own, under a new id as well", async () => {
        const world = await createTestLifecycle({ lifecycle: options });
        afterwards(() => world.close());
        const { lifecycle, sandbox } = world;
        await lifecycle.onboard("ada");
        const own = await lifecycle.accessToken("ada");
        await lifecycle.rename("ada", "eve");
        sandbox.fail({ call: "exchangeCode", status: 200, body: { ...tokens, access_token: own } });
        expect(await lifecycle.reauthorize("eve")).toMatchObject({ usable: true, calls: { management: 3 } });
        expect(await lifecycle.accessToken("eve")).toBe(own);
      });

      it("that were adopted are the user's own, under a new id as well", async () => {
        const world = await createTestLifecycle({ lifecycle: options });
        afterwards(() => world.close());
        const { lifecycle, sandbox } = world;
        const own = await adopted(world, "ada");
        await lifecycle.rename("ada", "eve");
        sandbox.fail({ call: "exchangeCode", status: 200, body: { ...tokens, access_token: own } });
        expect(await lifecycle.reauthorize("eve", { waitMs: 0 })).toMatchObject({
          usable: true,
          pause: null,
        });
        expect(await lifecycle.accessToken("eve")).toBe(own);
      });

      it.each(["onboarded", "adopted"] as const)(
        "of the user who had an id before, and was %s, are not used for the one who has it now",
        async (how) => {
          const world = await createTestLifecycle({ lifecycle: options });
          afterwards(() => world.close());
          const { clock, lifecycle, sandbox } = world;
          if (how === "onboarded") await lifecycle.onboard("ada");
          else await adopted(world, "ada");
          const another = await lifecycle.accessToken("ada");
          await clock.advance(1_000);
          await lifecycle.onboard("bob");
          await lifecycle.rename("ada", "eve");
          await lifecycle.rename("bob", "ada");
          sandbox.fail({ call: "exchangeCode", status: 200, body: { ...tokens, access_token: another } });
          expect(await lifecycle.reauthorize("ada", { waitMs: 0 })).toMatchObject({
            usable: false,
            pause: { cause: { call: "exchangeCode", code: "another_user" } },
          });
        },
      );

      it("of the user who has a former id now are not used for the one who had it", async () => {
        const world = await createTestLifecycle({ lifecycle: options });
        afterwards(() => world.close());
        const { lifecycle, sandbox } = world;
        await Promise.all([lifecycle.onboard("ada"), lifecycle.onboard("bob")]);
        await lifecycle.rename("ada", "eve");
        await lifecycle.rename("bob", "ada");
        await lifecycle.reauthorize("ada");
        const another = await lifecycle.accessToken("ada");
        sandbox.fail({ call: "exchangeCode", status: 200, body: { ...tokens, access_token: another } });
        expect(await lifecycle.reauthorize("eve", { waitMs: 0 })).toMatchObject({
          usable: false,
          pause: { cause: { call: "exchangeCode", code: "another_user" } },
        });
      });
    },
  );
});
