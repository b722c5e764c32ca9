import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { afterwards, arrivedIn, hurry, scene, working } from "../support/scene.ts";
import { warningsIn } from "../support/loggers.ts";

const minute = 60_000;
const hour = 60 * minute;

const wrong = { code: "CREDENTIALS_REFUSED", retryable: false };

describe("refused credentials", () => {
  it("stop the process that has them and no other, and cost no user its state", async () => {
    const { sandbox, open } = await scene();
    const store = memory();
    const right = await open({ store });
    await right.onboard("there before");
    sandbox.clock.advance(3 * hour);
    const stale = await open({ store, credentials: { ...sandbox.credentials, clientSecret: "yesterday's" } });
    await expect(stale.onboard("ada")).rejects.toMatchObject(wrong);
    const refusals = sandbox.journal.entries().length;
    await expect(stale.accessToken("there before")).rejects.toMatchObject(wrong);
    await expect(stale.onboard("bob")).rejects.toMatchObject(wrong);
    expect(await stale.resume()).toEqual({ taken: 0, rested: {} });
    expect(sandbox.journal.entries().length, "nothing more is sent").toBe(refusals);
    expect(await stale.inspect("bob")).toMatchObject({ state: "created", pause: { reason: "credentials" } });
    expect(await stale.health()).toMatchObject({
      ready: false,
      problem: "CREDENTIALS_REFUSED",
      shut: [{ gate: "secret" }],
    });

    expect(await right.health()).toMatchObject({ ready: true, problem: null, shut: [] });
    await right.resume();
    expect(arrivedIn(await right.counts())).toBe(3);
    expect(await right.inspect("bob")).toMatchObject({ usable: true });
    expect(await right.accessToken("there before")).toMatch(/./);
  });

  it("are told by other processes, which they do not affect, for as long as they are tried", async () => {
    const { sandbox, open } = await scene();
    const store = memory();
    const viewer = await open({ store });
    expect(await viewer.health()).toMatchObject({ refusedSecrets: [] });
    const clientSecret = "yesterday's";
    const stale = await open({ store, credentials: { ...sandbox.credentials, clientSecret } });
    await expect(stale.onboard("ada")).rejects.toMatchObject(wrong);
    sandbox.clock.advance(2_000);
    const { refusedSecrets, ready, shut } = await viewer.health();
    expect({ ready, shut }).toEqual({ ready: true, shut: [] });
    const [refused] = refusedSecrets;
    expect(refused?.until.getTime()).toBeGreaterThan(sandbox.clock.now());
    expect(Object.keys(refused ?? {}), "nothing that names the secret").toEqual(["triedAt", "until"]);
    expect((await viewer.budget.refresh()).refusedSecrets).toEqual(refusedSecrets);
    expect(await viewer.explain("ada")).toContain(
      "A process with another client secret than this one cannot continue it: 1upHealth refuses that secret, tried last at ",
    );
    expect((await stale.health()).refusedSecrets, "its own gate is shut").toEqual([]);
    sandbox.clock.advance(15 * minute);
    expect((await viewer.health()).refusedSecrets, "no process tries it any more").toEqual([]);
  });

  it("keep the grant of a user that is to get another, also when the gate may be tried again", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle();
    afterwards(() => lifecycle.close());
    await lifecycle.onboard("ada");
    sandbox.fail({ status: 401, body: { error: "invalid_client" }, times: Infinity });
    await expect(lifecycle.onboard("bob")).rejects.toMatchObject(wrong);
    const sent = sandbox.journal.count();
    for (const ms of [0, hour]) {
      await clock.advance(ms);
      await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject({
        ...wrong,
        message: expect.stringMatching(
          /^Cannot reauthorize user #\w+: 1upHealth refuses the client id and secret; nothing was changed$/,
        ) as string,
        failedCall: { code: "invalid_client" },
      });
    }
    expect(sandbox.journal.count()).toBe(sent);
    sandbox.clearFaults();
    expect(await lifecycle.accessToken("ada")).toMatch(/./);
    await lifecycle.account.reopen();
    expect(await lifecycle.reauthorize("ada")).toMatchObject({ state: "reauthorized" });
  });

  it("hold back no user that has no grant to lose, once the gate may be tried again", async () => {
    const { lifecycle, sandbox, clock, arrange } = await createTestLifecycle();
    afterwards(() => lifecycle.close());
    await arrange("ada", "codeIssued");
    sandbox.fail({ status: 401, body: { error: "invalid_client" }, times: Infinity });
    await expect(lifecycle.onboard("bob")).rejects.toMatchObject(wrong);
    const nothing = { ...wrong, message: expect.stringMatching(/nothing was changed$/) as string };
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject(nothing);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "codeIssued" });
    await clock.advance(hour);
    await expect(lifecycle.reauthorize("ada")).rejects.toMatchObject(wrong);
    expect(await lifecycle.inspect("ada")).toMatchObject({ state: "reauthorizing" });
  });

  it("let the worker of that process rest: it asks the store no more than once a second or so", async () => {
    const { sandbox, open } = await scene();
    const store = memory();
    let asked = 0;
    const counting = {
      ...store,
      open: async (options: Parameters<typeof store.open>[0]) => {
        const opened = await store.open(options);
        const counted =
          <A extends unknown[], T>(verb: (...args: A) => Promise<T>) =>
          (...args: A): Promise<T> => {
            asked++;
            return verb(...args);
          };
        return {
          ...opened,
          claim: counted(opened.claim),
          grant: counted(opened.grant),
          load: counted(opened.load),
        };
      },
    };
    const stale = await open({
      store: counting,
      credentials: { ...sandbox.credentials, clientSecret: "wrong" },
    });
    for (const id of ["ada", "bob"]) await expect(stale.onboard(id)).rejects.toMatchObject(wrong);
    working(stale);
    asked = 0;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(asked).toBeLessThan(10);
  });

  it("are requested again when they are a function: a rotated secret needs no restart", async () => {
    const { sandbox, open } = await scene();
    let clientSecret = "yesterday's";
    const lifecycle = await open({
      credentials: async () => ({ clientId: sandbox.credentials.clientId, clientSecret }),
    });
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(wrong);
    clientSecret = sandbox.credentials.clientSecret;
    sandbox.clock.advance(6_000); // it is asked every five seconds at most
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
  });

  it.each([0, 400])(
    "are rotated after a neutral call, twice, and %s ms later for the function: all who sign up meanwhile arrive",
    async (lagMs) => {
      const { clientId, clientSecret: first } = createSandbox().credentials;
      let clientSecret = first;
      const world = await createTestLifecycle({
        sandbox: { limit: { calls: 1_000 } },
        lifecycle: {
          credentials: () => ({ clientId, clientSecret }),
          limits: { management: { calls: 1_000, windowMs: hour } },
        },
      });
      afterwards(() => world.close());
      const { clock, sandbox } = world;
      const lifecycle = working(world.lifecycle);
      await lifecycle.onboard("there before");
      sandbox.fail({ call: "createUser", appUserId: "blocked", status: 403 });
      await expect(lifecycle.onboard("blocked", { waitMs: 0 })).rejects.toMatchObject({ code: "FORBIDDEN" });
      for (const next of ["the-second-secret", "the-third-secret"]) {
        sandbox.setCredentials({ clientId, clientSecret: next });
        clock.timer(lagMs, () => (clientSecret = next));
        const ids = Array.from({ length: 12 }, (_, index) => `${next} ${index}`);
        const signUps = ids.map((id) => lifecycle.onboard(id).catch(() => null));
        await clock.advance("7s");
        void Promise.all(signUps);
      }
      await clock.advance("1m");
      expect(await lifecycle.counts()).toMatchObject({ tokenActive: 25 });
    },
  );

  it("that never come end the opening after five seconds", async () => {
    const { open } = await scene();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    afterwards(() => void vi.useRealTimers());
    const opening = open({ credentials: () => new Promise(() => {}) });
    opening.catch(() => {});
    await vi.advanceTimersByTimeAsync(5_000);
    await expect(opening).rejects.toMatchObject({
      code: "INVALID_OPTION",
      retryable: true,
      message: "Cannot get credentials: the given function did not answer within 5000 ms",
    });
  });

  it("that cannot be had at the start, as from a vault that is away, reject with a retryable error", async () => {
    const { sandbox, open } = await scene();
    let isAway = true;
    const credentials = async () => {
      if (isAway) throw new Error("connect ECONNREFUSED to vault.example?token=s3cr3t");
      return sandbox.credentials;
    };
    const error: unknown = await open({ credentials }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "INVALID_OPTION", retryable: true });
    expect(String(error)).not.toContain("s3cr3t");
    isAway = false;
    expect(await (await open({ credentials })).onboard("ada")).toMatchObject({ usable: true });
  });

  it("never change to another client id", async () => {
    const { sandbox, open } = await scene();
    const warnings: string[] = [];
    const logger = warningsIn(warnings);
    let clientId = sandbox.credentials.clientId;
    const lifecycle = await open({ logger, credentials: () => ({ clientId, clientSecret: "wrong" }) });
    clientId = "another-account";
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(wrong);
    sandbox.clock.advance(6_000);
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(wrong);
    expect(warnings.join()).toContain("the client id must stay the same");
  });

  it("are tried again by one call after a minute, then later and later, so no user is stuck", async () => {
    const { sandbox, open } = await scene();
    const lifecycle = await open();
    sandbox.fail({ call: "createUser", times: 2, status: 401, body: { message: "Unauthorized" } });
    sandbox.fail({ call: "listUsers", status: 401, body: { message: "Unauthorized" } }); // the call without a user's id
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(wrong);
    for (const [wait, calls] of [
      [minute, 2],
      [2 * minute, 2],
      [2 * minute, 3],
    ] as const) {
      sandbox.clock.advance(wait);
      await lifecycle.resume();
      expect(sandbox.journal.count("createUser")).toBe(calls);
    }
    expect(await lifecycle.inspect("ada")).toMatchObject({ usable: true });
  });

  it("of a function that never answers stop nothing else", async () => {
    const { sandbox, open } = await scene();
    let asked = 0;
    const lifecycle = await open({
      credentials: () =>
        asked++ === 0
          ? Promise.resolve({ ...sandbox.credentials, clientSecret: "wrong" })
          : new Promise<never>(() => {}),
    });
    hurry(sandbox, 200); // in larger steps the wait of a second is over before anything else had a turn
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(wrong);
    await expect(lifecycle.onboard("bob", { waitMs: 1_000 })).rejects.toMatchObject(wrong);
    await lifecycle.close();
    expect(asked).toBeGreaterThan(1);
  });

  it("of yesterday prove nothing about today's: a late 401 shuts no gate", async () => {
    const { sandbox, open } = await scene();
    let clientSecret = "yesterday's";
    const lifecycle = await open({
      credentials: () => ({ clientId: sandbox.credentials.clientId, clientSecret }),
    });
    sandbox.fail({ call: "createUser", appUserId: "slow", delayMs: 500 });
    const slow = lifecycle.onboard("slow");
    await vi.waitFor(async () => expect((await lifecycle.inspect("slow")).underWay).toBe("createUser"));
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(wrong);
    clientSecret = sandbox.credentials.clientSecret;
    await lifecycle.account.reopen();
    expect(await lifecycle.onboard("ada")).toMatchObject({ usable: true });
    expect(await slow).toMatchObject({ usable: true });
    expect(await lifecycle.health()).toMatchObject({ ready: true, shut: [] });
  });

  it("are forgiven by account.reopen(), at once and in all processes", async () => {
    const { sandbox, open } = await scene();
    const [one, two] = [await open(), await open()];
    sandbox.fail({ times: 2, status: 401, body: { message: "Unauthorized" } });
    await expect(one.onboard("ada")).rejects.toMatchObject(wrong);
    sandbox.clock.advance(1_100);
    await expect(two.onboard("bob")).rejects.toMatchObject(wrong);
    await two.account.reopen();
    expect(await two.onboard("bob")).toMatchObject({ usable: true });
    sandbox.clock.advance(1_100);
    expect(await one.onboard("ada")).toMatchObject({ usable: true });
  });

  it("leave nothing of themselves in the account's record", async () => {
    const { sandbox, open } = await scene();
    const store = memory();
    let record = "";
    const watched = {
      ...store,
      open: async (options: Parameters<typeof store.open>[0]) => {
        const opened = await store.open(options);
        const commit: typeof opened.account.commit = (write) => {
          record += JSON.stringify(write);
          return opened.account.commit(write);
        };
        return { ...opened, account: { ...opened.account, commit } };
      },
    };
    const lifecycle = await open({
      store: watched,
      credentials: { ...sandbox.credentials, clientSecret: "planted-secret" },
    });
    await expect(lifecycle.onboard("ada")).rejects.toMatchObject(wrong);
    expect(record).toContain("suspended");
    expect(record).not.toContain("planted");
  });
});

describe("a user that 1upHealth refuses while others get through", () => {
  it.each([403, 401])("waits by itself (%s): the others arrive, and people are let in", async (status) => {
    const { sandbox, open } = await scene({ limit: { calls: 1_000 } });
    const lifecycle = working(await open({ limits: { management: { calls: 1_000, windowMs: hour } } }));
    const body = { message: "Unauthorized" };
    sandbox.fail({ call: "createUser", appUserId: "poison", times: 1e6, status, body });
    sandbox.fail({ call: "issueAuthCode", appUserId: "poison", times: 1e6, status, body });
    await expect(lifecycle.onboard("poison")).rejects.toMatchObject({ retryable: true });
    const ids = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    await Promise.allSettled(ids.map((id) => lifecycle.onboard(id, { lane: "bulk", waitMs: 60 })));
    hurry(sandbox);
    await vi.waitFor(async () => {
      const { created = 0, reauthorizing = 0, ...others } = await lifecycle.counts();
      expect([created + reauthorizing, arrivedIn(others)]).toEqual([1, 20]);
    });
    for (let person = 0; person < 12; person++) {
      sandbox.clock.advance(20 * minute);
      expect(await lifecycle.onboard(`person ${person}`, { waitMs: hour })).toMatchObject({ usable: true });
    }
    expect(await lifecycle.inspect("poison")).toMatchObject({ usable: false });
  });
});
