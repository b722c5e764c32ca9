/** Which failed call a shut gate is explained with: one that may have shut it. */
import { describe, expect, it, vi } from "vitest";
import type { Call } from "../../src/http/call.ts";
import { endpointsSeen } from "../../src/http/endpoints.ts";
import { troubleAt } from "../../src/runtime/gates/gate-rules.ts";
import { manualClock } from "../../src/testing/index.ts";
import { silentLogger } from "../support/loggers.ts";
import { scene } from "../support/scene.ts";

const minute = 60_000;

/** A process that has just met this status at user management. */
function met(status: number) {
  const clock = manualClock();
  const endpoints = endpointsSeen(clock, silentLogger, (text) => text);
  const call: Call = {
    name: "createUser",
    endpoint: "management",
    method: "POST",
    url: "https://1up.test/user",
    template: "/user",
    headers: {},
  };
  const at = clock.now();
  endpoints.note(call, { type: "answer", status, headers: {}, text: "", sentAt: at, receivedAt: at });
  return {
    clock,
    cause: (gate: Parameters<typeof troubleAt>[1]) => troubleAt("management", gate, endpoints),
  };
}

describe("the failed call that a shut gate is explained with", () => {
  it("is one that fits the gate's reason", () => {
    const { clock, cause } = met(503);
    const shut = { since: clock.now(), attempt: 1 };
    expect(cause({ ...shut, reason: "unavailable" })).toMatchObject({ code: "http_503" });
    for (const reason of ["throttled", "credentials", "forbidden", "rateLimit"] as const)
      expect(cause({ ...shut, reason })).toBe(null);
  });

  it("is none from long before the gate was shut, whose later failures another process may have met", async () => {
    const { clock, cause } = met(429);
    await clock.advance(20 * minute);
    const shut = { since: clock.now(), reason: "throttled" } as const;
    expect(cause({ ...shut, attempt: 1 })).toBe(null);
    expect(cause({ ...shut, attempt: 5 })).toMatchObject({ code: "http_429" });
  });

  it("is no old failure of this process where another one has shut the gate, and what to do fits the reason", async () => {
    const { sandbox, open } = await scene();
    const [other, idle] = [await open(), await open()];
    await idle.onboard("old");
    sandbox.fail({ status: 503 });
    await expect(idle.remote.find({ appUserId: "old" })).rejects.toMatchObject({ code: "UNAVAILABLE" });
    sandbox.spend(300);
    await other.onboard("eve", { waitMs: 300 });
    await vi.waitUntil(async () => (await idle.health()).shut.length > 0, 5_000);
    await idle.onboard("ann", { waitMs: 300 });
    const text = await idle.explain("ann");
    expect(text).toMatch(/1upHealth answered 429/);
    expect(text).not.toContain("http_503");
    expect(text).toMatch(/What to do: if the limit of 1upHealth is lower than the recorded one/);
  });
});
