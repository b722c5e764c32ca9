/** The one store of a simulation as a process reaches it: late, not at all, or without hearing what came of it. */
import { LifecycleError } from "oneup-lifecycle";
import type { Store, StoreAdapter } from "oneup-lifecycle";
import type { Life, Process } from "./process.ts";
import { never } from "./process.ts";
import type { Simulation } from "./simulation.ts";
import { Dice } from "./time.ts";

/** A store adapter for one life of a process. Durable, so that it is opened with a key, as real ones are. */
export function unreliableStore(simulation: Simulation, process: Process, life: Life): StoreAdapter {
  const { store, time, judge, trace } = simulation;
  const dice = new Dice(simulation.scenario.seed, `store of ${life.name}`);

  /** Asks the store. `ids`: the users that suffer if it goes wrong. */
  function ask<T>(verb: string, ids: readonly string[], question: () => Promise<T>): Promise<T> {
    if (!life.alive || process.meetsItsFate(life)) return never();
    const { rates } = simulation;
    return new Promise((resolve, reject) => {
      const fail = (ms: number, what: string): void => {
        trace.note(life.name, `${verb} ${ids.join(" ")}: ${what}`);
        for (const id of ids) judge.suffers(id, `${verb}: ${what}`);
        life.hear(ms, () => reject(away(verb)));
      };
      const arrive = (): void => {
        if (simulation.isOn("storeDown") || dice.hits(rates.storeDown))
          return fail(dice.between(1, 50), "refused");
        question().then(
          (answer) => {
            if (process.meetsItsFate(life)) return; // it is written, and nobody is left to hear so
            if (dice.hits(rates.storeLost))
              return fail(dice.between(1, 5_000), "done, but nobody hears of it");
            life.hear(dice.hits(rates.storeSlow) ? dice.between(50, 5_000) : 1, () => resolve(answer));
          },
          (error: unknown) => void life.hear(1, () => reject(error)),
        );
      };
      // A question on its way arrives, whatever becomes of the one who asked.
      if (dice.hits(rates.storeSlow)) time.after(dice.between(50, 5_000), arrive);
      else arrive();
    });
  }

  const seen: Store = {
    load: (id) => ask("load", [], () => store.load(id)),
    commit: (commit) =>
      ask("commit", [commit.id], async () => {
        const answer = await store.commit(commit);
        judge.committed(life, commit, answer);
        if (answer.type === "committed" && commit.take !== undefined && answer.slot !== null)
          await judge.slotTaken({ limit: commit.take.limit, lane: answer.slot.lane }, store.slots);
        return answer;
      }),
    claim: (question) =>
      ask("claim", [], async () => {
        const batch = await store.claim(question);
        judge.leased(life, batch.claimed, question.lease);
        return batch;
      }),
    grant: (question) =>
      ask("grant", [], async () => {
        const batch = await store.grant(question);
        judge.leased(life, batch.claimed, question.lease);
        for (const { slot } of batch.claimed)
          if (slot !== null) await judge.slotTaken({ limit: question.limit, lane: slot.lane }, store.slots);
        return batch;
      }),
    move: (move) =>
      ask("move", [move.from, move.commit.id], async () => {
        const answer = await store.move(move);
        if (answer.type === "committed") judge.moved(move.from, move.commit.id);
        judge.committed(life, move.commit, answer);
        return answer;
      }),
    slots: {
      take: (request) => ask("take", [], () => store.slots.take(request)),
      settle: (slot) => ask("settle", [], () => store.slots.settle(slot)),
      giveBack: (slot) => ask("giveBack", [], () => store.slots.giveBack(slot)),
      forecast: (question) => ask("forecast", [], () => store.slots.forecast(question)),
    },
    page: (question) => ask("page", [], () => store.page(question)),
    counts: () => ask("counts", [], () => store.counts()),
    account: {
      load: () => ask("account.load", [], () => store.account.load()),
      commit: (write) =>
        ask("account.commit", [], async () => {
          const done = await store.account.commit(write);
          if (done) await judge.account(write.value);
          return done;
        }),
    },
    close: async () => {},
  };
  return { name: "simulated", durable: true, open: async () => seen };
}

function away(verb: string): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${verb}: the store does not answer`, {
    retryable: true,
  });
}
