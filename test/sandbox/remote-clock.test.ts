import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { sleep } from "../../src/clock.ts";
import { connectSandboxClock, createVirtualClock } from "../../src/sandbox/index.ts";
import { runs } from "../support/built.ts";
import { open } from "./support.ts";

const hour = 3_600_000;

describe("sandbox/remote-clock", () => {
  it("connectSandboxClock() wakes another process when the clock jumps, and does not keep it alive", async () => {
    const { url, sandbox } = await open();
    const script = fileURLToPath(new URL("./remote-clock.child.ts", import.meta.url));
    const child = spawn(process.execPath, [...runs(script), url], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8");
    child.stdout.on("data", (text: string) => {
      said += text;
      if (text.includes("ready")) sandbox.clock.advance(hour);
    });
    const [code] = await once(child, "close");
    expect(code).toBe(0);
    const now = Number(said.split("\n")[1]);
    expect(Math.abs(now - sandbox.clock.now())).toBeLessThan(1000);
  });

  it("connectSandboxClock() follows a running clock", async () => {
    const { url, sandbox } = await open();
    sandbox.clock.advance(5 * hour);
    const clock = await connectSandboxClock(url);
    expect(Math.abs(clock.now() - sandbox.clock.now())).toBeLessThan(5_000);
    const before = clock.monotonic();
    const sleeping = sleep(clock, hour);
    sandbox.clock.advance(hour);
    await sleeping;
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(hour - 5_000);
    clock.close();
  });

  it("connectSandboxClock() stands still with a clock that stands still", async () => {
    const { url, sandbox } = await open({ clock: createVirtualClock({ now: 1000, running: false }) });
    const clock = await connectSandboxClock(url);
    expect(clock.now()).toBe(1000);
    const sleeping = sleep(clock, 20);
    sandbox.clock.advance(20);
    await sleeping;
    expect(clock.now()).toBe(1020);
    clock.close();
  });

  it("connectSandboxClock() goes on from where it is when the sandbox goes away", async () => {
    const { url, sandbox } = await open();
    sandbox.clock.advance(hour);
    const clock = await connectSandboxClock(url);
    clock.close();
    sandbox.clock.advance(hour);
    await sleep(clock, 5);
    expect(sandbox.clock.now() - clock.now()).toBeGreaterThan(hour - 1000);
  });

  it("connectSandboxClock() rejects when no sandbox answers, and when it is aborted", async () => {
    await expect(connectSandboxClock("http://127.0.0.1:1")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(connectSandboxClock("http://127.0.0.1:1", { signal })).rejects.toThrow("enough");
  });

  it("POST /_sandbox/clock advances, GET /_sandbox/clock reads", async () => {
    const { url, sandbox, control } = await open();
    const advance = (advanceMs: unknown) => control("POST", "clock", { advanceMs });
    expect((await advance(hour)).body["offset"]).toBe(hour);
    expect((await advance("much")).status).toBe(400);
    const { body } = await control("POST", "clock", { advance: 1 });
    expect(body["message"]).toContain("advanceMs must be a finite number from 0");
    const read = (await control("GET", "clock")).body;
    expect(read).toEqual({ now: expect.any(Number), offset: hour, running: true });
    expect(sandbox.clock.offset).toBe(hour);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });
});
