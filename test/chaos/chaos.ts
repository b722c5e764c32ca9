/** A fleet of processes, a store and 1upHealth in bad times, and who judges in the end. */
import { setTimeout as pause } from "node:timers/promises";
import { createLifecycle } from "oneup-lifecycle";
import type { Lifecycle } from "oneup-lifecycle";
import { createSandbox, createVirtualClock } from "oneup-lifecycle/sandbox";
import type { Sandbox } from "oneup-lifecycle/sandbox";
import { openLine } from "../support/line.ts";
import { at } from "../support/places.ts";
import type { Place } from "../support/places.ts";
import type { Server } from "../support/programs.ts";
import { Deployment } from "./deployment.ts";
import { disastersOf } from "./disasters.ts";
import { judge, secretsOf } from "./judge.ts";
import { people, times } from "./people.ts";

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
}

const fleetSize = 3;
/** The import lasts about as long as the disasters. */
const callsPerSecond = 20;
const limit = { calls: 2 * callsPerSecond, windowMs: 2_000 };
/** The clock of a process may be two minutes wrong. */
const worstSkewMs = 120_000;

/**
 * Where the store has a clock of its own, those of the processes differ in every second story, and hours pass. In the
 * others the tokens live for seconds, so that they are renewed all the time: far too short a life for wrong clocks.
 */
function weatherOf({ server }: Ground, seed: number): Weather {
  const wrongClocks = server !== null && seed % 2 === 0;
  return {
    skewMs: wrongClocks ? worstSkewMs : 0,
    accessTokenLifeMs: wrongClocks ? 7_200_000 : 8_000,
    without: new RegExp(
      [...(server === null ? ["store"] : []), ...(wrongClocks ? [] : ["hours"]), "^$"].join("|"),
      "i",
    ),
  };
}

interface Weather {
  readonly skewMs: number;
  readonly accessTokenLifeMs: number;
  /** Disasters that cannot happen. */
  readonly without: RegExp;
}

/** Plays a story; resolves with what is to be blamed, and the log of what happened. */
export async function play(ground: Ground, { seed, ms }: Story): Promise<Outcome> {
  const began = performance.now();
  const log: string[] = [];
  const note = (what: string): void => {
    if (process.env["CHAOS_LOG"]) console.log(((performance.now() - began) / 1_000).toFixed(3), what);
    return note1(what);
  };
  const note1 = (what: string): void =>
    void log.push(`${((performance.now() - began) / 1_000).toFixed(3)} ${what}`);
  const { skewMs: worst, accessTokenLifeMs, without } = weatherOf(ground, seed);
  const crowd = people(Math.max(40, Math.round((ms / 1_000) * callsPerSecond)));
  const sandbox = createSandbox({ seed, limit, latencyMs: [0, 60], accessTokenLifeMs });
  for (const { id, exists } of crowd) if (exists !== "no") sandbox.createUser(id);
  const secrets = new Set<string>();
  const dice = createVirtualClock({ seed: seed + 1 });
  const oneup = await sandbox.listen();
  const oneupPort = Number(new URL(oneup.url).port);
  const workers = await Promise.all(
    Array.from({ length: fleetSize }, async (_, n) => {
      const toStore = ground.server === null ? null : await openLine(ground.server.port);
      const toOneup = await openLine(oneupPort);
      const process = new Deployment(`worker ${n}`, () => {
        const skewMs = Math.round((dice.random() * 2 - 1) * worst);
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
    }),
  );
  let storeIsBack = Promise.resolve();
  const breakStore = (forMs: number): void => {
    storeIsBack = storeIsBack.then(async () => {
      await ground.server?.kill("SIGKILL");
      await pause(forMs);
      await ground.server?.restart();
      note("the store is back");
    });
  };
  const struck: number[] = [];
  let lifecycle: Lifecycle | undefined;
  try {
    const script = disastersOf(seed, { ms, workers: fleetSize, without });
    await Promise.race([workers[0]?.process.atWork(), pause(5_000)]);
    const start = performance.now();
    for (const { atMs, what, strike } of script) {
      await pause(Math.max(0, start + atMs - performance.now()));
      note(what);
      for (const secret of secretsOf(sandbox)) secrets.add(secret);
      struck.push(sandbox.clock.now());
      strike({ sandbox, workers, breakStore: ground.server === null ? null : breakStore });
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
    lifecycle = await createLifecycle({
      credentials: sandbox.credentials,
      endpoints: oneup.endpoints,
      limits: { management: limit },
      clock: sandbox.clock,
      ...times,
      ...at(ground.place(ground.server?.port ?? 0)),
    });
    const look = lifecycle;
    if (process.env["CHAOS_LOG"])
      void (async () => {
        for (let i = 0; i < 5; i++) {
          await pause(6000);
          for await (const u of look.users())
            if (!u.usable) note(JSON.stringify({ ...u, history: u.history.slice(-3).map((h) => h.event) }));
        }
      })().catch(() => {});
    const arrived = Promise.all(workers.map(({ process }) => process.done()));
    const inTime = await Promise.race([arrived.then(() => true), pause(40_000, false)]);
    note(inTime ? "everybody is in" : "not everybody is in");
    const blamed = await judge({ sandbox, lifecycle, crowd, limit, struck, workers, secrets });
    if (process.env["CHAOS_LOG"])
      console.log(
        log.join("\n"),
        "\n",
        sandbox.journal.spent(),
        sandbox.journal.mostInWindow(limit.windowMs),
        workers.map((w) => w.process.said.length),
        secrets.size,
        sandbox.journal.entries().filter((e) => e.fault !== undefined).length,
        sandbox.journal.entries().length,
      );
    return { blamed: inTime ? blamed : ["not everybody came in within 150 s", ...blamed], log, sandbox };
  } finally {
    await lifecycle?.close();
    for (const { process, toStore, toOneup } of workers) {
      await process.abandon();
      toStore?.close();
      toOneup.close();
    }
    await storeIsBack.catch(() => {});
    await oneup.close();
  }
}

/** How a story ended. */
export interface Outcome {
  readonly blamed: readonly string[];
  readonly log: readonly string[];
  readonly sandbox: Sandbox;
}
