/**
 * One process of an application in bad times: it works for all users, onboards its own, renames and reauthorizes
 * some of them, and asks for their tokens, until it is told to stop. Started again after it died, it does the same again.
 */
import { setTimeout as pause } from "node:timers/promises";
import {
  createLifecycle,
  isLifecycleError,
  systemClock,
  undiciTransport,
  type Lifecycle,
  type Logger,
  type Transport,
} from "oneup-lifecycle";
import { connectSandboxClock } from "oneup-lifecycle/sandbox";
import { argument, each } from "../support/child.ts";
import { at, type Place } from "../support/places.ts";
import { machinesTime, sentHeader } from "./arrivals.ts";
import { standsStill, times, wordsOf, type Person } from "./people.ts";
import { onStandstill } from "./standstill.ts";
import { loggerTo } from "../support/loggers.ts";

/** What the parent says. */
export interface Worker {
  readonly place: Place;
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  readonly limit: { readonly calls: number; readonly windowMs: number };
  /** Where the sandbox itself tells what time it is, over a connection without faults. */
  readonly clockUrl: string;
  /** How wrong its clock is, in milliseconds. */
  readonly skewMs: number;
  readonly people: readonly Person[];
}

const { place, url, credentials, limit, clockUrl, skewMs, people } = argument<Worker>();
const stop = new AbortController();
const { signal } = stop;
process.once("SIGTERM", () => stop.abort());

const clock = await connectSandboxClock(clockUrl);
const say = (what: string): void => console.log(what);
const log = (what: string): void => say(`log ${what}`);
onStandstill((ms) => say(`${standsStill} ${Math.round(ms)} ms`));
const logger: Logger = loggerTo(({ message }) => log(message));

/** An application that is told that the same call may succeed later tries again, and so does one whose user was renamed. */
async function patiently<T>(doing: string, task: () => Promise<T>): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await task();
    } catch (error) {
      if (signal.aborted) break;
      const again = isLifecycleError(error) && (error.retryable || error.code === "RENAMED");
      if (!again) throw new Error(`${doing}: ${String(error)}`, { cause: error });
      log(`${doing}: ${String(error)}`);
      await pause(100);
    }
  }
  return undefined;
}

const wire = undiciTransport();
/** Says when each request is sent: those that come too late are not within the promise about the limit. */
const transport: Transport = {
  ...wire,
  send: (request) =>
    wire.send({ ...request, headers: { ...request.headers, [sentHeader]: String(machinesTime()) } }),
};

async function open(): Promise<Lifecycle | undefined> {
  return patiently("open", () =>
    createLifecycle({
      credentials,
      endpoints: { api: url, auth: url },
      limits: { management: limit },
      refresh: { policy: "eager" },
      clock: { ...clock, now: () => clock.now() + skewMs },
      logger,
      transport,
      ...times,
      ...at(place),
    }),
  );
}

async function bringIn(lifecycle: Lifecycle, person: Person): Promise<void> {
  const { id, newId, lane, exists } = person;
  const expect = exists === "known" ? "existing" : "new";
  for (let usable = false; !usable && !signal.aborted;) {
    const status = await patiently("onboard", async () =>
      lifecycle.onboard(await idOf(lifecycle, person), { lane, expect, waitMs: 5_000, signal }),
    );
    usable = status?.usable ?? false;
  }
  if (person.reauthorizes) {
    await patiently("reauthorize", () => {
      say(wordsOf("reauthorize", person));
      return lifecycle.reauthorize(id, { waitMs: 5_000, signal });
    });
  }
  if (newId === null) return;
  await patiently("rename", async () => {
    if ((await idOf(lifecycle, person)) === newId) return;
    say(wordsOf("rename", person));
    await lifecycle.rename(id, newId, { waitMs: 5_000, signal });
  });
}

/** Its id now: a process before this one may have renamed it, and another may be about to finish that. */
async function idOf(lifecycle: Lifecycle, { id, newId }: Person): Promise<string> {
  return lifecycle.inspect(id).then(
    () => id,
    (error: unknown) => {
      if (isLifecycleError(error, "RENAMED")) return newId ?? id;
      if (isLifecycleError(error, "USER_UNKNOWN")) return id;
      throw error;
    },
  );
}

const lifecycle = await open();
if (lifecycle !== undefined) {
  say("at work");
  const working = patiently("work", () => lifecycle.work({ signal, concurrency: 16, pollMs: 200 }));
  await each(people, 8, (person) => bringIn(lifecycle, person));
  if (!signal.aborted) say("all users are in");
  while (!signal.aborted) {
    const { id = "", newId = null } = people[Math.floor(systemClock.random() * people.length)] ?? {};
    await patiently("token", () => lifecycle.accessToken(newId ?? id, { waitMs: 5_000, signal }));
    await pause(20);
  }
  await working;
  await lifecycle.close();
}
clock.close();
say("ended in peace");
