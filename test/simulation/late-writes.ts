/**
 * The end of a story in which ids pass from one person to another while a write about the first one is on its way to the
 * store: the process that sent it has died since, or stands still. The write arrives when the id is another person's, whose
 * record it must not replace.
 */
import { isLifecycleError } from "oneup-lifecycle";
import { Asking } from "./asking.ts";
import { ChangingIds } from "./changing-ids.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

/** How often an id passes on. */
const rounds = 4;
const id = "address";

export class LateWrites {
  /** The broken promises. */
  readonly blamed: string[] = [];
  readonly #stage: Stage;
  readonly #processes: readonly Process[];
  readonly #dice: Dice;
  readonly #asking: Asking;
  readonly #ids: ChangingIds;

  constructor(stage: Stage, processes: readonly Process[]) {
    this.#stage = stage;
    this.#processes = processes;
    this.#dice = new Dice(stage.scenario.seed, "late writes");
    this.#asking = new Asking(stage, this.#dice, this.blamed);
    this.#ids = new ChangingIds(stage, this.#asking);
  }

  /** Plays the story to its end, if it has one; returns the broken promises. */
  async play(): Promise<readonly string[]> {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("lateWrites")) return [];
    let left = 1;
    void this.#live().then(() => left--);
    await time.run(time.now + 48 * hour, () => left === 0 || this.blamed.length > 0);
    if (left > 0 && this.blamed.length === 0)
      this.blamed.push("P2: ids do not pass on while a write is on its way");
    return this.blamed;
  }

  async #live(): Promise<void> {
    let holder = await this.#ids.comes(id);
    for (let round = 1; round <= rounds; round++) {
      const former = `former-holder-${round}`;
      // Records of two people may have been written equally often.
      const times = this.#dice.between(1, 6);
      for (let time = 1; time <= times; time++) await this.#holds(`complaint ${round}.${time}`);
      const late = await this.#sends();
      await this.#asking.until(id, "unhold", (lifecycle) => lifecycle.unhold(id));
      const next = await this.#passesOn(round, former);
      late?.arrive();
      await this.#asking.wait(second);
      await this.#belongsTo(id, next);
      if (next.isForgotten) await this.#isUnknown(former);
      else await this.#belongsTo(former, { number: holder });
      late?.isOver();
      holder = next.number;
    }
  }

  #holds(reason: string): Promise<void> {
    return this.#asking.until(id, "hold", (lifecycle) => lifecycle.hold(id, reason));
  }

  /** The id becomes another person's: the one before has another id from now on, or is forgotten. */
  async #passesOn(
    round: number,
    former: string,
  ): Promise<{ readonly number: number; readonly isForgotten: boolean }> {
    const isForgotten = this.#dice.hits(0.5);
    await this.#ids.renames(id, former);
    if (isForgotten) {
      await this.#ids.forgets(former);
      return { number: await this.#ids.comes(id), isForgotten };
    }
    const newcomer = `next-holder-${round}`;
    const number = await this.#ids.comes(newcomer);
    await this.#ids.renames(newcomer, id);
    return { number, isForgotten };
  }

  /** A process sends a write about the user, which arrives late, and dies or stands still. `null`: it sends none. */
  async #sends(): Promise<{ readonly arrive: () => void; readonly isOver: () => void } | null> {
    const { fit, time, trace } = this.#stage;
    const there = fit.filter(({ life }) => life.stalledUntil <= time.now);
    if (there.length === 0) return null;
    const { life, lifecycle } = this.#dice.pick(there);
    const [sent, arrival] = [latch(), latch()];
    life.sendsLate = { id, sent: sent.open, arrival: arrival.isOpen };
    trace.note(life.name, `unhold ${id}, late?`);
    const ended = (how: string) => (): void => trace.note(life.name, `unhold ${id}, late: ${how}`);
    lifecycle.unhold(id).then(ended("done"), ended("rejected"));
    let isSent = false;
    void sent.isOpen.then(() => (isSent = true));
    await Promise.race([sent.isOpen, this.#asking.wait(minute)]);
    if (!isSent) {
      life.sendsLate = null;
      return null;
    }
    const its = this.#processes.find((process) => process.life === life);
    if (this.#dice.hits(0.5)) its?.crash(life);
    else {
      life.hasStalled = true;
      life.stalledUntil = time.now + this.#dice.between(10 * minute, 3 * hour);
      trace.note(life.name, "stands still, and its write is on its way");
    }
    return {
      arrive: () => {
        trace.note(life.name, "its write arrives");
        arrival.open();
      },
      isOver: () => its?.crash(life),
    };
  }

  async #belongsTo(whose: string, { number }: { readonly number: number }): Promise<void> {
    await this.#asking.until(whose, "inspect", async (lifecycle) => {
      const { oneupUserId } = await lifecycle.inspect(whose);
      if (oneupUserId !== number)
        this.blamed.push(`P5: ${whose} is the user ${number}, and its record that of ${oneupUserId}`);
    });
  }

  /** A person who was forgotten is not here. */
  async #isUnknown(whose: string): Promise<void> {
    await this.#asking.until(whose, "inspect", async (lifecycle) => {
      try {
        const { oneupUserId } = await lifecycle.inspect(whose);
        this.blamed.push(`P5: ${whose} was forgotten, and is here as the user ${oneupUserId}`);
      } catch (error) {
        if (!isLifecycleError(error, "USER_UNKNOWN")) throw error;
      }
    });
  }
}

/** Something that happens once, and is waited for. */
function latch(): { readonly isOpen: Promise<void>; readonly open: () => void } {
  let open = (): void => {};
  const isOpen = new Promise<void>((resolve) => (open = resolve));
  return { isOpen, open: () => open() };
}
