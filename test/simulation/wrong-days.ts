/**
 * The clock of a process is wrong by a day or several for some minutes, and is then corrected. Meanwhile some users are
 * refused without a reason, or are not listed, by all processes; and often the process has no network just before its
 * clock is corrected. No user may fail because of it, and the process may not hold itself back for as long.
 */
import type { Fault } from "oneup-lifecycle/sandbox";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import { askedBy, userOf } from "./faults.ts";
import { firstIdOf } from "./first-id.ts";
import type { Kind } from "./kinds.ts";
import type { Process } from "./process.ts";
import type { Scenario } from "./scenario.ts";
import type { Stage } from "./stage.ts";
import { beginning, Dice, hour, minute, second } from "./time.ts";

/** A period in which the clock is wrong. */
interface WrongDay {
  /** From 0. */
  readonly process: number;
  /** Ms after the beginning. */
  readonly atMs: number;
  readonly forMs: number;
  /** How far the clock is ahead, ms. */
  readonly byMs: number;
  /** The process has no network for so long before its clock is corrected, ms. */
  readonly cutOffMs: number;
  /** From so long before until the clock is corrected these users are refused without a reason, ms. */
  readonly refusedMs: number;
  readonly refused: ReadonlySet<string>;
}

/** The longest wait for which a process may hold itself back on its own account, ms. */
const longestHeldMs = 2 * hour;

/** By then every clock is right again, ms after the beginning. */
const lastMs = 4 * hour;

function wrongDaysOf(seed: number): readonly WrongDay[] {
  const dice = new Dice(seed, "wrong days");
  return Array.from({ length: dice.between(1, 3) }, () => {
    const forMs = dice.pick([20 * second, 5 * minute, 40 * minute]);
    return {
      process: dice.between(0, 2),
      atMs: dice.between(10 * minute, lastMs - forMs),
      forMs,
      byMs: dice.pick([1, 1, -1]) * dice.between(20 * hour, 72 * hour),
      cutOffMs: dice.hits(0.6) ? Math.min(forMs, 10 * minute) : 0,
      refusedMs: forMs + dice.between(minute, 30 * minute),
      refused: new Set(Array.from({ length: 6 }, () => `user-${dice.between(1, 20)}`)),
    };
  });
}

/** A process believes its clock a minute after it has looked at it, and looks at it every ten minutes at least, ms. */
const believedMs = 15 * minute;

/** Is the clock of the process wrong by days, or was it just now? `process`: from 0; `ms`: after the beginning. */
export function isDaysOff(
  { kinds, seed }: Pick<Scenario, "kinds" | "seed">,
  process: number,
  ms: number,
): boolean {
  const isIt = ({ process: its, atMs, forMs }: WrongDay): boolean =>
    its === process && ms >= atMs && ms < atMs + forMs + believedMs;
  return kinds.includes("wrongDays") && wrongDaysOf(seed).some(isIt);
}

/** The same of any process. */
export function isAnyDaysOff(scenario: Pick<Scenario, "kinds" | "seed" | "processes">, ms: number): boolean {
  return Array.from({ length: scenario.processes }, (_, one) => one).some((one) =>
    isDaysOff(scenario, one, ms),
  );
}

/** How a call about one of these users is refused. */
function refusal(incoming: Incoming): Fault | undefined {
  const call = askedBy(incoming);
  if (call === "fhir") return undefined;
  return call === "listUsers"
    ? { status: 200, headers: { "content-type": "application/json" }, body: "[]" }
    : { status: 400, body: { message: "Bad Request" } };
}

export const clockKinds = {
  /** The clock of a process is days wrong for some minutes, while others are refused: see above. */
  wrongDays: {
    share: 0.05,
    processClock: (seed) => {
      const days = wrongDaysOf(seed);
      return (process, ms) =>
        days.reduce(
          (sum, { process: its, atMs, forMs, byMs }) =>
            its === process && ms >= atMs && ms < atMs + forMs ? sum + byMs : sum,
          0,
        );
    },
    cutOff: (_, seed) => {
      const days = wrongDaysOf(seed);
      return (process, ms) =>
        days.some(
          ({ process: its, atMs, forMs, cutOffMs }) =>
            its === process && ms >= atMs + forMs - cutOffMs && ms < atMs + forMs,
        );
    },
    answer: (incoming, _, stage) => {
      const ms = stage.time.now - beginning;
      const id = userOf(stage, incoming);
      if (id === undefined) return undefined;
      const isRefused = wrongDaysOf(stage.scenario.seed).some(
        ({ atMs, forMs, refusedMs, refused }) =>
          ms < atMs + forMs && ms >= atMs + forMs - refusedMs && refused.has(firstIdOf(id)),
      );
      return isRefused ? refusal(incoming) : undefined;
    },
  },
} satisfies Readonly<Record<string, Kind>>;

/** A while after each correction the process is asked whether it holds itself back: it believes its clock after a minute. */
export function lookAtClocks(stage: Stage, processes: readonly Process[]): void {
  const { judge, scenario, time } = stage;
  if (!scenario.kinds.includes("wrongDays")) return;
  const days = wrongDaysOf(scenario.seed);
  for (const { process: index, atMs, forMs } of days) {
    const endMs = atMs + forMs;
    // Its clock is, or was just now, wrong by another day.
    const isWrongAgain = days.some(
      (other) =>
        other.process === index && other.atMs + other.forMs > endMs && other.atMs < endMs + 5 * minute,
    );
    if (isWrongAgain) continue;
    const look = async (judged: boolean): Promise<void> => {
      const { life, lifecycle } = processes[index] ?? {};
      if (!life || !lifecycle) return;
      for (const { gate, reason, until } of (await lifecycle.health()).shut)
        if (judged && until.getTime() - life.clock.now() > longestHeldMs)
          judge.blame(`P2: ${life.name} holds itself back (${gate}, ${reason}) until ${until.toISOString()}`);
    };
    for (const minutes of [1, 3, 5]) time.after(endMs + minutes * minute, () => void look(minutes === 5));
  }
}
