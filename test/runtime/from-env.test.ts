import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inspect } from "node:util";
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { afterEach, describe, expect, it, vi } from "vitest";
import { onDisk } from "../support/on-disk.ts";
import { afterwards, folder } from "../support/scene.ts";

const credentials = { clientId: "client", clientSecret: "planted-secret" };

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

  it("opens the store of a module, as the command does", async () => {
    const path = folder("env-module");
    vi.stubEnv("ONEUP_STORE", join(path, "store.mjs"));
    const from = new URL("../../adapters/memory.ts", import.meta.url).href;
    writeFileSync(
      join(path, "store.mjs"),
      `import { memory } from ${JSON.stringify(from)};\nexport default { ...memory(), name: "mine" };\n`,
    );
    const lifecycle = await createLifecycle.fromEnv({ credentials });
    afterwards(() => lifecycle.close());
    expect(await lifecycle.counts()).toEqual({});
    expect(readdirSync(path)).toEqual(["store.mjs"]);
  });

  it.each([
    ["missing.mjs", null, /^Cannot use the store of .*missing\.mjs: /],
    ["empty.mjs", "export default 1;", /its default export must be a store adapter/],
    [
      "typed.mjs", // as Node 20 answers for a .ts file
      'throw Object.assign(new Error("Unknown"), { code: "ERR_UNKNOWN_FILE_EXTENSION" });',
      /this version of Node cannot import TypeScript; name a \.js or \.mjs file/,
    ],
  ])("refuses the module %s, and creates no folder of this name", async (name, text, message) => {
    const path = folder("env-no-module");
    vi.stubEnv("ONEUP_STORE", join(path, name));
    if (text !== null) writeFileSync(join(path, name), text);
    const error: unknown = await createLifecycle.fromEnv({ credentials }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "INVALID_OPTION", message: expect.stringMatching(message) });
    expect(readdirSync(path)).toEqual(text === null ? [] : [name]);
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
      'Cannot start: the environment variable ONEUP_HIDE_IDS must be 1 or 0, got "true"',
    );
  });

  it.each(["ONEUP_HIDEIDS", "oneup_hide_ids", "ONEUP_HIDE__IDS"])(
    "refuses %s, which is read nowhere",
    async (name) => {
      vi.stubEnv(name, "1");
      await expect(createLifecycle.fromEnv({ credentials, store: memory() })).rejects.toMatchObject({
        code: "INVALID_OPTION",
        message: `Cannot start: the environment variable must be called ONEUP_HIDE_IDS, and it is ${name}`,
      });
    },
  );

  it.each([
    ["ONEUP_EVENT_KEEP", "ONEUP_EVENTS_KEEP"],
    ["ONEUP_STORE_MUSTEXSIT", "ONEUP_STORE_MUST_EXIST"],
    ["ONEUP_AUHT", "ONEUP_AUTH"],
  ])("refuses %s, in which a letter or two of %s are wrong", async (name, meant) => {
    vi.stubEnv(name, "1");
    await expect(createLifecycle.fromEnv({ credentials, store: memory() })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: `Cannot start: the environment variable must be called ${meant}, and it is ${name}`,
    });
  });

  it("names a variable that resembles a required one that is not set, and leaves other names alone", async () => {
    vi.stubEnv("ONEUP_CLIENT_ID", "x");
    vi.stubEnv("ONEUP_CLIENT_SECRET", undefined);
    vi.stubEnv("ONEUP_CLIENT_SECRT", "planted");
    await expect(createLifecycle.fromEnv({ store: memory() })).rejects.toThrow(
      /ONEUP_CLIENT_SECRET must be set, and it is not, but ONEUP_CLIENT_SECRT is$/,
    );
    vi.stubEnv("ONEUP_TEST_SEEDS", "5");
    vi.stubEnv("ONEUP_APPLICATION", "clinic");
    const lifecycle = await createLifecycle.fromEnv({ credentials, store: memory() });
    await lifecycle.close();
  });

  it("takes a client secret from a file that ends with a line break", async () => {
    const sandbox = createSandbox();
    const server = await sandbox.listen();
    afterwards(() => server.close());
    vi.stubEnv("ONEUP_CLIENT_ID", `${sandbox.credentials.clientId}\n`);
    vi.stubEnv("ONEUP_CLIENT_SECRET", `${sandbox.credentials.clientSecret}\r\n`);
    vi.stubEnv("ONEUP_API", server.url);
    const lifecycle = await createLifecycle.fromEnv({ store: memory() });
    afterwards(() => lifecycle.close());
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  });

  it.each(["127.0.0.1:6379", "redis.internal:6379/0", "10.0.0.1:5432/app"])(
    "takes %s for no folder",
    async (place) => {
      vi.stubEnv("ONEUP_STORE", place);
      await expect(createLifecycle.fromEnv({ credentials })).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
      expect(existsSync(place)).toBe(false);
    },
  );

  it.each([
    ["REDIS", "Redis at redis"], // URLs do not care
    ["postgres", "PostgreSQL at postgres"],
  ])(
    "opens a %s: store by its URL, and says without the password that it is not there",
    async (scheme, place) => {
      vi.stubEnv("ONEUP_CLIENT_ID", "client");
      vi.stubEnv("ONEUP_CLIENT_SECRET", "secret");
      vi.stubEnv("ONEUP_STORE", `${scheme}://user:planted-$ecret'@127.0.0.1:1/0`);
      vi.stubEnv("ONEUP_KEY", "ab".repeat(32));
      const refused = await createLifecycle.fromEnv().catch((error: unknown) => error);
      expect(refused).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
      expect(String(refused)).toContain(`Cannot reach ${place}://127.0.0.1:1/0`);
      expect(inspect(refused, { depth: 9, showHidden: true })).not.toContain("planted");
    },
  );

  it("calls the origins in ONEUP_API and ONEUP_AUTH, which may be one", async () => {
    const sandbox = createSandbox();
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const options = { credentials: sandbox.credentials, store: memory() };
    vi.stubEnv("ONEUP_API", server.url);
    const lifecycle = await createLifecycle.fromEnv(options);
    afterwards(() => lifecycle.close());
    expect(await lifecycle.onboard("ada")).toMatchObject({ state: "tokenActive" });
    vi.stubEnv("ONEUP_AUTH", "http://planted.example");
    await expect(createLifecycle.fromEnv(options)).rejects.toThrow(
      /^Cannot start: the environment variable ONEUP_AUTH must be an https: URL/,
    );
    vi.stubEnv("ONEUP_AUTH", "http://127.0.0.1:1");
    for (const endpoints of [server.endpoints, { api: server.url }]) {
      const told = await createLifecycle.fromEnv({ ...options, store: memory(), endpoints });
      afterwards(() => told.close());
      expect(await told.onboard("cyd")).toMatchObject({ usable: true });
    }
  });

  it.each([
    ["a space", "./lifecycle.key ", /ONEUP_KEY_FILE must be the path of a file, and it begins or ends/],
    ["a line end", "./lifecycle.key\r", /ONEUP_KEY_FILE must be the path of a file, and it begins or ends/],
    ["quotation marks", '"./lifecycle.key"', /ONEUP_KEY_FILE .* contains quotation marks/],
    ["the hexadecimal digits of a key", "ab".repeat(32), /it looks like a key, which belongs in ONEUP_KEY$/],
    ["the base64 of a key", `${"Ab+/".repeat(10)}AbE=`, /it looks like a key, which belongs in ONEUP_KEY$/],
  ])("refuses a key file with %s, and makes none of that name", async (_, file, why) => {
    vi.stubEnv("ONEUP_KEY_FILE", file);
    const refused = createLifecycle.fromEnv({ credentials, store: memory() });
    await expect(refused).rejects.toThrow(why);
    expect(existsSync(file)).toBe(false);
  });

  it("refuses two keys at once, and options it does not know", async () => {
    vi.stubEnv("ONEUP_KEY", "planted");
    vi.stubEnv("ONEUP_KEY_FILE", "never-made");
    await expect(createLifecycle.fromEnv({ credentials, store: memory() })).rejects.toThrow(
      /^Cannot start: one of the environment variables ONEUP_KEY and ONEUP_KEY_FILE must be set, and both are$/,
    );
    // What JavaScript callers pass.
    for (const wrong of [null, { hideids: true }]) {
      await expect(createLifecycle.fromEnv(wrong as object)).rejects.toMatchObject({
        code: "INVALID_OPTION",
      });
    }
  });

  it.each([
    ["ONEUP_CLIENT_ID", undefined, /ONEUP_CLIENT_ID must be set/],
    ["ONEUP_CLIENT_SECRET", "", /ONEUP_CLIENT_SECRET must be set/],
    ["ONEUP_STORE", undefined, /ONEUP_STORE must be set/],
    [
      "ONEUP_STORE",
      "mysql://localhost",
      /ONEUP_STORE must be the path of a folder, a redis: or a postgres: URL/,
    ],
    ["ONEUP_STORE", "host=h port=5432 user=a password=planted", /looks like the settings of a connection/],
    ["ONEUP_STORE", "Server=h;User Id=a;Password=planted;", /looks like the settings of a connection/],
    ["ONEUP_STORE", '"redis://:planted@host"', /contains quotation marks$/],
    ["ONEUP_STORE", " redis://:planted@host", /begins or ends with a space$/],
    ["ONEUP_STORE", "ONEUP_STORE=redis://:planted@host", /has a URL behind other text$/],
    ["ONEUP_STORE", " ", /begins or ends with a space$/],
    ["ONEUP_STORE", "${REDIS_URL}", /contains a variable/],
    ["ONEUP_STORE", "redis//:planted@host:6379", /contains \/\/ but is no URL$/],
    ["ONEUP_STORE", "~/data", /begins with ~/],
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
