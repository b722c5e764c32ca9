/** A rename that was carried out and answered by something that is not 1upHealth: the user is looked up. */
import { isLifecycleError, type LifecycleError } from "oneup-lifecycle";
import type { Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";

const minute = 60_000;
const html = { "content-type": "text/html" };
const page = "<!doctype html><title>Log in</title><input type=password>";

/** Answers after which the user may have either id, and the code of the error if it has the old one. */
const answers: Readonly<Record<string, readonly [Fault, string]>> = {
  "a page with 200": [{ status: 200, headers: html, body: page }, "FORBIDDEN"],
  "a redirect": [{ status: 302, headers: { location: "/login" }, body: "" }, "FORBIDDEN"],
  "401 without JSON": [{ status: 401, body: "" }, "FORBIDDEN"],
  "403": [{ status: 403, body: { message: "Forbidden" } }, "FORBIDDEN"],
  "511": [{ status: 511, headers: html, body: page }, "FORBIDDEN"],
  "an empty 400": [{ status: 400, body: "" }, "BAD_ANSWER"],
  "an empty 409": [{ status: 409, body: "" }, "BAD_ANSWER"],
  "422 of a gateway": [{ status: 422, body: { message: "Unprocessable Entity" } }, "BAD_ANSWER"],
  "429 without JSON": [{ status: 429, body: "", headers: { "retry-after": "5" } }, "RATE_LIMITED"],
  "already exists": [{ response: "alreadyExists" }, "USER_CONFLICT"],
  "does not exist": [{ response: "doesNotExist" }, "BAD_ANSWER"],
  "502": [{ status: 502, body: "" }, "UNAVAILABLE"],
};

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle();
  afterwards(() => made.close());
  await made.lifecycle.onboard("ada");
  return made;
}

async function renamed({ lifecycle }: TestLifecycle, waitMs = minute): Promise<LifecycleError | null> {
  const error: unknown = await lifecycle.rename("ada", "new", { waitMs }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error === null || isLifecycleError(error)).toBe(true);
  return error as LifecycleError | null; // see above
}

/** The events since the rename began. */
async function endOf({ lifecycle }: TestLifecycle, id: string): Promise<readonly string[]> {
  const events = (await lifecycle.history(id)).map(({ event }) => event);
  return events.slice(events.lastIndexOf("RENAME") + 1);
}

describe("a rename that is answered in 1upHealth's place", () => {
  it.each(Object.entries(answers))("is found to be carried out (%s)", async (_, [answer]) => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    sandbox.fail({ ...answer, call: "updateUser", commit: true });
    expect(await renamed(made)).toBeNull();
    expect(await lifecycle.inspect("new")).toMatchObject({ state: "tokenActive", usable: true });
    expect(await endOf(made, "new")).toEqual([expect.any(String), "FOUND_ELSEWHERE"]);
  });

  it.each(Object.entries(answers))("leaves the id once that is known (%s)", async (_, [answer, code]) => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    sandbox.fail({ ...answer, call: "updateUser" });
    const error = await renamed(made);
    expect(error).toMatchObject({ code, failedCall: { call: "updateUser" } });
    expect(error?.message).toMatch(/it keeps its id|another user has the new app_user_id/);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
    expect(await endOf(made, "ada")).toEqual([expect.any(String), "USER_FOUND"]);
    await lifecycle.account.reopen();
    expect(await renamed(made)).toBeNull();
  });

  it.each(Object.entries(answers))("says nothing of the id before that (%s)", async (_, [answer]) => {
    const made = await world();
    const { lifecycle, clock, sandbox } = made;
    sandbox.fail({ ...answer, call: "updateUser", commit: true });
    sandbox.fail({ call: "listUsers", status: 503 });
    const error = await renamed(made, 0);
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(error?.message).toContain("give the new id to no other person");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "renameInDoubt", usable: true });
    void lifecycle.work();
    await clock.advance("20m");
    expect(await lifecycle.inspect("new")).toMatchObject({ usable: true, conflict: null });
  });

  it("that 1upHealth does not list for an hour is not said to have left the id", async () => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    sandbox.fail({ status: 403, call: "updateUser", commit: true });
    sandbox.fail({ call: "listUsers", times: Infinity, status: 200, body: { success: true, entry: [] } });
    expect(await renamed(made, 180 * minute)).toMatchObject({ code: "UNAVAILABLE" });
    expect(await lifecycle.inspect("ada")).toMatchObject({ underWay: null });
  });
});

describe("a rename that 1upHealth itself refuses", () => {
  it.each([
    [{ status: 400, body: { success: false, error: "app_user_id is not allowed" } }, "BAD_ANSWER"],
    [{ status: 401, body: { error: "invalid_client" } }, "CREDENTIALS_REFUSED"],
    [{ status: 401, body: { message: "Unauthorized" } }, "CREDENTIALS_REFUSED"],
    [{ response: "rateLimited" }, "RATE_LIMITED"],
  ] as const)("costs no look-up (%o)", async (answer, code) => {
    const made = await world();
    const { lifecycle, sandbox } = made;
    sandbox.fail({ ...answer, call: "updateUser" });
    const error = await renamed(made);
    expect(error).toMatchObject({ code, failedCall: { call: "updateUser" } });
    expect(error?.message).toContain("it keeps its id");
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "tokenActive", usable: true });
    expect(await endOf(made, "ada")).toHaveLength(1);
  });
});
