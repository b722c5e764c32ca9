/** A process that exits while LMDB writes ends, and does not keep the store from others. */
import { lmdb } from "../../adapters/lmdb.ts";
import { systemClock } from "../../src/clock.ts";
import { onDeno } from "../support/built.ts";
import { startChild } from "../support/child.ts";
import { write } from "../support/commits.ts";
import { afterwards, folder } from "../support/scene.ts";
import { describe, expect, it } from "vitest";

const script = new URL("./leaver.child.ts", import.meta.url);
/** Where Node can keep the exit code of a process that ends this way. */
const keepsCode = "execve" in process && process.platform !== "win32";

describe("a process on LMDB", () => {
  it.each([
    ["exit", 3],
    ["throw", 1],
    ["reject", 1],
    ["removed", 3],
  ] as const)("that ends by %s() while it writes is gone, and others go on", async (how, code) => {
    const path = folder("leaving");
    const child = startChild(script, { folder: path, how });
    const late = setTimeout(() => child.kill("SIGTERM"), 60_000); // it would wait for ever
    afterwards(() => clearTimeout(late));
    const ended = await child.ended;
    const isExit = how === "exit" || how === "removed";
    if (!isExit) expect(ended.err.match(/Error: a mistake of the application/g)).toHaveLength(1);
    // Deno calls no listeners after an error, and waits for no thread.
    if (onDeno && !isExit) expect(ended).toMatchObject({ code: 1, signal: null });
    else {
      expect(ended.out).toBe(`before\nafter ${code}\n`);
      expect(ended).toMatchObject(keepsCode ? { code, signal: null } : { code: null, signal: "SIGKILL" });
    }
    const store = await lmdb(path).open({ account: "account", clock: systemClock });
    afterwards(() => store.close());
    expect(await store.load("acknowledged")).toMatchObject({ type: "record" });
    expect(await store.commit(write("another"))).toMatchObject({ type: "committed" });
  });

  it("that exits while it does not write ends with its code", async () => {
    const { ended } = startChild(script, { folder: folder("leaving"), how: "idle" });
    expect(await ended).toMatchObject({ code: 3, signal: null, out: "before\nafter 3\n" });
  });
});
