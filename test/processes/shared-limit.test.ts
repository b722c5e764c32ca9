import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { thorough } from "../support/effort.ts";
import { onDisk } from "../support/on-disk.ts";
import { afterwards, folder, scene } from "../support/scene.ts";
import type { Share } from "./onboarder.child.ts";

const size = thorough ? 600 : 300;
const script = new URL("./onboarder.child.ts", import.meta.url);

describe("two processes on one LMDB store", () => {
  it(`share 100 calls a second among ${size} users: no refusal, each user in one hand at a time`, async () => {
    const limit = { calls: 100, windowMs: 1_000 };
    const sandbox = createSandbox({ limit, latencyMs: [0, 60] });
    // One call in twenty is slow: the slot must be held for as long as the call can still arrive.
    for (let skip = 0; skip < 30; skip++) sandbox.fail({ call: "createUser", skip, delayMs: 400 });
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const path = folder("shared-limit");
    const users = Array.from({ length: size }, (_, index) => `user ${index}`);
    // Both processes ask for every hundredth user, so some are wanted in two places at once.
    const share = (half: number): Share => ({
      url: server.url,
      credentials: sandbox.credentials,
      path,
      limit,
      ids: users.filter((_, index) => index % 2 === half || index % 100 === 0),
    });
    const children = [startChild(script, share(0)), startChild(script, share(1))];
    for (const child of children) {
      const { code, out, err } = await child.ended;
      expect({ code, err }).toEqual({ code: 0, err: "" });
      const usable = child === children[0] ? size / 2 : size / 2 + size / 100;
      expect(JSON.parse(out)).toEqual({ usable });
    }

    const entries = sandbox.journal.entries();
    expect(entries.filter((entry) => entry.status === 429)).toEqual([]);
    expect(sandbox.journal.mostInWindow(limit.windowMs)).toBeLessThanOrEqual(100);
    // Worked on by one process at a time: no user's calls were made twice.
    expect(entries.filter((entry) => entry.call === "createUser")).toHaveLength(size);
    expect(entries.filter((entry) => entry.call === "exchangeCode")).toHaveLength(size);

    const { open } = await scene({ clientId: sandbox.credentials.clientId });
    const after = await open(onDisk(path));
    expect(await after.counts()).toEqual({ tokenActive: size });
  });
});
