/** A fleet of processes, a store and 1upHealth in bad times. */
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle, type Lifecycle } from "oneup-lifecycle";
import { createSandbox, createVirtualClock } from "oneup-lifecycle/sandbox";
import { openLine } from "../support/line.ts";
import { at, type Place } from "../support/places.ts";
import type { Server } from "../support/programs.ts";
import { watchArrivals } from "./arrivals.ts";
import { Deployment } from "./deployment.ts";
import { disastersOf, type Troupe } from "./disasters.ts";
import { judge, secretsOf } from "./judge.ts";
import { people } from "./people.ts";
import { onStandstill, standStill } from "./standstill.ts";

/** Where the fleet keeps its users. */
export interface Ground {
  /** What a process is told that reaches the server over this port. */
  place(port: number): Place;
  /** The server that can be killed; none for a folder, whose processes share one machine and so one clock. */
  readonly server: Server | null;
}

/** One story. */
export interface Story {
  readonly seed: number;
  /** How long disasters happen, in milliseconds. */
  readonly ms: number;
  /** When the process of the test stands still, with 1upHealth and the lines to it, and how long. @default never */
  readonly stall?: { readonly atMs: number; readonly ms: number };
}

/** How a story ended. */
export interface Outcome {
  /** What is to be blamed, in sentences. */
  readonly blamed: readonly string[];
  /** What happened, line by line. */
  readonly log: readonly string[];
}

const fleetSize = 3;
/** The import lasts about as long as the disasters. */
const callsPerSecond = 20;
const limit = { calls: 2 * callsPerSecond, windowMs: 2_000 };
/** When everything is in order again, all users arrive within this time: a user may have to pause for a minute. */
const patienceMs = 300_000;

interface Weather {
  /** The clock of a process may be so wrong, in milliseconds. */
  readonly worstSkewMs: number;
  readonly accessTokenLifeMs: number;
  /** Disasters that cannot happen. */
  readonly without: RegExp;
}

/**
 * Where the store has a clock of its own, those of the processes differ in every second story, and hours pass. In the
 * others tokens live for seconds, so that they are renewed all the time: far too short a life for wrong clocks.
 */
function weatherOf({ server }: Ground, seed: number): Weather {
  if (server === null) return { worstSkewMs: 0, accessTokenLifeMs: 16_000, without: /store|hours/i };
  if (seed % 2 === 0) return { worstSkewMs: 120_000, accessTokenLifeMs: 7_200_000, without: /^$/ };
  return { worstSkewMs: 0, accessTokenLifeMs: 16_000, without: /hours/ };
}

/** Plays a story to its end, and judges. */
export async function play(ground: Ground, { seed, ms, stall }: Story): Promise<Outcome> {
  const log: string[] = [];
  const began = performance.now();
  const note = (what: string): void => {
    log.push(`${((performance.now() - began) / 1_000).toFixed(3)} ${what}`);
  };
  const { worstSkewMs, accessTokenLifeMs, without } = weatherOf(ground, seed);
  const crowd = people(Math.max(40, Math.round((ms / 1_000) * callsPerSecond)));
  const sandbox = createSandbox({ seed, limit, latencyMs: [0, 60], accessTokenLifeMs });
  for (const { id, exists } of crowd) if (exists !== "no") sandbox.createUser(id);
  const oneup = await sandbox.listen();
  const { random } = createVirtualClock({ seed: seed + 1 });
  const watch = watchArrivals(sandbox, oneup.url);

  async function hire(_: unknown, n: number): Promise<Troupe["workers"][number]> {
    const toStore = ground.server === null ? null : await openLine(ground.server.port);
    const toOneup = await openLine(Number(new URL(oneup.url).port));
    const process = new Deployment(`worker ${n}`, () => {
      const skewMs = Math.round((random() * 2 - 1) * worstSkewMs);
      note(`worker ${n} starts, its clock ${skewMs} ms off`);
      return {
        place: ground.place(toStore?.port ?? 0),
        url: `http://127.0.0.1:${toOneup.port}`,
        credentials: sandbox.credentials,
        limit,
        clockUrl: oneup.url,
        skewMs,
        people: crowd.filter((_person, index) => index % fleetSize === n),
      };
    });
    return { process, toStore, toOneup };
  }

  const workers = await Promise.all(Array.from({ length: fleetSize }, hire));
  let storeIsBack = Promise.resolve();
  async function breakStore(before: Promise<void>, forMs: number): Promise<void> {
    await before;
    await ground.server?.kill("SIGKILL");
    await pause(forMs);
    await ground.server?.restart();
    note("the store is back");
  }
  const troupe: Troupe = {
    sandbox,
    workers,
    breakStore: (forMs) => void (storeIsBack = breakStore(storeIsBack, forMs)),
  };

  const struck: number[] = [];
  const noLongerWatched = onStandstill((stoodMs) => {
    note(`the process of the test stood still for ${Math.round(stoodMs)} ms`);
    struck.push(sandbox.clock.now());
  });
  const secrets = new Set<string>();
  let lifecycle: Lifecycle | undefined;
  try {
    await Promise.race([workers[0]?.process.atWork(), pause(5_000)]);
    const start = performance.now();
    if (stall !== undefined) setTimeout(() => standStill(stall.ms), stall.atMs);
    for (const { atMs, what, strike } of disastersOf(seed, { ms, workers: fleetSize, without })) {
      await pause(Math.max(0, start + atMs - performance.now()));
      note(what);
      for (const secret of secretsOf(sandbox)) secrets.add(secret);
      struck.push(sandbox.clock.now());
      strike(troupe);
    }
    await pause(Math.max(0, start + ms - performance.now()));
    note("the disasters are over");
    sandbox.clearFaults();
    await storeIsBack;
    for (const { process, toStore, toOneup } of workers) {
      process.goOn();
      await toStore?.mend();
      await toOneup.mend();
    }
    const { timeoutMs: _, ...place } = { timeoutMs: 0, ...ground.place(ground.server?.port ?? 0) };
    lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      endpoints: oneup.endpoints,
      limits: { management: limit },
      clock: sandbox.clock,
      ...at(place), // who judges has the usual patience, with the store and with 1upHealth
    });
    lookAfterOthers(lifecycle, note).catch(() => {}); // it ends with the lifecycle
    const allIn = Promise.all(workers.map(({ process }) => process.done()));
    const inTime = await Promise.race([allIn, pause(patienceMs, null)]);
    note(inTime === null ? "not all users are in" : "all users are in");
    const late = inTime === null ? ["not all users came in in time"] : [];
    const blamed = await judge({
      sandbox,
      lifecycle,
      crowd,
      limit,
      struck,
      workers,
      secrets,
      arrivals: watch.arrivals,
    });
    return { blamed: [...late, ...blamed], log };
  } finally {
    await lifecycle?.close();
    await Promise.all(workers.map(({ process }) => process.abandon()));
    for (const { toStore, toOneup } of workers) for (const line of [toStore, toOneup]) line?.close();
    await storeIsBack.catch(() => {});
    await oneup.close();
    watch.close();
    noLongerWatched();
  }
}

/**
 * Every ten seconds after everything is in order: who is not in yet, and why. Then a person opens the gates, which would
 * take some minutes by themselves when clocks are wrong, and tries the users again who alone met one 429 after another.
 */
async function lookAfterOthers(lifecycle: Lifecycle, note: (what: string) => void): Promise<void> {
  for (;;) {
    await pause(10_000);
    for await (const { usable, appUserId, state, pause: waits, underWay, history } of lifecycle.users()) {
      if (usable) continue;
      note(JSON.stringify({ appUserId, state, underWay, waits, history: history.slice(-4) }));
      if (waits?.reason === "throttled") await lifecycle.retry(appUserId, { waitMs: 0 }).catch(() => {});
    }
    for (const { gate, reason } of (await lifecycle.health()).shut) note(`gate ${gate}: ${reason}`);
    await lifecycle.account.reopen();
  }
}
