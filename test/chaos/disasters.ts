/** What goes wrong, and when: drawn from one seed before the curtain rises. */
import { createVirtualClock, type Fault, type Sandbox } from "oneup-lifecycle/sandbox";
import type { Line } from "../support/line.ts";
import type { Deployment } from "./deployment.ts";

/** What a disaster may strike. */
export interface Troupe {
  readonly sandbox: Sandbox;
  /** Each with its own lines to the store, unless that is a folder, and to 1upHealth. */
  readonly workers: readonly {
    readonly process: Deployment;
    readonly toStore: Line | null;
    readonly toOneup: Line;
  }[];
  /** The server of the store dies, and is back after so many milliseconds. */
  readonly breakStore: (forMs: number) => void;
}

/** One disaster. */
export interface Disaster {
  readonly atMs: number;
  /** In words, with everything that was drawn. */
  readonly what: string;
  strike(troupe: Troupe): void;
}

/** Draws from the seed. */
interface Dice {
  /** A whole number, bounds included. */
  between(least: number, most: number): number;
  of<const T>(things: readonly [T, ...T[]]): T;
}

type Kind = (dice: Dice, worker: number) => Omit<Disaster, "atMs">;

function later(ms: number, task: () => unknown): void {
  setTimeout(task, ms);
}

const killWorker: Kind = (_, worker) => ({
  what: `kill -9 of worker ${worker}`,
  strike: ({ workers }) => workers[worker]?.process.kill(),
});

const stopWorker: Kind = (dice, worker) => {
  const ms = dice.between(1_800, 3_200); // the lease is 2 s
  return {
    what: `worker ${worker} stands still for ${ms} ms`,
    strike({ workers }) {
      workers[worker]?.process.standStill();
      later(ms, () => workers[worker]?.process.goOn());
    },
  };
};

const breakStore: Kind = (dice) => {
  const ms = dice.between(50, 1_500);
  return { what: `kill -9 of the store for ${ms} ms`, strike: ({ breakStore: dies }) => dies(ms) };
};

const spoilLine: Kind = (dice, worker) => {
  const end = dice.of(["toStore", "toOneup"]);
  const how = dice.of(["cut", "cutNextAnswer", "silence", "delay", "refuse"]);
  const ms = dice.between(200, 1_500);
  const slowMs = dice.between(20, 250);
  return {
    what: `line of worker ${worker} ${end}: ${how}${how === "delay" ? ` by ${slowMs} ms` : ""}, ${ms} ms`,
    strike({ workers }) {
      const line = workers[worker]?.[end];
      if (line === null || line === undefined) return;
      switch (how) {
        case "delay":
          line.delay(slowMs);
          break;
        case "refuse":
          line.refuse();
          line.cut();
          break;
        default:
          return line[how]();
      }
      later(ms, () => line.mend());
    },
  };
};

const failingAnswers: readonly [Fault, ...Fault[]] = [
  { status: 500 },
  { status: 503, body: { error: "server_error" } },
  { status: 502, commit: true },
  { drop: "before" },
  { drop: "after" },
  { drop: "body" },
  { delayMs: 700 },
  { delayMs: 700, delay: "after" },
  { delayMs: 2_500, delay: "after" },
  { response: "html", status: 502 },
  { response: "truncated" },
  { response: "notJson" },
];

const failAnswers: Kind = (dice) => {
  const call = dice.of([
    "createUser",
    "issueAuthCode",
    "exchangeCode",
    "refreshToken",
    "updateUser",
    "listUsers",
  ]);
  const fault: Fault = { call, times: dice.between(1, 4), ...dice.of(failingAnswers) };
  return { what: `1upHealth fails: ${JSON.stringify(fault)}`, strike: ({ sandbox }) => sandbox.fail(fault) };
};

const lateCodes: Kind = (dice) => {
  const fault: Fault = { codeReadyMs: dice.between(100, 900), times: dice.between(1, 4) };
  return {
    what: `codes register late: ${JSON.stringify(fault)}`,
    strike: ({ sandbox }) => sandbox.fail(fault),
  };
};

/** The clocks of all go on at once, so tokens and codes end, and calls under way take too long. */
const hoursPass: Kind = () => {
  const ms = 7_000_000;
  return { what: `hours pass: ${ms} ms`, strike: ({ sandbox }) => sandbox.clock.advance(ms) };
};

const kinds: readonly [Kind, ...Kind[]] = [
  killWorker,
  killWorker,
  stopWorker,
  breakStore,
  spoilLine,
  spoilLine,
  spoilLine,
  failAnswers,
  failAnswers,
  failAnswers,
  lateCodes,
  hoursPass,
];

/** What happens within `ms` milliseconds to so many workers, but what cannot. The same seed tells the same story. */
export function disastersOf(
  seed: number,
  { ms, workers, without }: { readonly ms: number; readonly workers: number; readonly without: RegExp },
): readonly Disaster[] {
  const { random } = createVirtualClock({ seed });
  const dice: Dice = {
    between: (least, most) => least + Math.floor(random() * (most - least + 1)),
    of: (things) => things[Math.floor(random() * things.length)] ?? things[0],
  };
  const script: Disaster[] = [];
  for (let atMs = dice.between(100, 600); atMs < ms; atMs += dice.between(50, 700)) {
    const disaster = dice.of(kinds)(dice, dice.between(0, workers - 1));
    if (!without.test(disaster.what)) script.push({ atMs, ...disaster });
  }
  return script;
}
