import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { createLifecycle, isLifecycleError, keyFile } from "oneup-lifecycle";
import type { Lifecycle, LifecycleOptions } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { afterEach, describe, expect, it, vi } from "vitest";
import { checkOptions } from "../../src/runtime/options.ts";
import { onDisk } from "../support/on-disk.ts";
import { afterwards, folder, scene } from "../support/scene.ts";

const credentials = { clientId: "client", clientSecret: "planted-secret" };
const good: LifecycleOptions = { credentials, store: memory() };
const unchecked = (options: unknown): LifecycleOptions => options as LifecycleOptions; // what JavaScript callers pass

/** What a refused call says. Fails if it is not refused. */
async function refusal(options: LifecycleOptions): Promise<{ code: string; message: string }> {
  try {
    const lifecycle = await createLifecycle(options);
    await lifecycle.close();
  } catch (error) {
    if (isLifecycleError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error("it was not refused");
}

describe("createLifecycle()", () => {
  it.each<[string, object]>([
    ["limits", { limits: null }],
    ["limits.token", { limits: { token: null } }],
    ["limits.management", { limits: { management: "300" } }],
    ["limits.management.lanes", { limits: { management: { calls: 3, windowMs: 1, lanes: null } } }],
    ["endpoints", { endpoints: null }],
    ["refresh", { refresh: "eager" }],
    ["encryption", { encryption: null }],
    ["encryption", { encryption: "planted-secret" }],
    ["encryption", { encryption: { keys: [null] } }],
    ["timeoutMs", { timeoutMs: Object.create(null) }],
    ["clock", { clock: {} }],
    ["transport", { transport: { fetch } }],
    ["logger", { logger: { info: () => {} } }],
    ["endpoints.api", { endpoints: { api: "https://api.example/?" } }],
    ["endpoints.api", { endpoints: { api: "https://api.example/#" } }],
    ["endpoints.api", { endpoints: { api: "https://api.example/a\r\nb" } }],
    ["endpoints.api", { endpoints: { api: " https://api.example" } }],
    ["endpoints.auth", { endpoints: { auth: "https://api.example\\@evil.example" } }],
    ["endpoints.auth", { endpoints: { auth: "http://127.0.0.1.evil.example" } }],
    ["endpoints.auth", { endpoints: { auth: "javascript:0" } }],
  ])("refuses a wrong %s by name", async (name, wrong) => {
    const { code, message } = await refusal(unchecked({ ...good, ...wrong }));
    expect(code).toBe("INVALID_OPTION");
    expect(message).toContain(name);
    expect(message).not.toContain("planted");
  });

  it("takes an endpoint as it is read, so that nobody behind it reads another", () => {
    const { api, auth } = checkOptions({
      ...good,
      endpoints: { api: "HTTPS://API.Example:443/a/../fhir//", auth: "http://127.1:8080" },
    });
    expect([api, auth]).toEqual(["https://api.example/fhir", "http://127.0.0.1:8080"]);
  });

  it.each([
    ["no options", undefined, "INVALID_OPTION", /options must be an object/],
    [
      "no credentials",
      { ...good, credentials: undefined },
      "INVALID_OPTION",
      /credentials\.clientId .*undefined/,
    ],
    [
      "an empty secret",
      { ...good, credentials: { clientId: "x", clientSecret: "" } },
      "INVALID_OPTION",
      /clientSecret .*empty/,
    ],
    [
      "a secret with a line break",
      { ...good, credentials: { clientId: "x", clientSecret: "planted-secret\r\nx: y" } },
      "INVALID_OPTION",
      /clientSecret/,
    ],
    ["no store", { credentials }, "INVALID_OPTION", /store must be an adapter/],
    [
      "a path for a store",
      { credentials, store: "./data" },
      "INVALID_OPTION",
      /store must be an adapter.*string/,
    ],
    [
      "an http: endpoint that is not loopback",
      { ...good, endpoints: { api: "http://api.1up.health" } },
      "INVALID_OPTION",
      /endpoints\.api must be an https: URL/,
    ],
    [
      "an endpoint with a password",
      { ...good, endpoints: { auth: "https://u:planted-secret@auth.1up.health" } },
      "INVALID_OPTION",
      /without user and password/,
    ],
    [
      "an endpoint that is no URL",
      { ...good, endpoints: { api: "api.1up.health" } },
      "INVALID_OPTION",
      /endpoints\.api/,
    ],
    [
      "no call an hour",
      { ...good, limits: { management: { calls: 0, windowMs: 1 } } },
      "INVALID_OPTION",
      /limits\.management\.calls must be a whole number from 1/,
    ],
    [
      "half a call",
      { ...good, limits: { management: { calls: 1.5, windowMs: 1 } } },
      "INVALID_OPTION",
      /whole number/,
    ],
    [
      "a share of more than all",
      { ...good, limits: { management: { calls: 300, windowMs: 1, lanes: { kept: 10 } } } },
      "INVALID_OPTION",
      /limits\.management\.lanes\.kept must be a number from 0 to 1/,
    ],
    [
      "shares that are more than all together",
      { ...good, limits: { management: { calls: 300, windowMs: 1, lanes: { recovery: 0.7, bulk: 0.4 } } } },
      "INVALID_OPTION",
      /recovery and bulk are 1 at most together/,
    ],
    [
      "no call of the token endpoint",
      { ...good, limits: { token: { calls: 0, windowMs: 1 } } },
      "INVALID_OPTION",
      /limits\.token\.calls/,
    ],
    [
      "a text for a switch",
      { ...good, hideIds: "yes" },
      "INVALID_OPTION",
      /hideIds must be one of false, true/,
    ],
    [
      "a function that gives no credentials",
      { ...good, credentials: () => ({ clientId: "x", clientSecret: "planted-secret\n" }) },
      "INVALID_OPTION",
      /clientSecret must be visible ASCII/,
    ],
    [
      "a function that fails to give credentials",
      { ...good, credentials: () => Promise.reject(new Error("planted-secret")) },
      "INVALID_OPTION",
      /the function given failed/,
    ],
    [
      "a time-out that is no number",
      { ...good, timeoutMs: Number.NaN },
      "INVALID_OPTION",
      /timeoutMs must be a number/,
    ],
    [
      "a lease that a call outlives",
      { ...good, timeoutMs: 5_000, graceMs: 1_000, leaseMs: 5_999 },
      "INVALID_OPTION",
      /leaseMs must be a number from 6000/,
    ],
    [
      "an unknown policy",
      { ...good, refresh: { policy: "never" } },
      "INVALID_OPTION",
      /refresh\.policy must be one of keepAlive, eager, lazy/,
    ],
    [
      "a refresh window below the clock skew",
      { ...good, refresh: { windowMs: 1_000 } },
      "INVALID_OPTION",
      /refresh\.windowMs/,
    ],
    [
      "a durable store without a key",
      { credentials, store: lmdb("never-made") },
      "KEY_REFUSED",
      /needs encryption/,
    ],
    [
      "a short key",
      { ...good, encryption: { keys: ["c2hvcnQ="] } },
      "KEY_REFUSED",
      /a key is 32 bytes.*5 bytes/,
    ],
    ["an empty ring", { ...good, encryption: { keys: [] } }, "INVALID_OPTION", /at least one key/],
    [
      "a key file inside the store",
      { credentials, store: lmdb("never-made"), encryption: keyFile("never-made/key") },
      "INVALID_OPTION",
      /outside the store's folder/,
    ],
  ])("refuses %s, with the rule, without the secret", async (_, options, code, message) => {
    const refused = await refusal(unchecked(options));
    expect(refused.code).toBe(code);
    expect(refused.message).toMatch(message);
    expect(refused.message).not.toContain("planted-secret");
    expect(refused.message).not.toMatch(/\.$/);
    expect(existsSync("never-made")).toBe(false);
  });

  it("refuses a folder that cannot be written", async () => {
    const path = folder("unwritable");
    writeFileSync(join(path, "file"), "");
    const options = {
      credentials,
      store: lmdb(join(path, "file", "store")),
      encryption: keyFile(join(path, "key")),
    };
    expect(await refusal(options)).toMatchObject({
      code: "STORE_UNUSABLE",
      message: expect.stringContaining(path) as string,
    });
    expect(existsSync(join(path, "key"))).toBe(false);
  });

  it("refuses a key that does not open the store, and changes nothing", async () => {
    const path = folder("keys");
    const { store, encryption } = onDisk(path);
    const { open } = await scene();
    const first = await open({ store, ...(encryption && { encryption }) });
    await first.onboard("ada");
    await first.close();
    const other = { credentials: { clientId: "sandbox-client", clientSecret: "x" }, store };
    const wrong = { ...other, encryption: { keys: [Buffer.alloc(32, 1).toString("hex")] } };
    expect(await refusal(wrong)).toMatchObject({
      code: "KEY_REFUSED",
      message: expect.stringMatching(/written with key [0-9a-f]{12}, and the keys given are/) as string,
    });
    const missing = { ...other, encryption: keyFile(join(path, "elsewhere")) };
    expect(await refusal(missing)).toMatchObject({ code: "KEY_REFUSED" });
    expect(readdirSync(path).sort()).toEqual(["key", "store"]);
    const again = await open({ store, ...(encryption && { encryption }) });
    expect(await again.inspect("ada")).toMatchObject({ usable: true });
  });
});

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
  ])("refuses %s at the door", async (_, id) => {
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
      async () => lifecycle.alias(bad),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "INVALID_ID" });
    }
    expect(sandbox.journal.entries()).toEqual([]);
    expect(await lifecycle.counts()).toEqual({});
  });

  it.each([{ waitMs: -1 }, { waitMs: "soon" }, { lane: "fast" }])(
    "refuses the option %o",
    async (options) => {
      const lifecycle = await (await scene()).open();
      await expect(lifecycle.onboard("ada", options as object)).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
      expect(await lifecycle.counts()).toEqual({});
    },
  );
});

describe("createLifecycle.fromEnv()", () => {
  afterEach(() => vi.unstubAllEnvs());

  it("opens what the environment names", async () => {
    const path = folder("env");
    vi.stubEnv("ONEUP_CLIENT_ID", "client");
    vi.stubEnv("ONEUP_CLIENT_SECRET", "secret");
    vi.stubEnv("ONEUP_STORE", join(path, "store"));
    vi.stubEnv("ONEUP_KEY_FILE", join(path, "key"));
    const lifecycle = await createLifecycle.fromEnv();
    afterwards(() => lifecycle.close());
    expect(await lifecycle.counts()).toEqual({});
    expect(readdirSync(path).sort()).toEqual(["key", "store"]);
  });

  it("hides ids for ONEUP_HIDE_IDS=1, and refuses what is neither 1 nor 0", async () => {
    const path = folder("env-hidden");
    const opening = (): Promise<Lifecycle> => createLifecycle.fromEnv({ credentials, ...onDisk(path) });
    vi.stubEnv("ONEUP_HIDE_IDS", "1");
    const lifecycle = await opening();
    afterwards(() => lifecycle.close());
    vi.stubEnv("ONEUP_HIDE_IDS", "0");
    await expect(opening()).rejects.toThrow(/its ids are hidden/);
    vi.stubEnv("ONEUP_HIDE_IDS", "true");
    await expect(opening()).rejects.toThrow(
      'Cannot start: the environment variable ONEUP_HIDE_IDS must be 1 or 0, and it is "true"',
    );
  });

  it("opens a Redis store by its URL, and says without the password that it is not there", async () => {
    vi.stubEnv("ONEUP_CLIENT_ID", "client");
    vi.stubEnv("ONEUP_CLIENT_SECRET", "secret");
    vi.stubEnv("ONEUP_STORE", "redis://user:planted-secret@127.0.0.1:1/0");
    vi.stubEnv("ONEUP_KEY", "ab".repeat(32));
    const refused = await createLifecycle.fromEnv().catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
    expect(String(refused)).toContain("Cannot reach Redis at redis://127.0.0.1:1/0");
    expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain("planted");
  });

  it.each([
    ["ONEUP_CLIENT_ID", undefined, /ONEUP_CLIENT_ID must be set/],
    ["ONEUP_CLIENT_SECRET", "", /ONEUP_CLIENT_SECRET must be set/],
    ["ONEUP_STORE", undefined, /ONEUP_STORE must be set/],
    ["ONEUP_STORE", "mysql://localhost", /ONEUP_STORE must be the path of a folder or a redis: URL/],
  ])("names the variable that is wrong: %s=%s", async (name, value, message) => {
    for (const [other, set] of Object.entries({
      ONEUP_CLIENT_ID: "x",
      ONEUP_CLIENT_SECRET: "y",
      ONEUP_STORE: "z",
    })) {
      vi.stubEnv(other, set);
    }
    vi.stubEnv(name, value);
    await expect(createLifecycle.fromEnv()).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(message) as string,
    });
    expect(existsSync("z")).toBe(false);
  });
});
