/** A process that cannot send anything leaves the users to others, and goes on as soon as it can. */
import { createLifecycle, fetchTransport, TransportError, type Lifecycle } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { oneIn } from "../support/effort.ts";
import { afterwards, arrivedIn } from "../support/scene.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const limit = { calls: 60, windowMs: 10 * second };

/** The network of one process. */
interface Network {
  /** Why nothing can be sent; `null`: everything can. */
  trouble: string | null;
  /** The host that it concerns, if not both. */
  host?: string;
  /** Calls that could not be sent: those of users and all. */
  readonly failed: { users: number; all: number };
}

async function world(): Promise<TestLifecycle> {
  const made = await createTestLifecycle({
    sandbox: { limit },
    lifecycle: { limits: { management: limit } },
  });
  afterwards(() => made.close());
  return made;
}

/** Another process on the same store, with a network of its own. */
async function beside({ sandbox, store, clock }: TestLifecycle, network: Network): Promise<Lifecycle> {
  const inner = fetchTransport((request, options) => sandbox.fetch(new Request(request, options)));
  const lifecycle = await createLifecycle({
    credentials: sandbox.credentials,
    limits: { management: limit },
    store,
    clock,
    transport: {
      send(request) {
        const { host = "" } = network;
        if (network.trouble === null || !request.url.includes(host)) return inner.send(request);
        network.failed.all++;
        // A call without a user's id is a page of one user, or an exchange without a code.
        const { url, body = "" } = request;
        if (!url.includes("limit=1") && !(url.includes("token") && !/code=|refresh_token=/.test(body)))
          network.failed.users++;
        const code = network.trouble;
        return Promise.reject(new TransportError("Cannot send", { sent: false, code }));
      },
    },
  });
  afterwards(() => lifecycle.close());
  return lifecycle;
}

function working(lifecycle: Lifecycle, concurrency = 4): void {
  const stop = new AbortController();
  const done = lifecycle.work({ pollMs: second, concurrency, signal: stop.signal });
  afterwards(async () => {
    stop.abort();
    await done;
  });
}

const down = (trouble: string): Network => ({ trouble, failed: { users: 0, all: 0 } });
const codes = oneIn(2, ["ECONNREFUSED", "ENOTFOUND", "UND_ERR_CONNECT_TIMEOUT", "proxy_407"]);

describe("one process of two without a network", () => {
  it.each(codes)("(%s) keeps no user from the other", async (code) => {
    const made = await world();
    const { lifecycle: healthy, clock } = made;
    const network = down(code);
    const cutOff = await beside(made, network);
    await healthy.account.pause({ reason: "first they are stored" });
    for (let n = 0; n < 120; n++)
      await healthy.onboard(`user ${n}`, { lane: "bulk", waitMs: 0 }).catch(() => null);
    await healthy.account.unpause();
    working(cutOff);
    working(healthy);
    await clock.advance(40 * second);
    expect(arrivedIn(await healthy.counts())).toBe(120);
    expect(network.failed.users, "calls of users").toBeLessThanOrEqual(12);
    await clock.advance(10 * minute);
    expect(network.failed.users, "calls of users").toBeLessThanOrEqual(12);
    expect(network.failed.all, "with those that find out").toBeLessThanOrEqual(45);
    expect(await healthy.health()).toMatchObject({ ready: true, shut: [] });
    expect(await cutOff.health()).toMatchObject({
      ready: true,
      shut: [{ gate: "region", reason: "unavailable" }],
    });
    const asked = cutOff.onboard("one of its own", { waitMs: 10 * second });
    await clock.advance(10 * second);
    expect(await asked, "the other one serves it").toMatchObject({ usable: true });
  });
});

describe("a process without a network", () => {
  it("says so, and serves all that wait within half a minute of its return", async () => {
    const made = await world();
    const { clock } = made;
    const network = down("ENOTFOUND");
    const alone = await beside(made, network);
    working(alone);
    for (let n = 0; n < 40; n++) await alone.onboard(`user ${n}`, { waitMs: 0 });
    await clock.advance(2 * hour);
    expect(await alone.explain("user 7")).toMatch(
      /because calls of this process do not reach 1upHealth; .* listUsers at api\.1up\.health failed: ENOTFOUND/,
    );
    expect(network.failed.users).toBeLessThanOrEqual(20);
    network.trouble = null;
    await clock.advance(40 * second);
    expect(arrivedIn(await alone.counts())).toBe(40);
    expect(await alone.health()).toMatchObject({ ready: true, shut: [] });
  });

  it("goes on with a single user within half a minute, too", async () => {
    const made = await world();
    const network = down("ENETUNREACH");
    const alone = await beside(made, network);
    working(alone);
    await alone.onboard("ada", { waitMs: 0 });
    await made.clock.advance(3 * hour);
    network.trouble = null;
    await made.clock.advance(32 * second);
    expect(await alone.inspect("ada")).toMatchObject({ usable: true });
  });

  it("to one of the two hosts makes calls to the other one", async () => {
    const made = await world();
    const { clock } = made;
    const network = { ...down("ENOTFOUND"), host: "auth.1up.health" };
    network.trouble = null as string | null;
    const alone = await beside(made, network);
    working(alone);
    const ids = ["ada", "bob", "eve", "dan", "fay"];
    for (const id of ids) await alone.onboard(id);
    network.trouble = "ENOTFOUND";
    await clock.advance(3 * hour); // their tokens have expired
    for (const id of ids) await alone.accessToken(id, { waitMs: 0 }).catch(() => null);
    await clock.advance(second);
    expect((await alone.health()).shut).toMatchObject([{ gate: "region", reason: "unavailable" }]);
    const number = (await alone.inspect("ada")).oneupUserId;
    expect(await alone.remote.find({ appUserId: "ada" })).toMatchObject({ oneupUserId: number });
    await alone.rename("ada", "adele");
    expect(await alone.inspect("adele")).toMatchObject({ oneupUserId: number });
    network.trouble = null;
    await clock.advance(40 * second);
    expect(await alone.accessToken("adele")).toEqual(expect.any(String));
  });

  it("holds nothing back for calls that it did not send itself", async () => {
    const made = await world();
    const network = down("DEADLINE_PASSED");
    const slow = await beside(made, network);
    for (let n = 0; n < 5; n++) await slow.onboard(`user ${n}`, { waitMs: 0 });
    expect((await slow.health()).shut).toEqual([]);
  });
});
