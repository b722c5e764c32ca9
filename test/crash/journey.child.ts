/**
 * Users on their journeys, in a process that is killed when each of them stands at its instant or has arrived.
 * If nobody has an instant it ends in peace and prints how many writes and calls each journey took.
 */
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle, undiciTransport } from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument } from "../support/child.ts";
import { die, dyingStore, dyingTransport, Fate, lives } from "../support/dying.ts";
import { at } from "../support/places.ts";
import { go } from "./journeys.ts";
import type { Fated } from "./journeys.ts";

const told = argument<Fated>();
const fates = new Map(told.lives.map(({ id, instant }) => [id, new Fate(instant)]));
const asking = told.by === "asking";
if (told.by === "claim") {
  const fate = new Fate({ of: "write", n: 1, when: "after" });
  fates.set("claim", fate).set("grant", fate);
  void fate.stopped.then(die);
}

const clock = await connectSandboxClock(told.url);
const { store, encryption } = at(told.place);
const lifecycle = await createLifecycle({
  credentials: told.credentials,
  endpoints: { api: told.url, auth: told.url },
  clock,
  store: dyingStore(store, asking ? undefined : (what) => fates.get(what)),
  transport: dyingTransport(undiciTransport()),
  ...(encryption && { encryption }),
  ...told.times,
});
const ends = told.lives.map(async (life) => {
  const fate = fates.get(life.id) ?? new Fate(null);
  return asking ? Promise.race([fate.stopped, lives.run(fate, () => go(lifecycle, life))]) : fate.stopped;
});
if (!asking) void lifecycle.work({ concurrency: 1_024 });
const { timeoutMs, graceMs, leaseMs } = told.times;
// A worker cannot know who has arrived: it gets the time that all of them need.
const late = asking ? [] : [pause(leaseMs + timeoutMs + graceMs + 500)];
const stopped = await Promise.race([Promise.all(ends), ...late]);
if (told.lives.some(({ instant }) => instant !== null)) {
  console.log(`stopped ${stopped?.filter((end) => end === "stopped").length ?? "in time"}`);
  die();
} else {
  console.log(`done ${JSON.stringify([...fates.values()].map(({ counts }) => counts))}`);
  await lifecycle.close();
  clock.close();
}
