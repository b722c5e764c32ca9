/** Options that an application keeps in classes, with getters and defaults of a parent, as containers for dependencies do. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import {
  createLifecycle,
  keyFile,
  TransportError,
  type LifecycleOptions,
  type OffboardOptions,
  type Transport,
} from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox, type Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { afterwards, folder } from "../support/scene.ts";

/** A transport that reaches no host, and notes which it was to reach. */
function offline(): { readonly hosts: Set<string>; readonly transport: Transport } {
  const hosts = new Set<string>();
  const send: Transport["send"] = ({ url }) => {
    hosts.add(new URL(url).host);
    return Promise.reject(new TransportError("offline", { sent: false, code: "OFFLINE" }));
  };
  return { hosts, transport: { send } };
}

const credentials = { clientId: "staging", clientSecret: "stagingsecret" };

it("getters of a class count as options do: no call goes to a host that it does not name", async () => {
  const { hosts, transport } = offline();
  class Hosts {
    get api() {
      return "https://staging.example";
    }
    get auth() {
      return "https://staging.example";
    }
  }
  class Config implements LifecycleOptions {
    readonly store = memory();
    readonly transport = transport;
    get credentials() {
      return credentials;
    }
    get endpoints() {
      return new Hosts();
    }
    get limits() {
      return { management: { calls: 5, windowMs: 3_600_000 } };
    }
  }
  const lifecycle = await createLifecycle(new Config());
  afterwards(() => lifecycle.close());
  await lifecycle.onboard("ada", { waitMs: 100 });
  expect([...hosts]).toEqual(["staging.example"]);
  expect((await lifecycle.forecast()).of).toBe(5);
});

it("inherited options count: ids are hidden where a parent says so", async () => {
  const { transport } = offline();
  const place = folder("classes");
  const options: LifecycleOptions = Object.assign(Object.create({ hideIds: true }) as object, {
    credentials,
    transport,
    store: lmdb(join(place, "store")),
    encryption: keyFile(join(place, "key")),
  });
  const lifecycle = await createLifecycle(options);
  await lifecycle.onboard("very-private@example.org", { waitMs: 0 });
  await lifecycle.close();
  expect(readFileSync(join(place, "store", "data.mdb")).includes("very-private")).toBe(false);
});

it.each([
  ["leaseMs", "soon"],
  ["timeoutMs", "nonsense"],
  ["cachedTokens", -1],
  ["refresh", { policy: "sometimes" }],
])("an inherited %s is checked, too", async (name, value) => {
  const options = Object.assign(Object.create({ [name]: value }) as object, { credentials, store: memory() });
  const error: unknown = await createLifecycle(options).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining(name) });
});

it("what pollutes the prototype of all objects is no option", async () => {
  const { hosts, transport } = offline();
  const polluted = Object.prototype as { endpoints?: unknown };
  polluted.endpoints = { api: "https://evil.example" };
  try {
    const lifecycle = await createLifecycle({ credentials, store: memory(), transport });
    afterwards(() => lifecycle.close());
    await lifecycle.onboard("ada", { waitMs: 100 });
  } finally {
    delete polluted.endpoints;
  }
  expect([...hosts]).toEqual(["api.1up.health"]);
});

it("options of calls are read once, and checked as they are used", async () => {
  const { lifecycle, close } = await createTestLifecycle();
  afterwards(close);
  await lifecycle.onboard("ada");
  let reads = 0;
  class Leaving implements OffboardOptions {
    get purge() {
      reads++;
      return ["r4"] as const;
    }
  }
  await lifecycle.offboard("ada", new Leaving());
  expect(reads).toBe(1);
  class Wrong {
    get signal() {
      return "soon";
    }
  }
  await expect(lifecycle.onboard("bob", new Wrong() as object)).rejects.toMatchObject({
    code: "INVALID_OPTION",
  });
});

it("the sandbox and the test kit take them, too", async () => {
  class Outage implements Fault {
    get call() {
      return "createUser" as const;
    }
    get status() {
      return 503;
    }
  }
  class Small {
    get limit() {
      return { calls: 7 };
    }
  }
  const world = await createTestLifecycle({ sandbox: new Small() });
  afterwards(() => world.close());
  world.sandbox.fail(new Outage());
  await world.lifecycle.onboard("ada", { waitMs: 0 });
  expect(world.sandbox.journal.entries()[0]).toMatchObject({ status: 503 });
  const sandbox = createSandbox(new Small());
  for (let n = 0; n < 7; n++) sandbox.spend(1);
  expect(sandbox.journal.spent().management).toBeLessThanOrEqual(7);
});
