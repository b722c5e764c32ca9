import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isThere, start } from "../support/started.ts";
import type { Started } from "../support/started.ts";

/** The worker processes that the demo told of. */
function workers(out: string): number[] {
  return [...out.matchAll(/worker process (\d+)/gi)].map(([, pid]) => Number(pid));
}

/** Where the demo puts its temporary folder. */
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cli-demo-"));
});

afterEach(() => rm(folder, { recursive: true }));

function demo(...words: readonly string[]): Started {
  return start("src/cli/main.ts", ["demo", ...words], { TMPDIR: folder });
}

/** The demo's own folders; tsx may keep its cache beside them. */
async function kept(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith("oneup-lifecycle-"));
}

describe("cli demo", () => {
  it("kills a worker, loses nobody, creates nobody twice, and says so on its last line", async () => {
    const { code, out, err } = await demo().ended;
    expect(err).toBe("");
    expect(code).toBe(0);
    const [, management] =
      /^40 users arrived, 0 lost, 0 created twice, (\d+) management calls$/.exec(
        out.trimEnd().split("\n").at(-1) ?? "",
      ) ?? [];
    const [, inDoubt] = /(\d+) have a call in doubt/.exec(out) ?? [];
    expect(Number(inDoubt)).toBeGreaterThan(0);
    // One for each user, at most two for each call in doubt, one for the grant that was revoked.
    expect(Number(management)).toBeGreaterThanOrEqual(41);
    expect(Number(management)).toBeLessThanOrEqual(41 + 2 * Number(inDoubt));
    expect(out).toContain("40 refreshes renewed them, for 0 management calls");
    expect(out).toContain("reauthorized, for 1 management call, and the Patient is read");

    expect(workers(out)).toHaveLength(2);
    expect(workers(out).filter(isThere)).toEqual([]);
    // A pipe gets plain lines of at most 80 columns.
    expect(out).not.toContain("\u001b");
    expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
    // Codes and tokens of the sandbox are 40 hexadecimal digits; its secret is well known.
    expect(out).not.toMatch(/[0-9a-f]{40}/);
    expect(out).not.toContain("sandbox-secret");
    expect(await kept()).toEqual([]);
  }, 60_000);

  it("leaves no process and no folder behind when it is interrupted", async () => {
    const running = demo();
    const worker = Number(await running.said(/worker process (\d+)/));
    running.kill("SIGINT");
    const { code, out } = await running.ended;
    expect(code).toBe(130);
    expect(out.trimEnd()).toMatch(/Stopped$/);
    expect(isThere(worker)).toBe(false);
    expect(await kept()).toEqual([]);
  });

  it("leaves no worker behind when it is killed", async () => {
    const running = demo();
    const worker = Number(await running.said(/worker process (\d+)/));
    running.kill("SIGKILL");
    await running.ended;
    await expect.poll(() => isThere(worker), { timeout: 10_000 }).toBe(false);
  });

  it("keeps its folder with --keep and says where it is", async () => {
    const { code, out } = await demo("--keep").ended;
    expect(code).toBe(0);
    const [store = ""] = await kept();
    expect(out).toContain(`Kept: ${join(folder, store)}`);
    expect(out).toMatch(/\d+ management calls\n$/);
    expect(await readdir(join(folder, store))).toEqual(["lifecycle.key", "store"]);
  }, 60_000);
});
