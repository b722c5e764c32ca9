/** A user whose calls alone are refused, while those of others succeed: what to do about it differs. */
import type { Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

const minute = 60_000;

describe("a user who alone is refused", () => {
  const refusals: Readonly<Record<string, Omit<Fault, "appUserId" | "times">>> = {
    "an HTML page": { response: "html" },
    "a 401": { status: 401, body: { error: "invalid_client" } },
  };
  it.each(Object.keys(refusals))("is told apart in what to do: %s", async (name) => {
    const { lifecycle, sandbox, close } = await createTestLifecycle();
    afterwards(close);
    await lifecycle.onboard("zoe");
    sandbox.fail({ appUserId: "ada", times: Infinity, ...refusals[name] });
    const error: unknown = await lifecycle.onboard("ada", { waitMs: minute }).catch((met: unknown) => met);
    expect(error).toMatchObject({ retryable: true, facts: { alone: true } });
    const told = (await lifecycle.explain("ada")).match(/What to do: .*/)?.[0];
    expect(told).toMatch(/this user alone.*call retry\(\)\.$/);
    expect(told).not.toContain("reopen");
    sandbox.clearFaults();
    await lifecycle.retry("ada");
    expect(await lifecycle.onboard("ada", { waitMs: minute })).toMatchObject({ usable: true });
  });
});
