import { inspect } from "node:util";
import {
  createLifecycle,
  fetchTransport,
  isLifecycleError,
  keyFile,
  undiciTransport,
  type Lifecycle,
  type StoreAdapter,
  type Transport,
  type TransportRequest,
} from "oneup-lifecycle";
import { keyv } from "oneup-lifecycle/adapters/keyv";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { postgres } from "oneup-lifecycle/adapters/postgres";
import { redis } from "oneup-lifecycle/adapters/redis";
import { describe, expect, it, vi } from "vitest";
import { createUserCall } from "../../src/http/user-management.ts";
import { Secret } from "../../src/secret.ts";
import { folder, scene } from "../support/scene.ts";
import { client, hush } from "../http/samples.ts";
import { loggerTo } from "../support/loggers.ts";

const key = Buffer.alloc(32, "planted-ring-key").toString("base64");

/** Every way in which things end up on a screen or in a log. */
function everyPrint(thing: unknown): string {
  const said: string[] = [];
  const say = (print: () => unknown): void => {
    try {
      said.push(String(print()));
    } catch (error) {
      said.push(String(error)); // a clone of a function, a secret in a template
    }
  };
  for (const options of [
    {},
    { showHidden: true, getters: true, showProxy: true },
    { customInspect: false, showHidden: true },
  ]) {
    say(() => inspect(thing, { depth: Infinity, maxArrayLength: null, maxStringLength: null, ...options }));
  }
  say(() => JSON.stringify(thing));
  say(() => JSON.stringify(thing, Object.getOwnPropertyNames(Object(thing))));
  say(() => String(thing));
  say(() => "".concat(thing as string)); // as a template would
  say(() => inspect(structuredClone(thing), { depth: Infinity, showHidden: true }));
  for (const name of ["Deno.customInspect", "nodejs.util.inspect.custom"]) {
    const print: unknown = Reflect.get(Object(thing), Symbol.for(name));
    if (typeof print === "function") say(() => inspect(print.call(thing, inspect, {}), { depth: Infinity }));
  }
  const { Deno } = globalThis as unknown as { Deno?: { inspect(value: unknown, options: object): string } }; // where the test runs on it
  if (Deno !== undefined)
    say(() => Deno.inspect(thing, { depth: Infinity, showHidden: true, getters: true }));
  return said.join("\n");
}

/** A transport that keeps what it was given. */
function keeping(requests: TransportRequest[]): Transport {
  const inner = undiciTransport();
  return {
    send(request) {
      requests.push(request);
      return inner.send(request);
    },
    close: () => inner.close?.() ?? Promise.resolve(),
  };
}

describe("what is printed, serialised or cloned", () => {
  it("of a lifecycle and all it gives away holds no secret but the token that was asked for", async () => {
    const requests: TransportRequest[] = [];
    const { sandbox, open } = await scene({ clientSecret: "planted-secret" });
    const encryption = { keys: [key] };
    const lifecycle = await open({ encryption, transport: keeping(requests) });
    const heard: unknown[] = [];
    lifecycle.subscribe((status) => heard.push(status));
    const token = await lifecycle.onboard("ada").then(() => lifecycle.accessToken("ada"));
    const given: unknown[] = [
      lifecycle,
      lifecycle.remote,
      lifecycle.budget,
      lifecycle.account,
      lifecycle.fhir("ada", "r4"),
    ];
    given.push(
      await lifecycle.inspect("ada"),
      await lifecycle.counts(),
      await lifecycle.forecast(),
      await lifecycle.health(),
    );
    given.push(
      await lifecycle.budget.refresh(),
      await lifecycle.resume(),
      await lifecycle.remote.find({ appUserId: "ada" }),
    );
    given.push(
      lifecycle.users(),
      lifecycle.remote.list(),
      lifecycle.work,
      heard,
      requests.map((request) => inspect(request)),
    );
    given.push(JSON.stringify(requests));
    sandbox.setCredentials({ clientSecret: "another" });
    sandbox.clock.advance(8 * 24 * 3_600_000);
    for (const call of [
      () => lifecycle.accessToken("ada", { waitMs: 20 }),
      () => lifecycle.onboard("new", { waitMs: 20 }),
      () => lifecycle.remote.find({ appUserId: "ada" }),
      () => lifecycle.fhir("ada", "r4").read("Patient", "x", { signal: AbortSignal.timeout(20) }),
    ]) {
      given.push(await call().catch((error: unknown) => error));
    }
    given.push(await lifecycle.inspect("new"), await lifecycle.budget.refresh());
    expect(requests.length).toBeGreaterThan(3);
    for (const thing of given) {
      const said = everyPrint(thing);
      for (const secret of ["planted-secret", token, key, key.slice(0, 20)])
        expect(said.includes(secret)).toBe(false);
    }
  });

  it.each<[string, object]>([
    ["redis() with a password", redis("redis://user:planted-password@localhost:1/0")],
    ["redis() with an encoded password", redis("rediss://user:planted%2Fpassword@localhost:1/0")],
    ["postgres() with a password", postgres("postgres://user:planted-password@localhost:1/app")],
    ["keyv()", keyv(new Map() as never)],
    ["lmdb()", lmdb("/nowhere")],
    ["memory()", memory()],
    ["keyFile()", keyFile("/nowhere")],
    ["undiciTransport()", undiciTransport()],
    ["fetchTransport()", fetchTransport()],
    ["a call", { call: createUserCall(client, "ada"), list: [new Secret("planted")] }],
  ])("of %s holds no secret", (_, thing) => {
    const said = [inspect(thing, { depth: Infinity, showHidden: true }), JSON.stringify(thing)].join();
    expect(said).not.toMatch(/planted/);
    expect(said).not.toContain(hush);
    if ("store" in thing || "open" in thing) expect(everyPrint(thing)).not.toMatch(/planted/);
  });

  it("of errors of the store, of what they stand on, and of URLs that are none holds no password", async () => {
    const errors: unknown[] = [];
    for (const where of [
      "redis://user:planted-password@127.0.0.1:1/0",
      "redis://user:planted-password@127.0.0.1:1/not-a-number",
      "http://user:planted-password@127.0.0.1",
      "redis://user:planted-password@",
      "postgres://user:planted-password@127.0.0.1:1/app",
      "postgres://user:planted-password@127.0.0.1:1/app?password=planted",
      "postgres://user:planted-password@127.0.0.1",
    ]) {
      const opened = async (): Promise<Lifecycle> =>
        createLifecycle({
          credentials: { clientId: "c", clientSecret: "planted-secret" },
          store: where.startsWith("postgres:")
            ? postgres(where, { timeoutMs: 200 })
            : redis(where, { timeoutMs: 200 }),
          encryption: { keys: [key] },
        });
      errors.push(await opened().catch((error: unknown) => error));
    }
    for (const api of [
      "https://user:planted-password@api.example",
      "https://user:planted#password@api.example",
      "https://api.example/?key=planted-password",
      "https://api.example/#planted-password",
      "https:planted-password@",
      "planted-password@api.example",
    ]) {
      const opened = createLifecycle({
        credentials: { clientId: "c", clientSecret: "s" },
        store: memory(),
        endpoints: { api },
      });
      errors.push(await opened.catch((error: unknown) => error));
    }
    expect(errors.map((error) => isLifecycleError(error))).toEqual(errors.map(() => true));
    for (const error of errors) expect(everyPrint(error)).not.toMatch(/planted/);
  });

  it("of createLifecycle.fromEnv() and its refusals holds nothing of the environment", async () => {
    vi.stubEnv("ONEUP_CLIENT_ID", "client");
    vi.stubEnv("ONEUP_CLIENT_SECRET", "planted-secret");
    vi.stubEnv("ONEUP_STORE", `${folder("env")}/store`);
    vi.stubEnv("ONEUP_KEY", key);
    try {
      const lifecycle = await createLifecycle.fromEnv();
      const said = everyPrint(lifecycle);
      await lifecycle.close();
      expect(said).not.toMatch(/planted/);
      expect(said).not.toContain(key);
      for (const [name, value] of [
        ["ONEUP_KEY", `planted${key}`],
        ["ONEUP_KEY", "planted-short"],
        ["ONEUP_STORE", "mysql://u:planted@host/db"],
        ["ONEUP_STORE", "postgres://u:planted@127.0.0.1:1/db"],
        ["ONEUP_STORE", "redis://u:planted@127.0.0.1:1/x"],
        ["ONEUP_CLIENT_SECRET", "planted secret"],
        ["ONEUP_CLIENT_SECRET", ""],
      ] as const) {
        const before = process.env[name] ?? "";
        vi.stubEnv(name, value);
        const error = await createLifecycle.fromEnv().catch((reason: unknown) => reason);
        vi.stubEnv(name, before);
        expect([name, isLifecycleError(error)]).toEqual([name, true]);
        expect(everyPrint(error)).not.toMatch(/planted/);
      }
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it("of an error that a credentials function, a transport or a listener threw is its kind and code", async () => {
    const lines: string[] = [];
    const note = (line: object): void => void lines.push(JSON.stringify(line));
    /** As clients of secret stores and HTTP throw them: the whole request hangs on it. */
    const telling = (): never => {
      const request = {
        url: "https://vault/?token=planted-token",
        headers: { authorization: "Bearer planted-token" },
      };
      const error = new Error(`GET ${request.url} failed`, { cause: request });
      throw Object.assign(error, { code: "EVAULT", config: request });
    };
    const refused = await createLifecycle({ credentials: telling, store: memory() }).catch(
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ code: "INVALID_OPTION" });
    expect(String(refused)).toContain("(Error EVAULT)");
    const { open, sandbox } = await scene();
    const transport: Transport = { send: async () => telling() };
    const logger = loggerTo(note);
    const lifecycle = await open({ transport, logger });
    const errors = [refused];
    errors.push(await lifecycle.onboard("ada", { waitMs: 30 }).catch((error: unknown) => error));
    errors.push(await lifecycle.remote.find({ appUserId: "ada" }).catch((error: unknown) => error));
    let turn = 0;
    const turning = (): { clientId: string; clientSecret: string } =>
      turn++ === 0 ? sandbox.credentials : telling();
    const rotated = await open({ credentials: turning, logger });
    sandbox.setCredentials({ clientSecret: "another" });
    errors.push(await rotated.onboard("bob", { waitMs: 5_000 }).catch((error: unknown) => error));
    expect(turn).toBeGreaterThan(1);
    const beneath = memory();
    const store: StoreAdapter = {
      ...beneath,
      async open(options) {
        const opened = await beneath.open(options);
        return {
          ...opened,
          account: { ...opened.account, load: async () => (isOpen ? telling() : opened.account.load()) },
        };
      },
    };
    let isOpen = false;
    const looking = await open({ store, logger });
    isOpen = true;
    await looking.budget.refresh();
    expect(lines.join("\n")).toMatch(/Cannot read the account: .*Error EVAULT/);
    expect(lines.join("\n")).toContain("Cannot renew the credentials");
    expect(errors.map(everyPrint).join("\n") + lines.join("\n")).not.toMatch(/planted/);
  });
});
