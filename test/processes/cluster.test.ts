import { setTimeout as pause } from "node:timers/promises";
import { expect, it, onTestFailed } from "vitest";
import { isLifecycleError } from "oneup-lifecycle";
import { accountOf } from "../../src/store/account-of.ts";
import { each } from "../support/child.ts";
import { withCluster } from "../support/cluster.ts";
import { thorough } from "../support/effort.ts";
import { anyKey } from "../support/places.ts";
import { arrived, fleet } from "./fleet.ts";

const users = thorough ? 600 : 180;
/** The import takes five windows, so what happens to the cluster happens in the middle of it. */
const limit = { calls: thorough ? 130 : 39, windowMs: 1_300 };
const clientId = "sandbox-client";

withCluster("three processes on one Redis Cluster", (its) => {
  it("import all users by themselves though their master is replaced in good order, dies, and dies again", async () => {
    const cluster = its();
    const [first = "", second = "", third = ""] = cluster.nodes.map(({ url }) => url);
    const { sandbox, members, look } = await fleet(
      [
        { type: "cluster", urls: [second, third], key: anyKey },
        { type: "redis", url: first, key: anyKey },
        { type: "redis", url: third, key: anyKey },
      ],
      users,
      { clientId, limit, latencyMs: [0, 60] },
    );
    const { journal } = sandbox;
    const lifecycle = await look();
    let act = "the master is replaced in good order";
    onTestFailed(async () => {
      const tokens = journal.count("exchangeCode");
      console.error({ act, tokens, counts: await lifecycle.counts().catch(String) });
    });
    const within = async (share: number): Promise<void> => {
      while (journal.count("exchangeCode") < share * users) await pause(20);
    };
    const atWork = async () => {
      const master = await cluster.masterOf(`oneup:{${accountOf(clientId)}}:due`);
      return { master, replica: await cluster.replicaOf(master) };
    };

    await within(1 / 6);
    const orderly = await atWork();
    await cluster.failOver(orderly.replica);
    await within(1 / 3);
    expect((await atWork()).master.port).toBe(orderly.replica.port);
    expect(journal.createdTwice()).toEqual([]);

    act = "the master dies in peace";
    // Nothing is written for a moment: what a master had not yet passed on dies with it, however durable it is called.
    const inStep = await atWork();
    for (const member of members) member.kill("SIGSTOP");
    await cluster.inStep(inStep.master, inStep.replica);
    await inStep.master.kill("SIGKILL");
    for (const member of members) member.kill("SIGCONT");
    await within(2 / 3);
    expect(journal.createdTwice()).toEqual([]);
    expect(journal.entries().filter(({ status }) => status === 429)).toEqual([]);
    expect(journal.mostInWindow(limit.windowMs)).toBeLessThanOrEqual(limit.calls);
    await inStep.master.restart();
    await cluster.settled();

    act = "the master dies in the middle of its writes";
    // In the middle of its writes: some may be forgotten, and all users arrive all the same.
    const { master, replica } = await atWork();
    expect([master, replica]).toContain(inStep.master); // which of both serves is the cluster's affair
    await master.kill("SIGKILL");
    await Promise.all(members.map((member) => member.said(/brought in/)));
    // Users of which nothing had been passed on are lost: their application asks for them again.
    await each(
      Array.from({ length: users }, (_, n) => `user ${n}`),
      16,
      async (id) => {
        const isForgotten = await lifecycle.inspect(id).then(
          () => false,
          (error: unknown) => isLifecycleError(error, "USER_UNKNOWN"),
        );
        if (isForgotten) await lifecycle.onboard(id, { waitMs: 0 });
      },
    );
    await arrived(lifecycle, users, 30_000);
    act = "the members end";
    for (const member of members) member.kill("SIGTERM");
    for (const { ended } of members) expect(await ended).toMatchObject({ code: 0, err: "" });
  });
});
