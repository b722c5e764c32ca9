/**
 * Polls the store and draws the users until a condition holds.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import type { UserStatus } from "../../index.ts";
import { kindOf } from "../../sandbox/base/plan.ts";
import { picture, spentBar } from "./picture.ts";
import type { Screen } from "../screen.ts";
import { users } from "./shire.ts";
import type { Stage, WorkerProcess } from "./stage.ts";

/** The users' statuses, in the order of `users`; null for one that was not in the store yet. */
export type Seen = readonly (UserStatus | null)[];

/** An hour, ms. */
export const hourMs = 3_600_000;
/** Management calls in an hour (1upHealth user management guide, Rate Limits). */
export const limit = 300;

/** How often to poll, and for how long at most, in ms. */
const pollMs = 40;
const patienceMs = 40_000;

export class Watch {
  readonly #stage: Stage;
  readonly #screen: Screen;
  readonly #signal: AbortSignal;
  /** Users with a call in doubt, and how many calls had been made for them when it was detected. */
  readonly #doubtful = new Map<string, number>();

  constructor(stage: Stage, screen: Screen, signal: AbortSignal) {
    this.#stage = stage;
    this.#screen = screen;
    this.#signal = signal;
  }

  /** Polls until `done` or a timeout, and returns the last statuses. @throws if the worker exits by itself */
  async until(worker: WorkerProcess, done: (seen: Seen) => boolean): Promise<Seen> {
    const end = systemClock.monotonic() + patienceMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const seen = await this.glance();
      if (done(seen) || systemClock.monotonic() > end) return seen;
      if (worker.died) throw new Error(`Worker process ${worker.pid} exited unexpectedly`);
      await sleep(systemClock, pollMs, this.#signal);
    }
  }

  /** Reads the store once and redraws. */
  async glance(): Promise<Seen> {
    const seen = await this.#stage.look(users);
    this.#screen.draw(this.#picture(seen));
    return seen;
  }

  /** Reads the store once and leaves the picture on the screen. */
  async settle(): Promise<Seen> {
    const seen = await this.#stage.look(users);
    this.#screen.settle(this.#picture(seen));
    return seen;
  }

  /** Like {@link settle}, after the only worker has died: every call that was in flight is in doubt from now on. */
  async settleDead(): Promise<Seen> {
    for (const user of await this.#stage.look(users))
      if (user?.underWay) this.#doubtful.set(user.appUserId, callsOf(user));
    return this.settle();
  }

  #picture(seen: Seen): string[] {
    const { journal, clock } = this.#stage.sandbox;
    const { paint } = this.#screen;
    const since = clock.now() - hourMs;
    const spent = journal
      .entries()
      .filter(({ call, at }) => at > since && kindOf(call) === "management").length;
    // A user stays in doubt until another call is made for it.
    const inDoubt = (user: UserStatus): boolean =>
      user.underWay !== null && this.#doubtful.get(user.appUserId) === callsOf(user);
    return picture(seen, spentBar(spent, limit, paint), paint, inDoubt);
  }
}

function callsOf({ calls }: UserStatus): number {
  return calls.management + calls.token;
}
