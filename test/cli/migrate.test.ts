import { expect, it } from "vitest";
import { start } from "../support/started.ts";
import { forgetful, withPostgres } from "../support/postgres.ts";

it("cli migrate prints that a folder needs no tables, and which variable is missing", async () => {
  const folder = await start("src/cli/main.ts", ["migrate"], { ONEUP_STORE: "./nowhere" }).ended;
  expect(folder).toMatchObject({ code: 0, out: "The lmdb store has no tables: nothing to do\n" });
  const missing = await start("src/cli/main.ts", ["migrate"]).ended;
  expect(missing.code).toBe(2);
  expect(missing.err).toContain("set ONEUP_STORE");
});

withPostgres("cli migrate", (server) => {
  it("makes the tables, after which a list can be brought in; again it changes nothing", async () => {
    const { url } = await server(forgetful);
    const env = {
      ONEUP_STORE: url,
      ONEUP_CLIENT_ID: "sandbox-client",
      ONEUP_CLIENT_SECRET: "a-secret-of-its-own",
      ONEUP_KEY: "ab".repeat(32),
    };
    const early = await start("src/cli/main.ts", ["onboard", "/dev/null"], env).ended;
    expect(early.code).toBe(1);
    expect(early.err).toMatch(/: run oneup-lifecycle migrate.*\[STORE_UNUSABLE\]/);
    for (let times = 0; times < 2; times++) {
      const { code, out, err } = await start("src/cli/main.ts", ["migrate"], env).ended;
      expect({ code, out, err }).toEqual({ code: 0, out: "The postgres store is ready\n", err: "" });
    }
    const { code, out } = await start("src/cli/main.ts", ["onboard", "/dev/null"], env).ended;
    expect(code).toBe(0);
    expect(out).toContain("All onboarded: 0 users");
  });
});
