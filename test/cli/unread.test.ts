/** What becomes of a command whose standard output takes nothing any more: its reader has left, or a disk is full. */
import { spawnSync } from "node:child_process";
import { existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { describe, expect, it } from "vitest";
import { operatorStage } from "./operator.ts";
import { runs } from "../support/built.ts";
import { folder } from "../support/scene.ts";

describe("a command whose reader has left", () => {
  it("ends with 1, and tells on the standard error that not all was repaired, and how to go on", async () => {
    const { operator, sandbox, server } = await operatorStage();
    for (let user = 0; user < 30; user++) sandbox.createUser(`user-${user}`);
    const repairing = operator.begin(["reconcile", "--repair", "adopt", "--api", server.url]);
    repairing.leave();
    expect(await repairing.ended).toMatchObject({
      code: 1,
      err: "Cannot write the output: EPIPE\nStopped: what was repaired is kept. Run the same command to compare again and repair the rest.\n",
    });
  });

  it("tells there what it has done", async () => {
    const { operator, server } = await operatorStage();
    const offboarding = operator.begin(["offboard", "ada", "--yes", "--api", server.url]);
    offboarding.leave();
    expect(await offboarding.ended).toMatchObject({
      code: 1,
      err: "Cannot write the output: EPIPE\noffboarded\n",
    });
  });

  it("ends without a word if it changes nothing", async () => {
    const { operator } = await operatorStage();
    const listing = operator.begin(["users"]);
    listing.leave();
    expect(await listing.ended).toMatchObject({ code: 0, err: "" });
  });
});

describe.runIf(existsSync("/dev/full"))("a command whose disk is full", () => {
  it("tells on the standard error that all users were moved", async () => {
    const path = folder("unread");
    const [from, to] = [join(path, "from"), join(path, "to")];
    const key = "ab".repeat(32);
    const { lifecycle } = await createTestLifecycle({
      lifecycle: {
        store: lmdb(from),
        encryption: { keys: [key] },
        credentials: { clientId: "client", clientSecret: "secret-of-it" },
      },
    });
    await lifecycle.close();
    const { status, stderr } = spawnSync(process.execPath, [...runs("src/cli/main.ts"), "move"], {
      stdio: ["ignore", openSync("/dev/full", "w"), "pipe"],
      env: {
        ...process.env,
        ONEUP_CLIENT_ID: "client",
        ONEUP_KEY: key,
        ONEUP_STORE: from,
        ONEUP_NEW_STORE: to,
      },
    });
    expect(status).toBe(1);
    expect(stderr.toString()).toMatch(
      /^Cannot write the output: ENOSPC\n0 users and 0 events moved from lmdb to lmdb, digest \w+\nNo process could write for .* Start all processes with the lmdb store now\n$/,
    );
  });
});
