import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { operatorStage } from "./operator.ts";

describe("cli move", () => {
  it("moves all users, tells for how long no process could write, and may be run again", async () => {
    const { operator, path, sandbox } = await operatorStage();
    const to = join(path, "other");
    const before = sandbox.journal.spent();
    const { code, out, err } = await operator.run(["move", "--to", to]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(
      /^2 users and 0 events moved from lmdb to lmdb, digest [0-9a-f]{16}\nNo process could write for \d+\.\d s\./,
    );
    const again = await operator.run(["move", "--json", "--from", join(path, "store"), "--to", to]);
    expect(JSON.parse(again.out)).toMatchObject({ users: 2, formerIds: 0, events: 0 });
    expect(sandbox.journal.spent()).toEqual(before);
    expect(await operator.run(["users", "--store", to])).toMatchObject({ code: 0 });
    for (const command of ["users", "status"])
      expect(await operator.run([command])).toMatchObject({
        code: 1,
        err: expect.stringMatching(
          /Cannot open this store: its users were moved to an lmdb store, at \S+Z; .*start it with that store.*\[STORE_MOVED\]/,
        ),
      });
  });

  it("--abort opens the first store again", async () => {
    const { operator, path } = await operatorStage();
    const env = { ONEUP_NEW_STORE: join(path, "other") };
    expect(await operator.run(["move"], env)).toMatchObject({ code: 0 });
    const aborted = await operator.run(["move", "--abort"], env);
    expect(aborted).toEqual({ code: 0, err: "", out: "Called off: the lmdb store is in use again\n" });
    expect(await operator.run(["users"])).toMatchObject({ code: 0 });
    expect(await operator.run(["move", "--abort"], env)).toMatchObject({
      code: 1,
      err: expect.stringContaining("no move to that store was begun"),
    });
  });

  it("wraps the keys for ONEUP_NEW_KEY, which opens the other store then", async () => {
    const { operator, path } = await operatorStage();
    const to = join(path, "other");
    const key = "ab".repeat(32);
    expect(await operator.run(["move", "--to", to], { ONEUP_NEW_KEY: key })).toMatchObject({ code: 0 });
    const wrong = await operator.run(["users", "--store", to]);
    expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining("[KEY_REFUSED]") });
    const { out } = await operator.run(["users", "--store", to], { ONEUP_KEY_FILE: "", ONEUP_KEY: key });
    expect(out).toContain("ada");
  });

  it("takes a client id that ends with a line break, as other commands do", async () => {
    const { operator, path, sandbox } = await operatorStage();
    const env = { ONEUP_CLIENT_ID: `${sandbox.credentials.clientId}\n` };
    expect(await operator.run(["users"], env)).toMatchObject({ code: 0 });
    const moved = await operator.run(["move", "--to", join(path, "other")], env);
    expect(moved).toMatchObject({ code: 0, err: "" });
  });

  it("names what is missing", async () => {
    const { operator } = await operatorStage();
    const { code, err } = await operator.run(["move"]);
    expect(code).toBe(2);
    expect(err).toContain("set ONEUP_NEW_STORE or use --to PLACE");
  });
});
