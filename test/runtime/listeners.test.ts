import process from "node:process";
import { keyFile, type Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { callListener } from "../../src/runtime/options/call-listener.ts";
import { afterwards, folder, scene } from "../support/scene.ts";
import { warningsIn } from "../support/loggers.ts";

const secret = "Bearer of-a-secret";

function mistake(): never {
  throw new TypeError(`cannot post ${secret}`);
}

const listeners = {
  "a listener that throws": mistake,
  "an asynchronous listener": () => Promise.reject(new TypeError(`cannot post ${secret}`)),
} as const;

/** Each with how it is called, and what must have come of the work. */
const verbs: Readonly<
  Record<string, (lifecycle: Lifecycle, listener: () => unknown, world: TestLifecycle) => Promise<unknown>>
> = {
  "subscribe()": async (lifecycle, listener) => {
    const end = lifecycle.subscribe(listener);
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    end();
  },
  "budget.subscribe()": async (lifecycle, listener) => {
    const end = lifecycle.budget.subscribe(listener);
    await lifecycle.onboard("ada");
    expect(await lifecycle.budget.refresh()).toMatchObject({ users: { tokenActive: 1 } });
    end();
  },
  "onProgress of onboardMany()": async (lifecycle, listener) => {
    const summary = await lifecycle.onboardMany(["ada", "bob"], { name: "list", onProgress: listener });
    expect(summary).toMatchObject({ arrived: 2, failed: 0 });
  },
  "onProgress of adoptMany()": async (lifecycle, listener, { sandbox }) => {
    const rows = ["ada", "bob"].map((appUserId) => ({
      appUserId,
      oneupUserId: sandbox.createUser(appUserId),
      refreshToken: `from-before-${appUserId}`,
    }));
    expect(await lifecycle.adoptMany(rows, { onProgress: listener })).toMatchObject({ added: 2 });
  },
  "onProgress of rotateKeys()": async (lifecycle, listener, { arrange, clock }) => {
    await arrange("ada", "tokenActive");
    const done = lifecycle.rotateKeys({ records: true, onProgress: listener });
    await clock.advance("10m");
    expect(await done).toMatchObject({ resealed: 1 });
  },
};

async function world(): Promise<TestLifecycle & { readonly log: string[] }> {
  const log: string[] = [];
  const made = await createTestLifecycle({
    lifecycle: {
      encryption: keyFile(`${folder("listeners")}/lifecycle.key`),
      logger: warningsIn(log),
    },
  });
  afterwards(() => made.close());
  return Object.assign(made, { log });
}

/** What would have ended this process meanwhile. */
async function fatalIn(task: () => Promise<unknown>): Promise<readonly unknown[]> {
  const fatal: unknown[] = [];
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const others = events.map((event) => process.rawListeners(event));
  const note = (error: unknown): void => void fatal.push(error);
  for (const event of events) process.removeAllListeners(event).on(event, note);
  try {
    await task();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    events.forEach((event, index) => {
      process.removeAllListeners(event);
      for (const other of others[index] ?? []) process.on(event, other as () => void); // as it was
    });
  }
  return fatal;
}

describe.sequential.each(Object.entries(listeners))("%s", (_name, listener) => {
  it.each(Object.entries(verbs))(
    "of %s ends nothing, and its mistake is logged without its message",
    async (_verb, use) => {
      const stage = await world();
      const fatal = await fatalIn(() => use(stage.lifecycle, listener, stage));
      expect(fatal).toEqual([]);
      expect(stage.log.join("\n")).toMatch(
        /A listener of [\w.()]+ failed: TypeError at .*listeners\.test\.ts:\d+/,
      );
      expect(stage.log.join("\n")).not.toContain(secret);
    },
  );
});

/** Errors that cannot be looked at. */
const illegible: Readonly<Record<string, () => unknown>> = {
  "a stack that throws": () =>
    Object.defineProperty(new Error("x"), "stack", {
      get() {
        throw new Error("no stack");
      },
    }),
  "a symbol for its name": () => Object.assign(new Error("x"), { name: Symbol("x") }),
  "a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
};

describe.sequential.each(Object.entries(illegible))("%s", (_name, make) => {
  it.each(["throws", "rejects"] as const)("that a listener %s ends nothing", async (how) => {
    const { lifecycle, log } = await world();
    const listener: () => unknown = () => {
      if (how === "rejects") return Promise.reject(make());
      throw make();
    };
    lifecycle.subscribe(listener);
    const fatal = await fatalIn(async () =>
      expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true, calls: { management: 1 } }),
    );
    expect(fatal).toEqual([]);
    expect(log.join("\n")).toContain("A listener of subscribe() failed: TypeError");
  });

  it("that a transport rejects with leaves its user in doubt", async () => {
    const transport = { send: () => Promise.reject(make()) };
    const { open } = await scene();
    const lifecycle = await open({ transport });
    await lifecycle.onboard("ada", { waitMs: 0 });
    await expect
      .poll(async () => (await lifecycle.inspect("ada")).pause?.cause)
      .toMatchObject({ call: "createUser", code: "UNKNOWN" });
  });
});

describe("a listener that fails each time", () => {
  it("has a line in the log for the 1st, the 10th, the 100th time", () => {
    const log: string[] = [];
    const logger = warningsIn(log);
    for (let times = 0; times < 500; times++) callListener(logger, "onProgress", mistake, null);
    expect(log.map((line) => /for the \d+th time/.exec(line)?.[0])).toEqual([
      undefined,
      "for the 10th time",
      "for the 100th time",
    ]);
  });

  it.each([
    ["no error", () => Promise.reject("text"), "a thrown string"],
    [
      "an error with a message that looks like a place",
      () => {
        throw new Error("x\n    at secret (file.ts:1:1)");
      },
      "Error",
    ],
    [
      "an error without a stack",
      () => {
        throw Object.assign(new Error(secret), { stack: undefined });
      },
      "Error",
    ],
  ])("is named though it throws %s", async (_what, listener, kind) => {
    const log: string[] = [];
    callListener(warningsIn(log), "onProgress", listener, null);
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).toHaveLength(1);
    expect(log[0]).toContain(`A listener of onProgress failed: ${kind}`);
    expect(log[0]).not.toContain("secret");
  });
});

/** As a logger that writes elsewhere may do. */
function rejects(): unknown {
  return Promise.reject(new Error("full"));
}

describe("a logger that throws", () => {
  it("ends no other caller's work", async () => {
    const { lifecycle, sandbox } = await createTestLifecycle({
      lifecycle: { logger: { debug: mistake, info: mistake, warn: rejects, error: mistake } },
    });
    lifecycle.subscribe(mistake);
    sandbox.fail({ call: "createUser", status: 500 });
    const fatal = await fatalIn(async () => {
      expect(await lifecycle.onboard("ada", { waitMs: 3_600_000 })).toMatchObject({ usable: true });
    });
    expect(fatal).toEqual([]);
  });
});

describe("subscribe()", () => {
  it.each([5, undefined, null, {}, "text"])("refuses %j, which is no function, at once", async (listener) => {
    const { lifecycle } = await createTestLifecycle();
    const wrong = expect.objectContaining({ code: "INVALID_OPTION" }) as Error;
    expect(() => lifecycle.subscribe(listener as never)).toThrow(wrong);
    expect(() => lifecycle.budget.subscribe(listener as never)).toThrow(wrong);
  });
});
