import { createSandbox, type Sandbox, type SandboxServer } from "oneup-lifecycle/sandbox";
import { createLifecycle } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { startChild } from "../support/child.ts";
import { draw, oneIn, thorough } from "../support/effort.ts";
import { anyKey, at, migrated, type Place } from "../support/places.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { afterwards, folder } from "../support/scene.ts";
import { withServer } from "../support/servers.ts";
import type { Asker } from "./asker.child.ts";
import { rounds } from "./rounds.ts";

const script = new URL("./asker.child.ts", import.meta.url);
const user = "ada@example.org";
/** Processes that ask at once. */
const askers = thorough ? 8 : 3;
const hours = (count: number): number => count * 3_600_000;

/** Is this token the one that 1upHealth takes? */
async function works(url: string, token: string): Promise<boolean> {
  const headers = { authorization: `Bearer ${token}` };
  const { status } = await fetch(`${url}/r4/Patient`, { headers });
  return status === 200;
}

/** The user is created; the process that did it is gone. */
async function onboard(sandbox: Sandbox, { endpoints }: SandboxServer, place: Place): Promise<void> {
  const { credentials, clock } = sandbox;
  const lifecycle = await createLifecycle({ credentials, endpoints, clock, ...at(place) });
  // On a busy machine it may take longer than the usual wait, and a user without a token would be granted one instead.
  expect(await lifecycle.onboard(user, { waitMs: 300_000 })).toMatchObject({ usable: true });
  await lifecycle.close();
}

type NewPlace = () => Promise<Place>;

function oneRefreshARound(place: NewPlace, times: number): void {
  it(`send one refresh a round, though ${askers} ask at the same instant, ${times} rounds`, async () => {
    const sandbox = createSandbox({ latencyMs: [0, 4], reuse: "revokeFamily" });
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const parent = await rounds(askers);
    const argument: Asker = {
      place: await place(),
      url: server.url,
      credentials: sandbox.credentials,
      user,
      parent: parent.url,
    };
    await onboard(sandbox, server, argument.place);
    const children = Array.from({ length: askers }, () => startChild(script, argument));
    await parent.gathered();
    for (let round = 1; round <= times; round++) {
      sandbox.clock.advance(hours(2.1));
      parent.say(String(sandbox.clock.now()));
      const tokens = new Set(await parent.gathered());
      expect(tokens.size, `one token for all: ${[...tokens].join(" ")}`).toBe(1);
      expect(sandbox.journal.count("refreshToken")).toBe(round);
      expect(await works(server.url, [...tokens][0] ?? "")).toBe(true);
    }
    expect(sandbox.journal.spent().management).toBe(1);
    parent.say("end");
    for (const { ended } of children) expect(await ended).toMatchObject({ code: 0, err: "" });
  });
}

function twoAtMost(place: NewPlace): void {
  it("send at most two when the first stalls past its lease; the late one writes nothing, the user is usable", async () => {
    const sandbox = createSandbox();
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const times = { timeoutMs: 3_400, graceMs: 100, leaseMs: 3_500 };
    const where = await place();
    const common = { place: where, url: server.url, credentials: sandbox.credentials, user, times };
    await onboard(sandbox, server, where);
    const [stalls, goesOn] = [await rounds(1), await rounds(1)];
    const holder = startChild(script, { ...common, parent: stalls.url } satisfies Asker);
    const other = startChild(script, { ...common, parent: goesOn.url } satisfies Asker);
    await Promise.all([stalls.gathered(), goesOn.gathered()]);

    sandbox.clock.advance(hours(2.1));
    sandbox.fail({ call: "refreshToken", delayMs: 400, delay: "after" });
    const now = String(sandbox.clock.now());
    stalls.say(now);
    while (sandbox.journal.count("refreshToken") === 0) {
      expect(stalls.said(), "without a refresh").toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    holder.kill("SIGSTOP");
    goesOn.say(now);
    const [token = ""] = await goesOn.gathered();
    expect(await works(server.url, token)).toBe(true);
    expect(sandbox.journal.count("refreshToken")).toBeLessThanOrEqual(2);
    holder.kill("SIGCONT");
    expect(await stalls.gathered()).toEqual([token]);
    expect(sandbox.journal.count("refreshToken")).toBeLessThanOrEqual(2);
    expect(sandbox.journal.createdTwice()).toEqual([]);
    stalls.say("end");
    goesOn.say("end");
    for (const { ended } of [holder, other]) expect(await ended).toMatchObject({ code: 0, err: "" });
  });
}

function yesterdaysSecret(place: NewPlace): void {
  it("go on though one of them has yesterday's secret: it stops by itself and spends one neutral call for each try", async () => {
    const sandbox = createSandbox();
    const server = await sandbox.listen();
    afterwards(() => server.close());
    const where = await place();
    await onboard(sandbox, server, where);
    const common = { place: where, url: server.url, user };
    const yesterdays = { ...sandbox.credentials, clientSecret: "yesterday's" };
    const [stale, right] = [await rounds(1), await rounds(1)];
    const children = [
      startChild(script, { ...common, credentials: yesterdays, parent: stale.url } satisfies Asker),
      startChild(script, { ...common, credentials: sandbox.credentials, parent: right.url } satisfies Asker),
    ];
    await Promise.all([stale.gathered(), right.gathered()]);
    for (let round = 1; round <= 5; round++) {
      sandbox.clock.advance(hours(2.1));
      stale.say(String(sandbox.clock.now()));
      expect(await stale.gathered()).toEqual(["CREDENTIALS_REFUSED"]);
      right.say(String(sandbox.clock.now()));
      const [token = ""] = await right.gathered();
      expect(await works(server.url, token)).toBe(true);
    }
    // One try each time its hour is over, with a neutral call beside it, and not one user's grant was lost to it.
    const refused = sandbox.journal.entries().filter(({ status }) => status === 401);
    expect(refused.filter(({ call }) => call === "refreshToken")).toHaveLength(5);
    expect(refused.filter(({ call }) => call === "listUsers")).toHaveLength(5);
    expect(sandbox.journal.count("refreshToken")).toBe(10);
    expect(sandbox.journal.spent().management).toBe(6);
    stale.say("end");
    right.say("end");
    for (const { ended } of children) expect(await ended).toMatchObject({ code: 0, err: "" });
  });
}

const all = [oneRefreshARound, twoAtMost, yesterdaysSecret];

describe("processes on one LMDB store", () => {
  const place = async (): Promise<Place> => ({ type: "lmdb", path: folder("one-refresh") });
  for (const test of oneIn(3, all)) test(place, thorough ? 40 : 5);
});

withServer("redis", "processes on one Redis store", (server) => {
  const place = async (): Promise<Place> => ({ type: "redis", url: (await server()).url, key: anyKey });
  for (const test of oneIn(3, all, draw + 1)) test(place, thorough ? 60 : 5);
});

withSharedPostgres("processes on one PostgreSQL store", (place) => {
  for (const test of oneIn(3, all, draw + 2)) test(() => migrated(place()), thorough ? 60 : 5);
});
