/** A move, and its end, whose process dies before and after each of its writes. */
import {
  abortMove,
  moveStore,
  systemClock,
  type MoveOptions,
  type Store,
  type StoreAdapter,
} from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { describe, expect, it } from "vitest";
import { isMovable, type MovableStore } from "../../src/store/movable.ts";
import { movedAway } from "../../src/store/moved-store.ts";
import { accountOf } from "../../src/store/account-of.ts";
import { scene, type Scene } from "../support/scene.ts";

/** Where a process dies: before or after its n-th write, from 1 on. */
interface Instant {
  readonly n: number;
  readonly when: "before" | "after";
}

class Death extends Error {}

/** Adapters of one process, which dies at the instant: none of its calls does anything afterwards. */
function mortal(instant: Instant | null): {
  readonly of: (adapter: StoreAdapter) => StoreAdapter;
  readonly writes: () => number;
} {
  let writes = 0;
  let isDead = false;
  const end = (): never => {
    isDead = true;
    throw new Death();
  };
  const around = async <T>(ask: () => Promise<T>): Promise<T> => {
    if (isDead) throw new Death();
    const n = ++writes;
    if (instant?.n === n && instant.when === "before") end();
    const answer = await ask();
    if (instant?.n === n) end();
    return answer;
  };
  const open = (store: Store): MovableStore => {
    if (!isMovable(store)) throw new TypeError("not movable");
    const { transfer, account } = store;
    return {
      ...store,
      account: { ...account, commit: (ask) => around(() => account.commit(ask)) },
      transfer: {
        ...transfer,
        seat: (ask) => around(() => transfer.seat(ask)),
        writeRows: (ask) => around(() => transfer.writeRows(ask)),
        writeLog: (ask) => around(() => transfer.writeLog(ask)),
        writeEvents: (ask) => around(() => transfer.writeEvents(ask)),
        clear: (ask) => around(() => transfer.clear(ask)),
      },
    };
  };
  return {
    of: (adapter) => ({ ...adapter, open: async (options) => open(await adapter.open(options)) }),
    writes: () => writes,
  };
}

interface Both {
  readonly from: StoreAdapter;
  readonly to: StoreAdapter;
  readonly move: MoveOptions;
  readonly open: Scene["open"];
  readonly calls: () => number;
}

async function both(): Promise<Both> {
  const { sandbox, open } = await scene();
  const [from, to] = [memory(), memory()];
  const lifecycle = await open({ store: from, events: { keep: "7d" } });
  await lifecycle.onboard("adam");
  await lifecycle.rename("adam", "ada");
  await lifecycle.onboard("bob");
  const { credentials, clock, journal } = sandbox;
  const move = { clientId: credentials.clientId, clock };
  return { from, to, move, open, calls: () => journal.spent().management };
}

/** Runs the task in processes that die at each instant, each followed by `then`. */
async function sweep(
  prepare: (both: Both) => Promise<void>,
  task: (both: Both, of: (adapter: StoreAdapter) => StoreAdapter) => Promise<unknown>,
  then: (both: Both) => Promise<void>,
): Promise<number> {
  let instants = 0;
  for (let n = 1, isOver = false; !isOver; n++) {
    for (const when of ["before", "after"] as const) {
      const world = await both();
      await prepare(world);
      const life = mortal({ n, when });
      await task(world, life.of).catch((error: unknown) => {
        if (!(error instanceof Death)) throw error;
      });
      isOver = life.writes() < n;
      if (isOver) break;
      instants++;
      await then(world);
    }
  }
  return instants;
}

const moving = ({ from, to, move }: Both, of: (adapter: StoreAdapter) => StoreAdapter): Promise<unknown> =>
  moveStore(of(from), of(to), move);

const aborting = ({ from, to, move }: Both, of: (adapter: StoreAdapter) => StoreAdapter): Promise<unknown> =>
  abortMove(of(from), of(to), move);

/** Which of the two stores can be used. */
async function inUse({ from, to, move }: Both): Promise<readonly boolean[]> {
  const uses: boolean[] = [];
  for (const adapter of [from, to]) {
    const store = await adapter.open({ account: accountOf(move.clientId), clock: systemClock });
    const record = await store.account.load();
    uses.push(record !== null && movedAway(record.value) === null);
    await store.close();
  }
  return uses;
}

async function isWhole({ open, calls }: Both, store: StoreAdapter): Promise<void> {
  const before = calls();
  const lifecycle = await open({ store, events: { keep: "7d" } });
  await expect(lifecycle.inspect("adam")).rejects.toMatchObject({ code: "RENAMED" });
  for (const id of ["ada", "bob"]) expect(await lifecycle.onboard(id)).toMatchObject({ usable: true });
  expect(Object.keys(await lifecycle.budget.refresh().then(({ users }) => users))).toEqual(["tokenActive"]);
  expect(calls()).toBe(before);
  await lifecycle.onboard("cy");
  await lifecycle.close();
}

describe("moveStore(), whose process dies before or after any of its writes,", () => {
  it("goes on when it is called again, and no two stores are in use at any time", async () => {
    const instants = await sweep(
      async () => {},
      moving,
      async (world) => {
        const [isOld, isNew] = await inUse(world);
        expect(isOld && isNew).toBe(false);
        expect(await moveStore(world.from, world.to, world.move)).toMatchObject({ users: 2, formerIds: 1 });
        await isWhole(world, world.to);
        await expect(world.open({ store: world.from })).rejects.toMatchObject({ code: "STORE_MOVED" });
      },
    );
    expect(instants).toBeGreaterThanOrEqual(14);
  });

  it("can be called off", async () => {
    await sweep(
      async () => {},
      moving,
      async (world) => {
        const [isOld] = await inUse(world);
        const done = abortMove(world.from, world.to, world.move);
        if (isOld)
          await done.catch((error: unknown) => expect(error).toMatchObject({ code: "STORE_UNUSABLE" }));
        else await done;
        await isWhole(world, world.from);
        expect(await world.open({ store: world.to })).toBeDefined();
      },
    );
  });
});

describe("abortMove(), whose process dies before or after any of its writes,", () => {
  it("goes on when it is called again", async () => {
    const instants = await sweep(
      async ({ from, to, move }) => void (await moveStore(from, to, move)),
      aborting,
      async (world) => {
        const [isOld, isNew] = await inUse(world);
        expect(isOld && isNew).toBe(false);
        await abortMove(world.from, world.to, world.move).catch((error: unknown) => {
          expect(error).toMatchObject({ message: expect.stringMatching(/no move to that store was begun/) });
        });
        await isWhole(world, world.from);
        expect(await moveStore(world.from, world.to, world.move)).toMatchObject({ users: 3 });
      },
    );
    expect(instants).toBeGreaterThanOrEqual(8);
  });
});
