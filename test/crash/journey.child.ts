/**
 * Users on their journeys, in a process that is killed when each of them stands at its instant or has arrived.
 * Without an instant it ends normally and prints how many writes and calls each journey took.
 */
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle, undiciTransport, type Lifecycle } from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument } from "../support/child.ts";
import { die, dyingStore, dyingTransport, Fate, lives } from "../support/dying.ts";
import { at, type Place } from "../support/places.ts";
import { go, ownPlace, type Fated, type Life } from "./journeys.ts";

const told = argument<Fated>();
const asking = told.by === "asking" || told.by === "opening";
const inPeace = told.lives.every(({ instant }) => instant === null);
let stopped = 0;
let left = told.lives.length;

/** What to do once a user stands at its instant, or has arrived. */
const then = new Map<string, () => void>();

function stop(id: string): void {
  stopped++;
  away(id);
}

function away(id: string): void {
  then.get(id)?.();
  if (--left === 0 && !inPeace) end();
}

function end(): void {
  console.log(`stopped ${stopped}`);
  die();
}

const fates = new Map(told.lives.map(({ id, instant }) => [id, new Fate(instant, () => stop(id))]));
if (told.by === "claim") {
  const fate = new Fate({ of: "write", n: 1, when: "after" }, die);
  fates.set("claim", fate).set("grant", fate);
}

const clock = await connectSandboxClock(told.url);
const opened: Promise<Lifecycle>[] = [];
function openAt(place: Place): Promise<Lifecycle> {
  const { store, encryption } = at(place);
  const opening = createLifecycle({
    credentials: told.credentials,
    endpoints: { api: told.url, auth: told.url },
    clock,
    store: dyingStore(store, asking ? undefined : (what) => fates.get(what)),
    transport: dyingTransport(undiciTransport()),
    ...(encryption && { encryption }),
    ...(told.limits && { limits: told.limits }),
    ...told.times,
  });
  opened.push(opening);
  return opening;
}

/** One for all, unless to open it is part of each life. */
const shared = told.by === "opening" ? null : await openAt(told.place);

async function live(life: Life): Promise<void> {
  const fate = fates.get(life.id) ?? new Fate(null, () => stop(life.id));
  try {
    const place = shared === null ? ownPlace(told.place, life) : told.place;
    const its = isJoin(life) ? await openAt(place) : shared;
    await lives.run(fate, async () => go(its ?? (await openAt(place)), life, place));
  } catch (error) {
    if (!fate.stands) throw error;
  }
  if (!fate.stands) away(life.id);
}

/**
 * A user that has joined waits for a slot, and what asks for slots goes on with it. So each has a lifecycle of its own, one
 * after the other: what happens to it then happens in its life.
 */
function isJoin({ journey }: Life): boolean {
  return journey === "join";
}

/** Resolves once the user stands or has arrived. */
function lived(life: Life): Promise<void> {
  return new Promise((resolve, reject) => {
    then.set(life.id, resolve);
    live(life).catch(reject);
  });
}

if (shared === null || asking) {
  await Promise.all(told.lives.filter((life) => !isJoin(life)).map(lived));
  for (const life of told.lives.filter(isJoin)) await lived(life);
} else {
  const { timeoutMs, graceMs, leaseMs } = told.times;
  if (told.by === "claim") await pause(leaseMs); // so that it claims all users at once
  void shared.work({ concurrency: 1_024 });
  await pause(leaseMs + timeoutMs + graceMs + 500); // a worker cannot know who has arrived: long enough for all
  end();
}
console.log(`done ${JSON.stringify([...fates.values()].map(({ counts }) => counts))}`);
for (const lifecycle of await Promise.all(opened)) await lifecycle.close();
clock.close();
