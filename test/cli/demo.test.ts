import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it, vi } from "vitest";
import { onDeno, runs } from "../support/built.ts";
import { oneIn } from "../support/effort.ts";
import { folder } from "../support/scene.ts";
import { isThere, start, type Started } from "../support/started.ts";

/** The worker processes that the demo told of. */
function workers(out: string): number[] {
  return [...out.matchAll(/worker process (\d+)/gi)].map(([, pid]) => Number(pid));
}

/** The demo, whose temporary folder is a folder of the test. */
function demo(temporary: string, ...words: readonly string[]): Started {
  return start("src/cli/main.ts", ["demo", ...words], { TMPDIR: temporary });
}

/** The demo's own folders. */
async function kept(temporary: string): Promise<string[]> {
  return (await readdir(temporary)).filter((name) => name.startsWith("oneup-lifecycle-"));
}

describe.concurrent("cli demo", () => {
  it.skipIf(onDeno)(
    "names LMDB where its native code must not be loaded, and leaves nothing",
    async (test) => {
      const temporary = folder("demo", test);
      const [script = ""] = runs("src/cli/main.ts").slice(-1);
      const node = [process.execPath, "--no-addons", ...runs("src/cli/main.ts").slice(0, -1)];
      const { code, out, err } = await start(script, ["demo"], { TMPDIR: temporary }, node).ended;
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toMatch(/^Cannot use the lmdb store: .*--allow-addons.*\[STORE_UNUSABLE\]\n$/);
      expect(await kept(temporary)).toEqual([]);
    },
  );

  it.for(
    oneIn(2, [
      { words: [], end: "leaves no folder" },
      { words: ["--keep"], end: "keeps its folder with --keep and prints where it is" },
    ]),
  )("kills a worker, loses no user, creates none twice, reports it, and $end", async ({ words }, test) => {
    const temporary = folder("demo", test);
    const { code, out, err } = await demo(temporary, ...words).ended;
    expect(err).toBe("");
    expect(code).toBe(0);
    const [, management] =
      /^40 users onboarded, 0 lost, 0 created twice, (\d+) management calls$/.exec(
        out.trimEnd().split("\n").at(-1) ?? "",
      ) ?? [];
    const [, inDoubt] = /(\d+) have a call in doubt/.exec(out) ?? [];
    expect(Number(inDoubt)).toBeGreaterThan(0);
    // One for each user, at most two for each call in doubt, one for the grant that was revoked.
    expect(Number(management)).toBeGreaterThanOrEqual(41);
    expect(Number(management)).toBeLessThanOrEqual(41 + 2 * Number(inDoubt));
    expect(out).toContain("40 refreshes renewed them, at a cost of 0 management calls");
    expect(out).toContain("reauthorized with 1 management call; the Patient was read");

    expect(workers(out)).toHaveLength(2);
    expect(workers(out).filter(isThere)).toEqual([]);
    // A pipe gets plain lines of at most 80 columns.
    expect(out).not.toContain("\u001b");
    expect(out.split("\n").filter((line) => line.length > 80 && !line.startsWith("  Kept: "))).toEqual([]);
    // Codes and tokens of the sandbox are 40 hexadecimal digits; its secret is well known.
    expect(out).not.toMatch(/[0-9a-f]{40}/);
    expect(out).not.toContain("sandbox-secret");
    const [store = ""] = await kept(temporary);
    if (words.length === 0) return expect(store).toBe("");
    expect(out).toContain(`Kept: ${join(temporary, store)}`);
    expect(await readdir(join(temporary, store))).toEqual(["lifecycle.key", "store"]);
  });

  it("leaves no process and no folder behind when it is interrupted", async (test) => {
    const temporary = folder("demo", test);
    const running = demo(temporary);
    const worker = Number(await running.said(/worker process (\d+)/));
    const link = await running.said(/(http:\S+token=\S+)/);
    const { status, headers } = await fetch(link, { redirect: "manual" });
    expect({ status, hasSession: headers.getSetCookie().length }).toEqual({ status: 303, hasSession: 1 });
    running.kill("SIGINT");
    const { code, out } = await running.ended;
    expect(code).toBe(130);
    expect(out.trimEnd()).toMatch(/Stopped$/);
    expect(isThere(worker)).toBe(false);
    expect(await kept(temporary)).toEqual([]);
  });

  // Elsewhere paths may be shorter, or have no such bound.
  it.runIf(process.platform === "linux")(
    "ends, says why and leaves no folder behind when its store cannot be opened",
    async (test) => {
      // The demo's folder has room in the longest path there may be (4096 bytes with its end), and its files do not.
      let temporary = folder("demo", test);
      const longest = 4_095 - "/oneup-lifecycle-demo-XXXXXX".length;
      while (temporary.length < longest - 2) {
        temporary = join(temporary, "a".repeat(Math.min(200, longest - temporary.length - 1)));
      }
      await mkdir(temporary, { recursive: true });
      const running = demo(temporary);
      test.onTestFinished(() => running.kill("SIGKILL"));
      const { code, out, err } = await running.ended;
      expect({ code, out }).toEqual({ code: 1, out: "" });
      expect(err).toContain("ENAMETOOLONG");
      expect(await kept(temporary)).toEqual([]);
    },
  );

  it("leaves no worker behind when it is killed", async (test) => {
    const running = demo(folder("demo", test));
    const worker = Number(await running.said(/worker process (\d+)/));
    running.kill("SIGKILL");
    await running.ended;
    await vi.waitFor(() => expect(isThere(worker)).toBe(false), 10_000);
  });
});
