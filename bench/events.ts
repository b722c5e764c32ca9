/**
 * What an event costs: commits with one event each, beside commits without.
 *
 * @module
 */
import { systemClock } from "../src/clock.ts";
import type { Store } from "oneup-lifecycle";
import { inPlace, storeIn, type Kind } from "./places.ts";
import type { Measurement } from "./report.ts";
import { median, pairs, round, type Work } from "./rounds.ts";
import type { Effort } from "./settings.ts";

/** About the size of a sealed user, and of an event, in characters. */
const sizes = { user: 1_500, event: 300 };

/** Users that are written at the same time: one that waits for each answer, and as many as share a batch. */
const concurrent = { alone: 1, together: 64 };

/** A commit with an event takes at most 15 % longer. */
const bar = 1 / 1.15;

async function eventsOn(kind: Kind, effort: Effort): Promise<Measurement[]> {
  return inPlace(kind, `events.${kind}`, async (place) => {
    const store = await storeIn(place).open({ account: "account", clock: systemClock });
    const measured: Measurement[] = [];
    try {
      for (const [name, loops] of Object.entries(concurrent)) {
        const side = (hasEvent: boolean) => (of: Effort) =>
          round(commits(store, `${name} ${hasEvent}`, loops, hasEvent), loops, of);
        const found = await pairs(side(false), side(true), effort);
        const ratios = found.map(({ bare, durable }) => durable.perSecond / bare.perSecond);
        const rates = found.map(({ bare }) => bare.perSecond);
        measured.push(
          { name: `events.${kind}.ratio.${name}`, value: median(ratios), unit: "of the rate without", bar },
          { name: `events.${kind}.commits_per_s.${name}`, value: median(rates), unit: "/s", bar: null },
        );
      }
    } finally {
      await store.close();
    }
    return measured;
  });
}

let rounds = 0;

/** Commits of so many users in turn, each of a user that no other commit is writing. */
function commits(store: Store, name: string, users: number, hasEvent: boolean): Work {
  const free = Array.from({ length: users }, (_, n) => ({ id: `${name} ${rounds} ${n}`, revision: 0 }));
  const lease = { id: "bench", owner: "bench", ms: 60_000 };
  const value = "u".repeat(sizes.user);
  rounds++;
  return async () => {
    const user = free.pop();
    if (user === undefined) throw new Error("more loops than users");
    const { type } = await store.commit({
      id: user.id,
      value,
      expectedRevision: user.revision,
      writeId: `${user.id} ${user.revision}`,
      mode: "take",
      lease,
      state: user.revision % 2 === 0 ? "creating" : "creatingUser",
      dueInMs: 60_000,
      lane: null,
      ...(hasEvent && { events: [{ key: user.id, value: { sealed: "e".repeat(sizes.event) } }] }),
    });
    if (type !== "committed") throw new Error(`the commit was a ${type}`);
    user.revision++;
    free.push(user);
  };
}

export function eventsOnLmdb(effort: Effort): Promise<Measurement[]> {
  return eventsOn("lmdb", effort);
}

export function eventsOnRedis(effort: Effort): Promise<Measurement[]> {
  return eventsOn("redis", effort);
}

export function eventsOnPostgres(effort: Effort): Promise<Measurement[]> {
  return eventsOn("postgres", effort);
}
