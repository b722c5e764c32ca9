import { join } from "node:path";
import { abortMove, createLifecycle, moveStore, type Lifecycle } from "oneup-lifecycle";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { describe, expect, it, type TestContext } from "vitest";
import { each, startChild } from "../support/child.ts";
import type { Instant } from "../support/dying.ts";
import { oneIn } from "../support/effort.ts";
import { anyKey, at, migrated, type Place } from "../support/places.ts";
import { withSharedPostgres } from "../support/postgres.ts";
import { folder } from "../support/scene.ts";
import { withSharedServer } from "../support/servers.ts";
import { sides, type Move, type Told } from "./move.child.ts";

const script = new URL("./move.child.ts", import.meta.url);

/** A busy machine needs longer than the usual time now and then. */
const timeoutMs = 60_000;

/** Places for the stores of a move, of which there may be many. */
type Places = (name: string) => Promise<Pick<Move, "from" | "to">>;

function inFolders(test: TestContext): (name: string) => Place {
  const path = folder("move", test);
  return (name) => ({ type: "lmdb", path: join(path, name) });
}

describe.concurrent("from LMDB to LMDB, a process that moves all users and is killed", () => {
  sweep(async (test) => {
    const path = inFolders(test);
    return async (name) => ({ from: path(`${name}-from`), to: path(`${name}-to`) });
  });
});

withSharedServer("redis", "from Redis to LMDB, a process that moves all users and is killed", (place) =>
  sweep(async (test) => {
    const path = inFolders(test);
    const { where, prefix } = await place();
    return async (name) => ({
      from: { type: "redis", url: where, prefix: `${prefix}-${name}`, key: anyKey, timeoutMs },
      to: path(name),
    });
  }),
);

withSharedPostgres(
  "from LMDB to PostgreSQL, a process that moves all users and is killed",
  (place) =>
    sweep(async (test) => {
      const path = inFolders(test);
      return async (name) => ({ from: path(name), to: await migrated({ ...place(), timeoutMs }) });
    }),
  true,
);

function sweep(placesOf: (test: TestContext) => Promise<Places>): void {
  it.for(["moving", "aborting"] as const)(
    "before and after every write, while %s, leaves each user in one store that is in use; what comes next ends it",
    async (by, test) => {
      const placesAt = await placesOf(test);
      const sandbox = createSandbox({ limit: { calls: Infinity } });
      const server = await sandbox.listen();
      test.onTestFinished(() => server.close());
      const { credentials, journal } = sandbox;
      const { clientId } = credentials;
      const open = (place: Place): Promise<Lifecycle> =>
        createLifecycle({ credentials, endpoints: server.endpoints, events: { keep: "7d" }, ...at(place) });
      const begun = async (
        name: string,
        instant: Instant | null,
      ): Promise<Move & { readonly name: string }> => {
        const { from, to } = await placesAt(name);
        const lifecycle = await open(from);
        await lifecycle.onboard(`adam@${name}`);
        await lifecycle.rename(`adam@${name}`, `ada@${name}`);
        await lifecycle.onboard(`bob@${name}`);
        await lifecycle.close();
        if (by === "aborting") await moveStore(...sides(clientId, { from, to }));
        return { name, from, to, instant };
      };
      const child = (all: readonly Move[]) => startChild(script, { clientId, by, all } satisfies Told).ended;

      const undisturbed = await child([await begun("undisturbed", null)]);
      const { write } = JSON.parse(undisturbed.out) as Record<Instant["of"], number>; // our own child
      expect(write).toBeGreaterThanOrEqual(by === "moving" ? 7 : 4);
      const instants = Array.from({ length: write }, (_, index) => index + 1).flatMap((n) =>
        (["before", "after"] as const).map((when) => ({ of: "write" as const, n, when })),
      );
      // Everyday some of them, which the run draws.
      const moves: (Move & { readonly name: string })[] = [];
      for (const instant of oneIn(4, instants))
        moves.push(await begun(`${instant.when}-${instant.n}`, instant));
      const calls = journal.spent();
      expect(await child(moves)).toMatchObject({ signal: "SIGKILL", out: "", err: "" });

      await each(moves, 2, async (move) => {
        const { name, from, to, instant } = move;
        // What was begun goes on; but of two moves one is called off.
        const goesOn = by === "moving" && instant?.when === "after";
        if (goesOn) await moveStore(...sides(clientId, move));
        else await abortMove(...sides(clientId, move)).catch(notBegunOrOver);
        if (goesOn) await expect(open(from)).rejects.toMatchObject({ code: "STORE_MOVED" });
        const lifecycle = await open(goesOn ? to : from);
        for (const id of ["ada", "bob"])
          expect(await lifecycle.onboard(`${id}@${name}`)).toMatchObject({ usable: true });
        await expect(lifecycle.inspect(`adam@${name}`)).rejects.toMatchObject({ code: "RENAMED" });
        expect(Object.values(await lifecycle.counts())).toEqual([2]);
        const types: string[] = [];
        for await (const { type } of lifecycle.events({ follow: false })) types.push(type);
        expect(types).toHaveLength(8);
        await lifecycle.close();
      });
      expect(journal.spent()).toEqual(calls);
      expect(journal.createdTwice()).toEqual([]);
    },
  );
}

function notBegunOrOver(error: unknown): void {
  expect(error).toMatchObject({ message: expect.stringContaining("no move to that store was begun") });
}
