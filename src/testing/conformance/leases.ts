/**
 * Leases: which commits are allowed.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Commit, Committed, LeaseMode, Store } from "../../store/contract.ts";
import { committed, refusedAsConflict, type Fixture, type Chapter } from "./fixture.ts";

/** A record at revision 1 with a lease of 10 units. */
async function leased({ commit, lease }: Fixture, id: string, by: string): Promise<void> {
  committed(await commit(id, { mode: "take", lease: lease(by) }));
}

const second: Partial<Commit> = { expectedRevision: 1, value: "second" };

/** Commits to the record once more, under the lease of that name. */
function again(
  { commit, lease }: Fixture,
  mode: LeaseMode,
  by: string,
  expectedRevision = 1,
): Promise<Committed> {
  return commit("ada", { ...second, expectedRevision, mode, lease: lease(by) });
}

export const leases: Chapter = (it) => {
  it("commit({ mode: take }) leases the record to the caller", async (bench) => {
    await leased(bench, "ada", "mine");
    const { lease, dueInMs } = await bench.record("ada");
    assert.equal(lease?.id, "mine");
    assert.equal(lease.owner, "process of mine");
    bench.about(lease.leftMs, 10);
    assert.equal(dueInMs, null, "a lease does not make it due");
  });

  it("commit({ mode: take }) is refused while another's lease is live", async (bench) => {
    await leased(bench, "ada", "mine");
    await bench.pass(9);
    refusedAsConflict(await again(bench, "take", "other"));
    assert.equal((await bench.record("ada")).lease?.id, "mine");
  });

  it("commit({ mode: take }) by the lease's holder renews it", async (bench) => {
    await leased(bench, "ada", "mine");
    await bench.pass(6);
    committed(await again(bench, "take", "mine"));
    bench.about((await bench.record("ada")).lease?.leftMs, 10);
  });

  it("commit({ mode: take }) takes over an expired lease", async (bench) => {
    await leased(bench, "ada", "mine");
    await bench.pass(11);
    committed(await again(bench, "take", "other"));
    assert.equal((await bench.record("ada")).lease?.id, "other");
    for (const mode of ["keep", "end", "take", "none"] as const)
      refusedAsConflict(await again(bench, mode, "mine", 2));
  });

  it("commit({ mode: none }) is refused while a lease is live, even the caller's own", async (bench) => {
    await leased(bench, "ada", "mine");
    refusedAsConflict(await again(bench, "none", "nobody"));
    refusedAsConflict(await again(bench, "none", "mine"));
    assert.equal((await bench.record("ada")).revision, 1);
  });

  it("commit({ mode: none }) succeeds when the lease has expired, and removes it", async (bench) => {
    await leased(bench, "ada", "mine");
    await bench.pass(11);
    committed(await again(bench, "none", "nobody"));
    assert.equal((await bench.record("ada")).lease, null);
    refusedAsConflict(await again(bench, "keep", "mine", 2));
  });

  it("commit({ mode: keep }) renews the lease for the given time", async (bench) => {
    await leased(bench, "ada", "mine");
    await bench.pass(6);
    committed(await bench.commit("ada", { ...second, mode: "keep", lease: bench.lease("mine", 4) }));
    bench.about((await bench.record("ada")).lease?.leftMs, 4);
    assert.deepEqual(await bench.claim(1), []);
    await bench.pass(4.5);
    assert.deepEqual(await bench.claim(1), ["ada"]);
  });

  for (const mode of ["keep", "end"] as const) {
    it(`commit({ mode: ${mode} }) succeeds after the lease expired, if the record was not claimed`, async (bench) => {
      await leased(bench, "ada", "mine");
      await bench.pass(30);
      assert.ok(Number((await bench.record("ada")).lease?.leftMs) < 0, "load() returns the expired lease");
      committed(await again(bench, mode, "mine"));
    });

    it(`commit({ mode: ${mode} }) is refused once another process claimed, at the same revision`, async (bench) => {
      await leased(bench, "ada", "mine");
      await bench.pass(11);
      assert.deepEqual(await bench.claim(1, "other"), ["ada"]);
      refusedAsConflict(await again(bench, mode, "mine"));
      committed(await again(bench, mode, "other"));
    });

    it(`commit({ mode: ${mode} }) checks the lease's id, not its owner`, async (bench) => {
      await leased(bench, "ada", "mine");
      const another = { ...bench.lease("mine"), id: "another lease of the same process" };
      refusedAsConflict(await bench.commit("ada", { ...second, mode, lease: another }));
    });

    it(`commit({ mode: ${mode} }) is refused if there is no lease`, async (bench) => {
      const { store, lease, commit } = bench;
      await commit("ada");
      refusedAsConflict(await again(bench, mode, "mine"));
      refusedAsConflict(await commit("bob", { mode, lease: lease("mine") }));
      assert.deepEqual(await store.load("bob"), { type: "absent" });
    });
  }

  it("commit({ mode: end }) removes the lease, so that another owner may take it", async (bench) => {
    await leased(bench, "ada", "mine");
    committed(await again(bench, "end", "mine"));
    assert.equal((await bench.record("ada")).lease, null);
    committed(await again(bench, "take", "other", 2));
  });

  it("commit() of 128 owners at once leaves one winner, in every round", async (bench) => {
    const { store, lease, write, commit } = bench;
    const stores = [store, await bench.another()];
    await commit("ada");
    for (let round = 1; round <= 5; round++) {
      const answers = await Promise.all(
        Array.from({ length: 128 }, (_, owner) =>
          (stores[owner % 2] ?? store).commit(
            write("ada", {
              expectedRevision: 2 * round - 1,
              mode: owner % 3 === 0 ? "none" : "take",
              lease: lease(`owner ${owner}`),
              value: owner,
            }),
          ),
        ),
      );
      const winners = answers.flatMap(({ type }, owner) => (type === "committed" ? [owner] : []));
      assert.equal(winners.length, 1);
      const { value, lease: held, revision } = await bench.record("ada");
      assert.deepEqual([value, revision], [winners[0], 2 * round]);
      const ending: Partial<Commit> =
        held === null ? { mode: "none" } : { mode: "end", lease: lease(held.id) };
      committed(await commit("ada", { ...ending, expectedRevision: 2 * round }));
    }
  });

  it("commit() and claim() of 128 owners at once leave one holder of an expired lease", async (bench) => {
    const { lease, write } = bench;
    const took = write("ada", { mode: "take", lease: lease("old owner") });
    const rounds: (readonly [Store, Store])[] = [];
    for (let round = 0; round < 5; round++) {
      const account = `round ${round}`; // one account per round, so that all leases expire together
      const stores = [await bench.another(account), await bench.another(account)] as const;
      committed(await stores[0].commit(took));
      rounds.push(stores);
    }
    await bench.pass(11);
    for (const [round, stores] of rounds.entries()) {
      const [store] = stores;
      const old = store.commit.bind(
        store,
        write("ada", { ...second, mode: "keep", lease: lease("old owner") }),
      );
      const holders = await Promise.all(
        Array.from({ length: 128 }, async (_, owner) => {
          if (owner === 17 * round) return (await old()).type === "committed" ? ["old owner"] : [];
          const mine = await bench.claim(1, `owner ${owner}`, stores[owner % 2]);
          return mine.length > 0 ? [`owner ${owner}`] : [];
        }),
      );
      assert.equal(holders.flat().length, 1);
      const found = await store.load("ada");
      assert.equal(found.type === "record" ? found.record.lease?.id : "nobody", holders.flat()[0]);
    }
  });
};
