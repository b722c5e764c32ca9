import type { Lifecycle } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { scene } from "../support/scene.ts";

describe("every call with an app_user_id", () => {
  it.each([
    ["an empty one", ""],
    ["a control character", "ada\n"],
    ["a NUL", "a\0b"],
    ["half an emoji", "\ud83d"],
    ["513 bytes", "x".repeat(513)],
    ["129 emoji of four bytes", "😀".repeat(129)],
    ["a number", 7],
    ["nothing", undefined],
  ])("refuses %s at once", async (_, id) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    const bad = id as string; // what JavaScript callers pass
    for (const call of [
      () => lifecycle.onboard(bad),
      () => lifecycle.accessToken(bad),
      () => lifecycle.inspect(bad),
      () => lifecycle.retry(bad),
      () => lifecycle.reauthorize(bad),
      () => lifecycle.rename("ada", bad),
      async () => lifecycle.fhir(bad, "r4"),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "INVALID_ID" });
    }
    expect(sandbox.journal.entries()).toEqual([]);
    expect(await lifecycle.counts()).toEqual({});
  });

  it("names it by an alias, if it can be one", async () => {
    const lifecycle = await (await scene()).open();
    const bad: unknown = 5;
    expect(() => lifecycle.alias(bad as string)).toThrow(/must be a string, not number/); // what JavaScript callers pass
  });
});

describe("every call with options", () => {
  type Calls = Readonly<Record<string, (lifecycle: Lifecycle, options: any) => Promise<unknown>>>;
  const calls: Calls = {
    onboard: (lifecycle, options) => lifecycle.onboard("ada", options),
    "get an access token": (lifecycle, options) => lifecycle.accessToken("ada", options),
    reauthorize: (lifecycle, options) => lifecycle.reauthorize("ada", options),
    retry: (lifecycle, options) => lifecycle.retry("ada", options),
    rename: (lifecycle, options) => lifecycle.rename("ada", "countess", options),
    "offboard a user": (lifecycle, options) => lifecycle.offboard("ada", options),
    "forget a user": (lifecycle, options) => lifecycle.forget("ada", options),
    reconcile: (lifecycle, options) => lifecycle.reconcile(options),
    work: (lifecycle, options) => lifecycle.work(options),
    resume: (lifecycle, options) => lifecycle.resume(options),
    "rotate keys": (lifecycle, options) => lifecycle.rotateKeys(options),
    "list users": async (lifecycle, options) => lifecycle.users(options), // at once, not only when it is read
    "list users ": async (lifecycle, options) => lifecycle.remote.list(options).next(),
    "watch a user": async (lifecycle, options) => lifecycle.watch("ada", options),
    "find a user": (lifecycle, options) => lifecycle.remote.find({ appUserId: "ada" }, options),
    "find a user ": (lifecycle, query) => lifecycle.remote.find(query),
    "forecast ": (lifecycle, lane) => lifecycle.forecast(1, lane),
  };

  it.each(Object.entries(calls))("refuses what it does not know, by its own name: %s", async (name, call) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    for (const wrong of [null, 5, { watiMs: 1 }]) {
      await expect(call(lifecycle, wrong)).rejects.toMatchObject({
        code: "INVALID_OPTION",
        message: expect.stringMatching(new RegExp(`^Cannot ${name.trim()}: .* must be .*, got `)) as string,
      });
    }
    expect(sandbox.journal.entries()).toEqual([]);
    expect(await lifecycle.counts()).toEqual({});
  });

  it.each<[string, object, string]>([
    ["onboard", { waitMs: -1 }, "waitMs must be a finite number from 0"],
    ["onboard", { waitMs: "soon" }, "waitMs must be a finite number from 0"],
    ["onboard", { waitMs: 1e300 }, "waitMs must be a finite number from 0 to 9007199254740991, got 1e+300"],
    ["onboard", { lane: "fast" }, "lane must be one of interactive, recovery, bulk"],
    ["onboard", { expect: "maybe" }, "expect must be one of new, existing"],
    ["onboard", { signal: 5 }, "signal must be an AbortSignal"],
    ["get an access token", { waitMs: -1 }, "waitMs must be a finite number from 0"],
    ["work", { concurrency: 0 }, "concurrency must be a whole number from 1"],
    ["resume", { pollMs: 1 }, "pollMs must be a number from 10"],
    ["rotate keys", { record: true }, 'an option must be a known one, got "record": did you mean records?'],
    ["rotate keys", { records: "yes" }, "records must be one of true, false"],
    ["rotate keys", { onProgress: true }, "onProgress must be a function"],
    ["list users", { state: "nope" }, "state must be one of created, codeIssued"],
    ["list users ", { pageSize: 0 }, "pageSize must be a whole number from 1"],
    ["find a user ", {}, "the query must have an appUserId or a oneupUserId, got neither"],
    ["find a user ", { oneupUserId: "7" }, "oneupUserId must be a whole number from 1"],
  ])("cannot %s with %o", async (name, options, rule) => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    await expect(calls[name]?.(lifecycle, options)).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringContaining(`Cannot ${name.trim()}: ${rule}`) as string,
    });
    expect(sandbox.journal.entries()).toEqual([]);
    expect(await lifecycle.counts()).toEqual({});
  });
});
