import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createLifecycle, isLifecycleError, keyFile, type LifecycleOptions } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { checkOptions } from "../../src/runtime/options/lifecycle-options.ts";
import { onDisk } from "../support/on-disk.ts";
import { folder, scene } from "../support/scene.ts";

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
    ["credentials", { credentials: '{"clientId":"planted","clientSecret":"planted"}' }],
    ["endpoints", { endpoints: "https://ada:planted@api.example" }],
    ["limits", { limits: "planted" }],
    ["refresh.policy", { refresh: { policy: "planted-policy-that-is-longer-than-a-word" } }],
    ["timeoutMs", { timeoutMs: "planted" }],
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

  it.each([
    [{ hideids: true }, /an option must be a known one, got "hideids": did you mean hideIds\?$/],
    [
      { limits: { mangement: {} } },
      /an option in limits must be a known one, got "mangement": did you mean management\?$/,
    ],
    [{ limits: { token: { calls: 1, windowMs: 1, lanes: {} } } }, /an option in limits\.token .*"lanes"/],
    [
      { limits: { management: { calls: 1, windowMs: 1, lane: {} } } },
      /an option in limits\.management must be a known one, got "lane": did you mean lanes\?/,
    ],
    [
      { limits: { management: { calls: 1, windowMs: 1, lanes: { keep: 1 } } } },
      /in limits.management.lanes .*"keep"/,
    ],
    [
      { endpoints: { apis: "" } },
      /an option in endpoints must be a known one, got "apis": did you mean api\?/,
    ],
    [{ refresh: { window: 1 } }, /an option in refresh .*"window"/],
    [{ credentials: { ...credentials, secret: "planted" } }, /an option in credentials .*"secret"/],
    [{ surprise: 1 }, /an option must be one of credentials, store, .*, got "surprise"$/],
    [{ credentials: Promise.resolve(credentials) }, /credentials must be .*, got a promise/],
    [{ credentials: null }, /credentials must be an object, got null/],
    [{ events: { keep: "30m" } }, /events.keep must be a time from 1 hour .*, got "30m"/],
    [{ limits: [] }, /limits must be an object, got an empty list/],
  ])("refuses a name that it does not know: %j", async (wrong, message) => {
    const refused = await refusal(unchecked({ ...good, ...wrong }));
    expect(refused).toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(message) as string,
    });
    expect(refused.message).not.toContain("planted");
  });

  it("takes credentials with more in them from a function, as key stores give them", async () => {
    const { sandbox, open } = await scene();
    const stored = { ...sandbox.credentials, rotatedAt: "yesterday" };
    const lifecycle = await open({ credentials: () => stored });
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  });

  it("takes an endpoint as it is read, so that the layers behind it read no other", () => {
    const { api, auth } = checkOptions({
      ...good,
      endpoints: { api: "HTTPS://API.Example:443/a/../fhir//", auth: "http://127.1:8080" },
    });
    expect([api, auth]).toEqual(["https://api.example/fhir", "http://127.0.0.1:8080"]);
  });

  it.each<[LifecycleOptions["endpoints"], string, string]>([
    [undefined, "https://api.1up.health", "https://auth.1up.health"],
    [{ api: "https://api.1up.health/" }, "https://api.1up.health", "https://auth.1up.health"],
    [{ api: "http://127.0.0.1:8080" }, "http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    [{ auth: "https://auth.example" }, "https://api.1up.health", "https://auth.example"],
  ])("sends no secret to a host that is not named: %j", (endpoints, api, auth) => {
    expect(checkOptions({ ...good, ...(endpoints && { endpoints }) })).toMatchObject({ api, auth });
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
      /store must be an adapter.*got a text/,
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
      { ...good, limits: { management: { calls: 300, windowMs: 1, lanes: { reserved: 10 } } } },
      "INVALID_OPTION",
      /limits\.management\.lanes\.reserved must be a number from 0 to 1/,
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
      /hideIds must be one of true, false/,
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
      /the given function failed/,
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
      message: expect.stringMatching(/written with key [0-9a-f]{12}, and the configured keys are/) as string,
    });
    const missing = { ...other, encryption: keyFile(join(path, "elsewhere")) };
    expect(await refusal(missing)).toMatchObject({
      code: "KEY_REFUSED",
      message: expect.stringMatching(
        /written with key [0-9a-f]{12}, and the key file is missing: .*elsewhere$/,
      ) as string,
    });
    expect(readdirSync(path).sort()).toEqual(["key", "store"]);
    const again = await open({ store, ...(encryption && { encryption }) });
    expect(await again.inspect("ada")).toMatchObject({ usable: true });
  });
});
