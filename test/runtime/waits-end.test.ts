import {
  createLifecycle,
  LifecycleError,
  type Lifecycle,
  type Store,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createTestLifecycle, manualClock, type ManualClock } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";
import { silentLogger } from "../support/loggers.ts";

const second = 1_000;

type Mood = "in order" | "takes no writes" | "answers nothing";

/** Questions that change nothing. */
const reads = ["load", "page", "counts", "tally", "forecast"];

/** Every verb of `part`, in the mood of the moment. */
function moody<T extends object>(part: T, mood: () => Mood): T {
  return new Proxy(part, {
    get(target, name, self) {
      const there: unknown = Reflect.get(target, name, self);
      if (typeof there === "object" && there !== null) return moody(there, mood);
      if (typeof there !== "function" || name === "close") return there;
      return (...given: unknown[]): unknown => {
        if (mood() === "answers nothing") return new Promise(() => {});
        if (mood() === "takes no writes" && !reads.includes(String(name)))
          return Promise.reject(
            new LifecycleError("STORE_UNAVAILABLE", "Cannot write: the disk is full", { retryable: true }),
          );
        return Reflect.apply(there, target, given) as unknown; // it is a verb of the store's
      };
    },
  });
}

interface World {
  readonly lifecycle: Lifecycle;
  readonly clock: ManualClock;
  mood: Mood;
}

/** A process beside the one that has brought the users here. */
async function world(): Promise<World> {
  const inner = memory();
  const { lifecycle: before, arrange, sandbox } = await createTestLifecycle({ lifecycle: { store: inner } });
  for (const state of ["tokenActive", "reauthorizing", "failed", "offboarded"] as const)
    await arrange(state, state);
  await before.rename("tokenActive", "tokenActive, renamed");
  await before.rename("tokenActive, renamed", "tokenActive");
  const clock = manualClock(Date.UTC(2026, 0, 1));
  let mood: Mood = "in order";
  const store: StoreAdapter = {
    ...inner,
    open: async (options): Promise<Store> => moody(await inner.open(options), () => mood),
  };
  const lifecycle = await createLifecycle({
    credentials: sandbox.credentials,
    store,
    clock,
    limits: { fhir: { calls: 10, windowMs: 60 * second } },
    transport: { send: () => Promise.reject(new Error("nothing is to be sent here")) },
    logger: silentLogger,
  });
  afterwards(async () => {
    mood = "in order";
    const closed = lifecycle.close();
    await clock.advance(120 * second);
    await closed;
  });
  return {
    lifecycle,
    clock,
    get mood() {
      return mood;
    },
    set mood(next) {
      mood = next;
    },
  };
}

/** How it ended, and how long that took on the clock; an error stands for itself. */
async function ended(
  { clock }: World,
  task: Promise<unknown>,
): Promise<{ readonly came: unknown; readonly afterMs: number }> {
  const began = clock.monotonic();
  let end: { readonly came: unknown; readonly afterMs: number } | null = null;
  void (async () => {
    const came = await task.catch((error: unknown) => error);
    end = { came, afterMs: clock.monotonic() - began };
  })();
  for (let passed = 0; end === null && passed < 200; passed++) await clock.advance(second / 2);
  return end ?? { came: "nothing", afterMs: Infinity };
}

type Waiting = { readonly waitMs?: number; readonly signal?: AbortSignal };
type Verb = (lifecycle: Lifecycle, options: Waiting) => Promise<unknown>;

const grant = { oneupUserId: 4711, refreshToken: "from-before" };

const waits: Readonly<Record<string, Verb>> = {
  "onboard() of a new user": (it, options) => it.onboard("new", options),
  "onboard() of one who is under way": (it, options) => it.onboard("reauthorizing", options),
  "onboard() of one who was let go": (it, options) => it.onboard("offboarded", options),
  "adopt()": (it, options) => it.adopt("adopted", grant, options),
  "accessToken()": (it, options) => it.accessToken("reauthorizing", options),
  "reauthorize()": (it, options) => it.reauthorize("tokenActive", options),
  "retry()": (it, options) => it.retry("failed", options),
  "offboard()": (it, options) => it.offboard("tokenActive", options),
  "offboard() with a purge": (it, options) => it.offboard("tokenActive", { ...options, purge: true }),
  "rename()": (it, options) => it.rename("tokenActive", "another", { ...options }),
  "forget()": (it, options) => it.forget("offboarded", options),
  "forget() of one who is not known": (it, options) => it.forget("unknown", options),
};

async function all(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows);
}

const cancelled: Readonly<Record<string, Verb>> = {
  ...waits,
  "onboardMany()": (it, { signal }) => it.onboardMany(["new", "newer"], { name: "list", signal }),
  "adoptMany()": (it, { signal }) => it.adoptMany([{ appUserId: "adopted", ...grant }], { signal }),
  "reconcile()": (it, { signal }) => it.reconcile({ signal }),
  "work()": (it, { signal }) => it.work({ signal }),
  "resume()": (it, { signal }) => it.resume({ signal }),
  "remote.list()": (it, { signal }) => all(it.remote.list({ ...(signal && { signal }) })),
  "remote.find()": (it, { signal }) => it.remote.find({ appUserId: "ada" }, { ...(signal && { signal }) }),
  "watch()": (it, { signal }) => all(it.watch("tokenActive", { signal })),
  "rotateKeys()": (it, { signal }) => it.rotateKeys({ records: true, signal }),
  "fhir()": (it, { signal }) => it.fhir("tokenActive", "r4").read("Patient", "1", { signal }),
  "fhir() as the client": (it, { signal }) =>
    it.fhir("tokenActive", "r4", { as: "client" }).read("Patient", "1", { signal }),
};

describe("a wait ends in time", () => {
  it.each(Object.entries(waits))(
    "while the store takes no writes, %s ends with a retryable error",
    async (_name, verb) => {
      const stage = await world();
      stage.mood = "takes no writes";
      const { came, afterMs } = await ended(stage, verb(stage.lifecycle, { waitMs: 3 * second }));
      expect(came).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
      expect(afterMs).toBeLessThanOrEqual(3.5 * second);
    },
  );

  it.each(Object.entries(waits))(
    "while the store answers nothing, %s ends with a retryable error",
    async (name, verb) => {
      const stage = await world();
      stage.mood = "answers nothing";
      const { came, afterMs } = await ended(stage, verb(stage.lifecycle, { waitMs: 3 * second }));
      expect(came).toMatchObject({ code: "STORE_UNAVAILABLE", retryable: true });
      // A rename may have been sent: what comes of it is waited for as long as a call takes.
      expect(afterMs).toBeLessThanOrEqual((name === "rename()" ? 36.5 : 9.5) * second);
    },
  );

  describe.each(["takes no writes", "answers nothing"] as const)("while the store %s", (mood) => {
    it.each(Object.entries(cancelled))("%s ends when its signal aborts", async (_name, verb) => {
      const stage = await world();
      stage.mood = mood;
      const ending = new AbortController();
      const { signal } = ending;
      const task = verb(stage.lifecycle, { waitMs: 500 * second, signal });
      const early = ended(stage, task.then(String, String));
      stage.clock.timer(second, () => ending.abort(new Error("no longer wanted")));
      expect((await early).afterMs).toBeLessThanOrEqual(3.5 * second);
    });

    it("close() ends", async () => {
      const stage = await world();
      const { lifecycle, clock } = stage;
      const waiting = ["onboard() of one who is under way", "offboard()", "forget()"].map((name) =>
        waits[name]?.(lifecycle, { waitMs: 500 * second }).catch(() => {}),
      );
      stage.mood = mood;
      const working = lifecycle.work();
      await clock.advance(second);
      const { came, afterMs } = await ended(stage, lifecycle.close());
      expect(came).toBeUndefined();
      expect(afterMs).toBeLessThanOrEqual(62.5 * second);
      await Promise.all([...waiting, working]);
    });
  });

  it("nothing is started for a caller who got the error that the store did not answer", async () => {
    const inner = memory();
    const {
      lifecycle: before,
      arrange,
      sandbox,
    } = await createTestLifecycle({ lifecycle: { store: inner } });
    await arrange("ada", "tokenActive");
    const clock = manualClock(Date.UTC(2026, 0, 1));
    let answer = (): void => {};
    const held = new Promise<void>((resolve) => (answer = resolve));
    let holds = false;
    const store: StoreAdapter = {
      ...inner,
      async open(options) {
        const opened = await inner.open(options);
        return {
          ...opened,
          async load(id) {
            const loaded = await opened.load(id);
            if (holds) await held;
            return loaded;
          },
        };
      },
    };
    const lifecycle = await createLifecycle({ credentials: sandbox.credentials, store, clock });
    afterwards(() => lifecycle.close());
    holds = true;
    const leaving = lifecycle.offboard("ada", { waitMs: second });
    const told = leaving.catch((error: unknown) => error);
    await clock.advance(8 * second);
    expect(await told).toMatchObject({ code: "STORE_UNAVAILABLE" });
    answer();
    await clock.advance(4 * second);
    expect(await before.inspect("ada")).toMatchObject({ state: "tokenActive" });
  });

  it.each(["offboard()", "adopt()", "forget()"])(
    "%s that ended so is done when it is called again",
    async (name) => {
      const stage = await world();
      stage.mood = "takes no writes";
      const verb = waits[name] ?? fail;
      const { came } = await ended(stage, verb(stage.lifecycle, { waitMs: second }));
      expect(came).toMatchObject({ code: "STORE_UNAVAILABLE" });
      stage.mood = "in order";
      await ended(stage, verb(stage.lifecycle, { waitMs: 0 }));
      const state = (id: string): Promise<string> =>
        stage.lifecycle.inspect(id).then(
          (it) => it.state,
          () => "unknown",
        );
      if (name === "offboard()") expect(await state("tokenActive")).toBe("offboarded");
      if (name === "adopt()") expect(await state("adopted")).toBe("expiring");
      if (name === "forget()") expect(await state("offboarded")).toBe("unknown");
    },
  );
});

function fail(): never {
  throw new Error("there is no such verb");
}
