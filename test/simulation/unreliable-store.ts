/** The one store of a simulation as a process reaches it: late, not at all, or without getting the response. */
import {
  LifecycleError,
  type Batch,
  type Committed,
  type Json,
  type Lease,
  type Store,
  type StoreAdapter,
} from "oneup-lifecycle";
import { isPlaceOfMark } from "./forget-judge.ts";
import { never, type Life } from "./life.ts";
import type { Mortal, Stage } from "./stage.ts";
import { beginning, Dice } from "./time.ts";

/** Questions that change nothing. */
const reads: ReadonlySet<string> = new Set([
  "load",
  "page",
  "counts",
  "forecast",
  "account.load",
  "events.read",
]);

/** So many requests at one moment are made in a loop that waits for nothing. */
const mostAtOnce = 5_000;

/** A store adapter for one life of a process. Durable, so that it is opened with a key, as real ones are. */
export function unreliableStore(stage: Stage, process: Mortal, life: Life): StoreAdapter {
  const { time, judge, trace, names } = stage;
  const store = stage.store.opened();
  const { events } = store;
  const dice = new Dice(stage.scenario.seed, `store of ${life.name}`);
  const { kinds, storeMs } = stage.scenario;
  const hasEvents = kinds.includes("events");

  /** Delivers a response to the process: at once from a store that takes no time, unless the process stands still. */
  function hear(ms: number, task: () => void): void {
    if (ms > 0 || !life.alive || time.now < life.stalledUntil) life.hear(ms, task);
    else task();
  }

  let [asked, at] = [0, 0];
  /** Asks the store. `ids`: the users affected if it goes wrong. */
  function ask<T>(verb: string, ids: readonly string[], question: () => Promise<T>): Promise<T> {
    if (!life.alive || process.meetsItsFate(life)) return never();
    [asked, at] = [time.now === at ? asked + 1 : 0, time.now];
    if (asked > mostAtOnce) {
      judge.blame(`STORE: ${life.name} asks again and again at one moment: ${verb} ${ids.join(" ")}`);
      return never(); // the story would not end
    }
    const { rates } = stage;
    return new Promise((resolve, reject) => {
      const fail = (ms: number, what: string, error = away(verb)): void => {
        trace.note(life.name, `${verb} ${ids.join(" ")}: ${what}`);
        for (const id of ids) if (!isPlaceOfMark(id)) judge.noteCause(id, `${verb}: ${what}`);
        if (verb === "account.load") judge.noteInterruption(life.name, "could not look at the account");
        life.hear(ms, () => reject(error));
      };
      const arrive = (): void => {
        if (stage.isOn("storeDown") || dice.hits(rates.storeDown))
          return fail(dice.between(1, 50), "refused");
        if (!reads.has(verb) && !stage.isOver && !stage.kinds.takesWrites(time.now - beginning))
          return fail(dice.between(1, 50), "no writes are taken");
        if (!reads.has(verb) && !stage.isOver && !stage.kinds.mayWrite(time.now - beginning))
          return fail(dice.between(1, 50), "no right to write", withoutRight(verb));
        const answered = (answer: T): void => {
          if (process.meetsItsFate(life)) return; // it is written, and the process is dead
          if (dice.hits(rates.storeLost)) fail(dice.between(1, 5_000), "done, but the response is lost");
          else hear(dice.hits(rates.storeSlow) ? dice.between(50, 5_000) : storeMs, () => resolve(answer));
        };
        question().then(answered, (error: unknown) => hear(storeMs, () => reject(error)));
      };
      // A request on its way arrives, even if the process that sent it dies.
      if (dice.hits(rates.storeSlow)) time.after(dice.between(50, 5_000), arrive);
      else arrive();
    });
  }

  /** Writes about a user, unless the process is to stand still before: then once it goes on. */
  function write<T>(id: string, ask: () => Promise<T>): Promise<T> {
    const { standsBefore } = life;
    if (standsBefore?.id !== id) return ask();
    life.standsBefore = null;
    process.stall(life);
    standsBefore.told();
    return new Promise<void>((resolve) => void life.hear(0, resolve)).then(ask);
  }

  /** A write that is long on its way arrives in the end, though its process may have died since. */
  function late<T>(id: string, write: () => Promise<T>): Promise<T> | null {
    const { sendsLate } = life;
    if (sendsLate?.id !== id) return null;
    life.sendsLate = null;
    sendsLate.sent();
    return sendsLate.arrival
      .then(write)
      .then((answer) => new Promise((resolve) => hear(storeMs, () => resolve(answer))));
  }

  /** The record with the user's own id, for the judge. */
  function known<T extends { readonly id: string; readonly value: Json }>(record: T): T {
    if (names === null) return record;
    const { sealedId, user } = record.value as { sealedId: string; user: Json }; // written by the library
    return { ...record, id: names.openUnder(record.id, sealedId), value: user };
  }

  /** The judge looks at new events after each of these answers, so that it hears of the answers in their own order. */
  function answered<T>(question: Promise<T>): Promise<T> {
    return hasEvents ? question.then((answer) => judge.events.look().then(() => answer)) : question;
  }

  /** If the response is lost, no process knows of the lease of these. */
  function leased(batch: Batch, lease: Lease, ids: string[]): Batch {
    const claimed = batch.claimed.map((each) => ({ ...each, record: known(each.record) }));
    judge.leased(life, claimed, lease);
    ids.push(...claimed.map(({ record }) => record.id));
    return batch;
  }

  const seen: Store = {
    load: (id) => ask("load", [], () => store.load(id)),
    commit(commit) {
      const its = known(commit);
      const put = async (): Promise<Committed> => {
        const answer = await answered(store.commit(commit));
        if (isPlaceOfMark(its.id)) return answer;
        judge.committed(life, its, answer);
        if (answer.type === "committed" && commit.take !== undefined && answer.slot !== null)
          await judge.limits.slotTaken(
            life,
            { limit: commit.take.limit, lane: answer.slot.lane },
            store.slots,
          );
        return answer;
      };
      return late(its.id, put) ?? write(its.id, () => ask("commit", [its.id], put));
    },
    claim: (question) => {
      const ids: string[] = [];
      return ask("claim", ids, async () =>
        leased(await answered(store.claim(question)), question.lease, ids),
      );
    },
    grant: (question) => {
      const ids: string[] = [];
      return ask("grant", ids, async () => {
        const batch = leased(await answered(store.grant(question)), question.lease, ids);
        for (const { slot } of batch.claimed)
          if (slot !== null)
            await judge.limits.slotTaken(life, { limit: question.limit, lane: slot.lane }, store.slots);
        return batch;
      });
    },
    move: (move) => {
      const commit = known(move.commit);
      return ask("move", [commit.id], async () => {
        const there = await store.load(move.from);
        const answer = await answered(store.move(move));
        if (isPlaceOfMark(commit.id)) return answer; // it is forgotten
        const id = there.type === "record" ? known(there.record).id : undefined;
        const from = id === undefined || isPlaceOfMark(id) ? undefined : id;
        if (answer.type === "committed" && from !== undefined) judge.moved(from, commit.id);
        judge.committed(life, commit, answer, from);
        return answer;
      });
    },
    erase: (question) => ask("erase", [], () => store.erase(question)),
    slots: {
      take: (request) =>
        ask("take", [], async () => {
          const answer = await store.slots.take(request);
          if (answer.type !== "refused") judge.limits.taken(life, request.limit);
          return answer;
        }),
      settle: (slot) => ask("settle", [], () => store.slots.settle(slot)),
      giveBack: (slot) => ask("giveBack", [], () => store.slots.giveBack(slot)),
      forecast: (question) => ask("forecast", [], () => store.slots.forecast(question)),
    },
    page: (question) => ask("page", [], () => store.page(question)),
    counts: () => ask("counts", [], () => store.counts()),
    tally: () => ask("tally", [], () => store.tally()),
    ...(events && {
      events: {
        read: (question) => ask("events.read", [], () => events.read(question)),
        under: (question) => ask("events.under", [], () => events.under(question)),
        trim: (question) =>
          ask("events.trim", [], async () => {
            const removed = await events.trim(question);
            await judge.events.look();
            return removed;
          }),
        forget: (question) =>
          ask("events.forget", [], async () => {
            await events.forget(question);
            await judge.events.removed();
          }),
        replace: (question) =>
          ask("events.replace", [], async () => {
            await events.replace(question);
            await judge.events.removed();
          }),
      },
    }),
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
  return { name: "simulated", durable: true, timeoutMs: 5_000, open: async () => seen }; // it ends each call itself
}

function away(verb: string): LifecycleError {
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${verb}: the store does not answer`, {
    retryable: true,
  });
}

/** As the stores of this library refuse a user that lost a right. */
function withoutRight(verb: string): LifecycleError {
  const facts = { reason: "noRight" };
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${verb}: its user lacks a right`, { facts });
}
