/**
 * The end of a story in which people come back while they are being forgotten: offboarded, then forgotten by one process
 * and onboarded by another at the same moment, while processes die. In the end each is one user with a token, and its
 * events are one life after the other without a gap.
 */
import { isLifecycleError, type HistoryStep, type Lifecycle } from "oneup-lifecycle";
import {
  forgottenType,
  readUserEvent,
  type UserEventValue,
} from "../../src/runtime/user/user-event-value.ts";
import { Asking } from "./asking.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, second } from "./time.ts";

/** How often each of them leaves and comes back. */
const rounds = 3;
/** A process that is asked may die, and another be away: so often the same is asked. */
const attempts = 6;
const people = ["returner-1", "returner-2"];

export class Returning {
  /** The broken promises. */
  readonly blamed: string[] = [];
  readonly #stage: Stage;
  readonly #processes: readonly Process[];
  readonly #dice: Dice;
  readonly #asking: Asking;
  /** The people who were forgotten in this round at the first attempt, so that nothing forgets them any more. */
  readonly #forgotten = new Set<string>();

  constructor(stage: Stage, processes: readonly Process[]) {
    this.#stage = stage;
    this.#processes = processes;
    this.#dice = new Dice(stage.scenario.seed, "returning");
    this.#asking = new Asking(stage, this.#dice, this.blamed);
  }

  /** Plays the story to its end, if it has one; returns the broken promises. */
  async play(): Promise<readonly string[]> {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("returning")) return [];
    let left = people.length;
    for (const id of people) void this.#live(id).then(() => left--);
    await time.run(time.now + 24 * hour, () => left === 0);
    if (left > 0) this.blamed.push(`P2: ${left} people who came back are never ready`);
    return this.blamed;
  }

  async #live(id: string): Promise<void> {
    await this.#asking.until(id, "onboard", this.#comesBack(id));
    for (let round = 0; round < rounds; round++) {
      this.#forgotten.delete(id);
      await this.#asking.until(id, "offboard", (lifecycle) => lifecycle.offboard(id, { purge: false }));
      await Promise.all([this.#forget(id), this.#return(id), this.#dies()]);
      await this.#judge(id);
    }
  }

  readonly #comesBack =
    (id: string) =>
    async (lifecycle: Lifecycle): Promise<boolean> => {
      const wasForgotten = this.#forgotten.has(id);
      try {
        return (await lifecycle.onboard(id, { waitMs: 20 * second })).usable;
      } catch (error) {
        if (!isLifecycleError(error, "USER_UNKNOWN")) throw error;
        if (wasForgotten) this.blamed.push(`P2: onboard(${id}) after forget() does not know the user`);
        return false; // it was forgotten meanwhile
      }
    };

  /** Until it is forgotten, or is here again. */
  async #forget(id: string): Promise<void> {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const told = await this.#asking.ask(id, "forget", (lifecycle) =>
        lifecycle.forget(id, { waitMs: 5 * second }),
      );
      if ("answer" in told && attempt === 1) this.#forgotten.add(id);
      if ("answer" in told || told.code === "USER_NOT_READY") return;
      await this.#asking.wait(10 * second);
    }
    this.blamed.push(`P2: forget(${id}) does not end`);
  }

  async #return(id: string): Promise<void> {
    await this.#asking.wait(this.#dice.between(0, 2 * second));
    await this.#asking.until(id, "onboard", this.#comesBack(id));
  }

  /** Now and then a process dies meanwhile. */
  async #dies(): Promise<void> {
    if (!this.#dice.hits(0.5)) return;
    await this.#asking.wait(this.#dice.between(0, 2 * second));
    const one = this.#dice.pick(this.#processes);
    if (one.life !== null) one.crash(one.life);
  }

  /** It is one user, and its events tell what its history tells. */
  async #judge(id: string): Promise<void> {
    const { handler } = this.#stage;
    const there = handler.world.users.all.filter(({ appUserId }) => appUserId === id).length;
    if (there !== 1) this.blamed.push(`P2: ${id} is ${there} users at 1upHealth`);
    let alias = "";
    let history: readonly HistoryStep[] = [];
    await this.#asking.until(id, "history", async (lifecycle) => {
      alias = lifecycle.alias(id);
      history = await lifecycle.history(id);
    });
    const events = await this.#eventsOf(alias);
    const problem = gapIn(events);
    if (problem !== null) this.blamed.push(`P1: the events of ${id} ${problem}`);
    const told = events.slice(events.findLastIndex(({ type }) => type === forgottenType) + 1);
    const isBack = typeof told[0]?.from === "string"; // its record has steps of before
    const length = isBack ? Math.min(told.length, history.length) : history.length;
    const [inEvents, inHistory] = [told, history].map((steps) =>
      steps.slice(-length).map((step) => ("event" in step ? step.event : step.type)),
    );
    if (inEvents?.join() !== inHistory?.join())
      this.blamed.push(
        `P1: the events of ${id} are ${inEvents?.join()}, its history is ${inHistory?.join()}`,
      );
  }

  async #eventsOf(alias: string): Promise<readonly UserEventValue[]> {
    const { events: outbox } = this.#stage.store;
    const found: UserEventValue[] = [];
    for (let after = 0; outbox !== undefined;) {
      const { events } = await outbox.read({ after, limit: 1_000 });
      if (events.length === 0) break;
      after = events.at(-1)?.number ?? after;
      found.push(...events.flatMap(({ value }) => readUserEvent(value) ?? []));
    }
    return found.filter((event) => event.alias === alias);
  }
}

/** What is wrong with the events of one user, oldest first; `null`: nothing. */
function gapIn(events: readonly UserEventValue[]): string | null {
  let before: UserEventValue | null = null;
  for (const event of events) {
    const begins = before === null || before.type === forgottenType;
    if (!begins && event.type === forgottenType)
      return `are left of before it was forgotten: ${before?.type}`;
    // It may come back to its record, if the process died that was about to forget it.
    const isBack = before?.type === forgottenType && event.from === "offboarded";
    if (event.type !== forgottenType && !isBack && event.from !== (begins ? null : before?.to))
      return `lead from ${before?.to ?? "nowhere"} to ${event.type} in ${event.from}`;
    before = event;
  }
  return null;
}
