import { describe, expect, it } from "vitest";
import { createVirtualClock, type SandboxOptions } from "../../src/sandbox/index.ts";
import { headersOf, open } from "./support.ts";

const hour = 3_600_000;

async function openStill(options: SandboxOptions = {}) {
  const clock = createVirtualClock({ now: 1000 * hour, running: false });
  const local = await open({ clock, ...options });
  const answer = () => local.call("GET", "/user-management/v1/user", { headers: headersOf(local.sandbox) });
  const status = async () => (await answer()).status;
  return { ...local, clock, answer, status };
}

describe("sandbox/limit", () => {
  it("the 301st management call in an hour answers 429 and changes nothing", async () => {
    const { status, user, token, sandbox } = await openStill();
    const first = await Promise.all(Array.from({ length: 300 }, status));
    expect(new Set(first)).toEqual(new Set([200]));
    const refused = await user("POST", "", { app_user_id: "ada" });
    expect([refused.status, refused.body]).toEqual([429, { message: "Too Many Requests" }]);
    expect(refused.headers.has("retry-after")).toBe(false);
    expect(sandbox.users()).toEqual([]);
    expect((await token({ grant_type: "refresh_token", refresh_token: "x" })).status).toBe(400);
    expect(sandbox.journal.mostInWindow(hour)).toBe(301);
  });

  it("a rolling window forgets a call exactly one window later, and counts refused ones", async () => {
    const { clock, status } = await openStill({ limit: { calls: 2, windowMs: 100 } });
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
    clock.advance(99);
    expect(await status()).toBe(429);
    clock.advance(1);
    expect(await status()).toBe(200); // what is left are the call at 99 and this one
    expect(await status()).toBe(429);
  });

  it("a fixed window starts over at its multiple, so that two windows' calls can stand side by side", async () => {
    const { clock, status, sandbox } = await openStill({
      limit: { calls: 2, windowMs: 100, window: "fixed" },
    });
    clock.advance(99);
    expect([await status(), await status(), await status()]).toEqual([200, 200, 429]);
    clock.advance(1);
    expect([await status(), await status()]).toEqual([200, 200]);
    expect(sandbox.journal.mostInWindow(100)).toBe(5);
  });

  it.each(["rolling", "fixed"] as const)("retryAfter tells the seconds to wait (%s)", async (window) => {
    const { clock, answer, status } = await openStill({
      limit: { calls: 1, windowMs: 60_000, window },
      retryAfter: true,
    });
    await status();
    clock.advance(10_500);
    const seconds = Number((await answer()).headers.get("retry-after"));
    expect(seconds).toBe(window === "rolling" ? 60 : 50);
    clock.advance(seconds * 1000);
    expect(await status()).toBe(200);
  });

  it("retryAfter tells the date to come back, in whole seconds", async () => {
    const { clock, answer, status } = await openStill({
      limit: { calls: 1, windowMs: 60_000 },
      retryAfter: "date",
    });
    await status();
    clock.advance(10_500);
    const date = (await answer()).headers.get("retry-after") ?? "";
    expect([date, Date.parse(date)]).toEqual([expect.stringMatching(/ GMT$/), clock.now() + 60_500]);
    clock.set(Date.parse(date));
    expect(await status()).toBe(200);
  });

  it("spend() takes calls that others make now, and they leave the window as all do", async () => {
    const { clock, status, sandbox } = await openStill({ limit: { calls: 5, windowMs: 100 } });
    sandbox.spend(4);
    expect([await status(), await status()]).toEqual([200, 429]);
    expect(sandbox.journal.count()).toBe(2);
    clock.advance(100);
    expect(await status()).toBe(200);
    expect(() => sandbox.spend(0.5)).toThrow(
      "Cannot spend: calls must be a whole number from 1 to 1000000, got 0.5",
    );
    expect(() => sandbox.spend(1e9)).toThrow(
      "calls must be a whole number from 1 to 1000000, got 1000000000",
    ); // it would take minutes
  });

  it.each(["rolling", "fixed"] as const)("a spender takes one call at each everyMs (%s)", async (window) => {
    const { clock, status, sandbox } = await openStill({
      limit: { calls: 3, windowMs: 100, window },
      spender: { everyMs: 50 },
    });
    const answers = async () => [await status(), await status(), await status()];
    expect(await answers()).toEqual([200, 200, 200]); // its first call comes 50 ms after the sandbox
    clock.advance(200);
    expect(await answers()).toEqual(window === "rolling" ? [200, 429, 429] : [200, 200, 429]);
    clock.advance(hour);
    sandbox.behave({ spender: false });
    clock.advance(100);
    expect(await answers()).toEqual([200, 200, 200]);
    sandbox.reset(); // and the spender is back, an everyMs from now
    clock.advance(50);
    expect(await answers()).toEqual([200, 200, 429]);
  });

  it("calls with wrong credentials and calls to other endpoints do not count", async () => {
    const { call, status } = await openStill({ limit: { calls: 1 } });
    for (const path of ["/user-management/v1/user", "/r4/Patient", "/nowhere"]) await call("GET", path);
    expect([await status(), await status()]).toEqual([200, 429]);
  });

  it("the limit can be off", async () => {
    const { status } = await openStill({ limit: { calls: Infinity } });
    expect(new Set(await Promise.all(Array.from({ length: 400 }, status)))).toEqual(new Set([200]));
  });
});
