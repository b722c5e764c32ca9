/** What every store is put through: processes that are killed before and after every write and call. */
import { createLifecycle, type Lifecycle, type LifecycleEvent, type UserStatus } from "oneup-lifecycle";
import { connectSandboxClock, createSandbox, type JournalEntry } from "oneup-lifecycle/sandbox";
import { expect, it, vi, type TestContext } from "vitest";
import { each, startChild } from "../support/child.ts";
import type { Instant } from "../support/dying.ts";
import { oneIn, thorough } from "../support/effort.ts";
import { at, type Place } from "../support/places.ts";
import { accountOf } from "../../src/store/account-of.ts";
import type { Ended } from "../support/started.ts";
import { userWithTokens } from "./user-with-tokens.ts";
import {
  costs,
  go,
  identifierOf,
  journeysOn,
  renamed,
  steps,
  type Fated,
  type Journey,
  type Life,
} from "./journeys.ts";

const script = new URL("./journey.child.ts", import.meta.url);
/** A call that a busy machine delays for longer is repeated, and counts against the user: so it is much time. */
const times = { timeoutMs: 8_000, graceMs: 500, leaseMs: 8_500 };
/** A server's clock does not go on with the sandbox's: all calls of a sweep must fit into one hour. */
const limits = { management: { calls: 10_000, windowMs: 3_600_000 } };
/** A server that is slow for once is no part of this. */
export const patient = { timeoutMs: 30_000 } as const;

/**
 * In each of these, the users of every journey meet their end before and after every write and call, all in one
 * process; everyday at some of these points, which the run draws. The process that takes over meets it as well, at the
 * same place. The third brings all users to their end.
 */
export function sweeps(place: (test: TestContext) => Promise<Place>): void {
  it("before and after every write and call, twice in a row, leaves no user lost, stuck or created twice", async (test) => {
    const sweep = await begin(await place(test), test);
    let runs = 0; // a busy machine costs a step now and then
    const asEver = async (): Promise<void> => {
      const took = await sweep.undisturbed(`undisturbed ${++runs}`);
      expect(took).toEqual(Object.fromEntries(Object.keys(took).map((one) => [one, steps[one as Journey]]))); // those of the store
    };
    await vi.waitFor(asEver, { timeout: 20_000, interval: 0 });
    await sweep.dies("asking");
    await sweep.dies("asking");
    await sweep.goesHome(2);
  });
}

/** How workers of the next process die: at the same write, or once they have claimed a user and asked 1upHealth for nothing. */
const ways: readonly (readonly [string, readonly By[], number])[] = [
  ["its worker, at the same write,", ["working"], 2],
  ["two workers, once they have claimed a user,", ["claim", "claim"], 1],
];

/** The same, where a worker of the next process dies as well: everyday in one of the two ways. */
export function workersToo(place: (test: TestContext) => Promise<Place>): void {
  for (const [who, deaths, spent] of oneIn(2, ways))
    it(`and then ${who} leaves no user lost, stuck or created twice`, async (test) => {
      const sweep = await begin(await place(test), test);
      for (const by of ["asking", ...deaths] as const) await sweep.dies(by);
      await sweep.goesHome(spent);
    });
}

type Point = Life & { readonly journey: Journey };

type By = Exclude<Fated["by"], "opening">;

interface Sweep {
  /** Users of their own, one a journey, to which nothing happens; the writes and calls that it took. */
  undisturbed(name: string): Promise<Partial<typeof steps>>;
  /** The users go on, in a process that is killed. */
  dies(by: By): Promise<void>;
  /** The users go on in peace, and the sandbox judges what so many deaths have cost each of them. */
  goesHome(deaths: number): Promise<void>;
}

/** All users where their journeys begin, on a new sandbox. */
async function begin(place: Place, { onTestFinished }: TestContext): Promise<Sweep> {
  const sandbox = createSandbox({
    limit: { calls: 100_000 },
    purgeBatch: 1,
    // What one process presents again after another's death must not end what came of it.
    reuse: "revokeFamily",
    codeReuse: "revokeFamily",
  });
  const server = await sandbox.listen();
  onTestFinished(() => server.close());
  const fated = { url: server.url, credentials: sandbox.credentials, place, times, limits };
  const child = (by: By, lives: readonly Life[]): Promise<Ended> =>
    startChild(script, { ...fated, by, lives } satisfies Fated).ended;

  const journeys = journeysOn(place);
  const all = journeys.flatMap((journey) =>
    instants(steps[journey]).map((instant) => ({
      journey,
      instant,
      id: `${journey}: ${instant.when} ${instant.of} ${instant.n} <ada@example.org>`,
    })),
  );
  const points = await prepared(oneIn(place.type === "lmdb" ? 24 : 48, all));
  const before = new Map(points.map(({ id }) => [id, callsOf(id).length]));
  let deaths = 0;

  return {
    async undisturbed(name) {
      const lives = journeys.map((journey) => ({ journey, id: `${journey}, ${name}`, instant: null }));
      const { out, err } = await child("asking", await prepared(lives));
      expect(err).toBe("");
      const took = JSON.parse(out.slice("done ".length)) as readonly (typeof steps)[Journey][]; // our own child
      return Object.fromEntries(journeys.map((journey, index) => [journey, took[index]]));
    },

    async dies(by) {
      const ended = await child(by, points);
      // A worker gets to few of the points that an everyday run draws, or to none: some are calls, or precede all writes.
      const some = thorough ? /^stopped [1-9]\d*\n$/ : /^stopped \d+\n$/;
      const out: unknown = by === "claim" ? "" : expect.stringMatching(some);
      expect(ended).toEqual({ code: null, signal: "SIGKILL", out, err: "" });
      // At first all users meet their end, but for one or another to whom a busy machine costs a step; later some arrive before.
      const stopped = Number(/\d+/.exec(ended.out)?.[0] ?? points.length);
      if (deaths++ === 0) expect(stopped).toBeGreaterThanOrEqual(Math.floor(0.9 * points.length));
    },

    async goesHome(deathsOfEach) {
      // A new process. Its worker alone continues all users that were under way; those who wait because their codes
      // were lost go on once a minute has passed, or longer if a slow machine has cost them more codes …
      for (let [minutes, waiting] = [2, Infinity]; waiting > 0; minutes *= 2) {
        waiting = await whileWorking(async (lifecycle) => {
          await vi.waitFor(async () => expect(await underWay(lifecycle)).toEqual([]));
          return (await waitingForCodes(lifecycle)).length;
        });
        if (waiting > 0) await minutesPass(minutes);
      }
      // … and a user whose process died before the first write is found by asking for it.
      await whileWorking(async (lifecycle) => {
        await each(points, 8, async (life) => {
          await go(lifecycle, life, place);
          if (life.journey === "offboard") await isGone(lifecycle, life.id);
          if (life.journey === "ensure") await isThereOnce(lifecycle, life.id);
          const id = life.journey === "rename" ? renamed(life.id) : life.id;
          const fhir = lifecycle.fhir(id, "dstu2");
          // On a busy machine the answer may come after the call's time.
          const patient = await vi.waitFor(() => fhir.create({ resourceType: "Patient" }), 20_000);
          expect(patient.id).toMatch(/^[0-9a-f]+$/);
        });
        expect(await lifecycle.counts()).not.toHaveProperty("failed");
        await toldEachStep(lifecycle);
      });
      expect(sandbox.journal.createdTwice()).toEqual([]);
      const extra = points.map(({ id, journey }) => {
        const calls = callsOf(id).slice(before.get(id) ?? 0);
        return { id, extra: calls.length - costs[journey], calls: calls.map(inWords) };
      });
      expect(extra.filter((user) => user.extra > 2 * deathsOfEach)).toEqual([]);
    },
  };

  async function open(): Promise<{ lifecycle: Lifecycle; close: () => Promise<void> }> {
    const clock = await connectSandboxClock(server.url);
    const lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      endpoints: server.endpoints,
      clock,
      ...at(place),
      ...times,
      limits,
      events: { keep: "7d" }, // the others follow
    });
    return { lifecycle, close: () => lifecycle.close().then(() => clock.close()) };
  }

  /** Users who pause are due: on LMDB time passes when the clock does, but a server has a clock of its own. */
  async function minutesPass(minutes: number): Promise<void> {
    sandbox.clock.advance(minutes * 60_000);
    if (place.type === "lmdb") return;
    const account = accountOf(sandbox.credentials.clientId);
    const store = await at(place).store.open({ account, clock: sandbox.clock });
    const lease = { id: "of the dead", owner: "the test", ms: 1 };
    for (const id of await store.page({ state: "reauthorizing", limit: 1_000 })) {
      const loaded = await store.load(id);
      if (loaded.type !== "record" || loaded.record.lane !== null) continue;
      const { value, revision: expectedRevision } = loaded.record;
      const due = { id, value, expectedRevision, state: "reauthorizing", dueInMs: 0, lane: null } as const;
      await store.commit({ ...due, mode: "none", lease, writeId: `${id} is due` });
    }
    await store.close();
  }

  async function whileWorking<T>(task: (lifecycle: Lifecycle) => Promise<T>): Promise<T> {
    const { lifecycle, close } = await open();
    const working = lifecycle.work();
    try {
      return await task(lifecycle);
    } finally {
      await close();
      await working;
    }
  }

  /** Puts users where their journey begins. */
  async function prepared(users: readonly Point[]): Promise<readonly Point[]> {
    const { lifecycle, close } = await open();
    await each(users, 16, async ({ id, journey }) => {
      switch (journey) {
        case "onboard":
        case "adopt": // below, so that what was granted still works
        case "adopt with access":
        case "adopt in vain":
        case "join":
          return;
        case "onboard existing":
        case "onboard taken":
          return void sandbox.createUser(id);
        case "retry":
          sandbox.fail({ call: "createUser", appUserId: id, times: Infinity, status: 400, body: notAllowed });
          return expect(lifecycle.onboard(id)).rejects.toMatchObject({ code: "USER_FAILED" });
        case "refresh":
        case "recover":
        case "reauthorize":
        case "rename":
        case "hold":
        case "ensure":
          return void (await lifecycle.onboard(id));
        case "offboard":
          await lifecycle.onboard(id);
          for (const version of ["stu3", "r4", "r4"] as const)
            await lifecycle.fhir(id, version).create({ resourceType: "Patient" });
      }
    });
    sandbox.clearFaults(); // they held for the second call, too, which a busy machine may need
    await close();
    sandbox.clock.advance(2 * 3_600_000 + 1_000);
    return Promise.all(
      users.map(async (point) => {
        const { id, journey } = point;
        const grant = journey.startsWith("adopt") ? await userWithTokens(sandbox, server.url, id) : undefined;
        if (journey === "recover" || journey === "adopt in vain") sandbox.revokeGrant(id);
        if (grant === undefined || journey === "adopt with access")
          return { ...point, ...(grant && { grant }) };
        const { accessToken: _, expiresAt: __, ...withoutAccess } = grant;
        return { ...point, grant: withoutAccess };
      }),
    );
  }

  /** Each step is an event, once and in order, whichever process took it and died. */
  async function toldEachStep(lifecycle: Lifecycle): Promise<void> {
    const users = await Promise.all(
      points.map(({ id, journey }) => lifecycle.inspect(journey === "rename" ? renamed(id) : id)),
    );
    const told = new Map<string, LifecycleEvent[]>();
    for await (const event of lifecycle.events({ follow: false })) {
      const before = told.get(event.formerAlias ?? event.alias) ?? [];
      if (event.formerAlias !== null) told.delete(event.formerAlias);
      told.set(event.alias, [...before, event]);
    }
    for (const { appUserId, history } of users) {
      const events = told.get(lifecycle.alias(appUserId)) ?? [];
      const versions = events.map(({ version }) => version);
      expect(versions).toEqual([...new Set(versions)].toSorted((one, other) => one - other));
      const last = history.at(-1);
      const end = events.findLastIndex(({ at, type }) => type === last?.event && +at === +last.at) + 1; // a worker may go on
      const steps = history.map(({ event, from, to, at }, index) => ({
        type: event,
        from: index === 0 ? null : from,
        to,
        at,
      }));
      const its = events.slice(0, end).slice(-history.length);
      expect(
        its.map(({ type, from, to, at }, index) => ({ type, from: index === 0 ? null : from, to, at })),
      ).toEqual(steps);
    }
  }

  /** Nothing of the user is left, here or there; and it can begin anew. */
  async function isGone(lifecycle: Lifecycle, id: string): Promise<void> {
    const done = ["stu3", "r4"];
    expect(await lifecycle.inspect(id)).toMatchObject({ state: "offboarded", purge: { done, left: [] } });
    const { oneupUserId } = await lifecycle.inspect(id);
    const { clientId: client_id, clientSecret: client_secret } = sandbox.credentials;
    const headers = { client_id, client_secret, "x-oneup-user-id": String(oneupUserId) };
    for (const version of done) {
      const answer = await fetch(`${server.url}/${version}/Patient`, { headers });
      const { resourceType, entry = [] } = (await answer.json()) as {
        resourceType: string;
        entry?: object[];
      }; // the sandbox's own
      expect([resourceType, entry]).toEqual(["Bundle", []]);
    }
    await lifecycle.onboard(id);
  }

  /** The Patient that was ensured. */
  async function isThereOnce(lifecycle: Lifecycle, id: string): Promise<void> {
    const fhir = lifecycle.fhir(id, "r4");
    const found = await vi.waitFor(() => fhir.search("Patient", { identifier: identifierOf(id) }), 20_000);
    expect([id, found.resources.length]).toEqual([id, 1]);
  }

  function callsOf(id: string): readonly JournalEntry[] {
    const known = sandbox.users().find(({ appUserId }) => appUserId === id || appUserId === renamed(id));
    return sandbox.journal
      .entries()
      .filter(({ call }) => ["createUser", "issueAuthCode", "listUsers", "updateUser"].includes(call))
      .filter((entry) => entry.appUserId === id || (known && entry.oneupUserId === known.oneupUserId));
  }
}

const inWords = ({ call, status, outcome, at }: JournalEntry): string => `${at} ${call} ${status} ${outcome}`;
const notAllowed = { success: false, error: "app_user_id is not allowed" };
/** Users who have not arrived and who do not wait, as they must, because their codes were lost. */
async function underWay(lifecycle: Lifecycle): Promise<readonly string[]> {
  const found = await notArrived(lifecycle);
  return found
    .filter(({ pause }) => pause?.reason !== "codesSpent")
    .map(({ state, appUserId, pause }) => `${state}: ${appUserId} ${pause?.reason ?? ""}`);
}

async function waitingForCodes(lifecycle: Lifecycle): Promise<readonly UserStatus[]> {
  return (await notArrived(lifecycle)).filter(({ pause }) => pause?.reason === "codesSpent");
}

async function notArrived(lifecycle: Lifecycle): Promise<readonly UserStatus[]> {
  const found: UserStatus[] = [];
  const states = [
    "created",
    "codeIssued",
    "expiring",
    "reauthorizing",
    "identifying",
    "offboarding",
  ] as const;
  for (const state of states) for await (const user of lifecycle.users({ state })) found.push(user);
  // One whose token has merely become old since its last step is not under way.
  return found.filter(({ state, history }) => history.at(-1)?.to === state);
}

function instants(steps: { readonly write: number; readonly call: number }): readonly Instant[] {
  return (["write", "call"] as const).flatMap((of) =>
    Array.from({ length: steps[of] }, (_, index) => index + 1).flatMap((n) =>
      (["before", "after"] as const).map((when) => ({ of, n, when })),
    ),
  );
}
