/**
 * Looks at the store again and again and draws what it sees, until something has come true.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import type { UserStatus } from "../../index.ts";
import { kindOf } from "../../sandbox/plan.ts";
import { picture, spentBar } from "./picture.ts";
import type { Screen } from "../screen.ts";
import { users } from "./shire.ts";
import type { Stage, WorkerProcess } from "./stage.ts";

/** Where the users stood, in the order of `users`; null for one that the store had not heard of. */
export type Seen = readonly (UserStatus | null)[];

/** An hour, ms. */
export const hourMs = 3_600_000;
/** Management calls in an hour (1upHealth user management guide, Rate Limits). */
export const limit = 300;

/** How often to look, and how long at most, ms. */
const lookMs = 40;
const patienceMs = 40_000;

/** See the module. */
export class Watch {
  readonly #stage: Stage;
  readonly #screen: Screen;
  readonly #signal: AbortSignal;
  /** Users with a call in doubt, and how many calls had been made for them by then. */
  readonly #doubtful = new Map<string, number>();

  constructor(stage: Stage, screen: Screen, signal: AbortSignal) {
    this.#stage = stage;
    this.#screen = screen;
    this.#signal = signal;
  }

  /** Watches until `done`, or until patience ends; gives what was seen last. @throws if the worker dies by itself */
  async until(worker: WorkerProcess, done: (seen: Seen) => boolean): Promise<Seen> {
    const end = systemClock.monotonic() + patienceMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const seen = await this.glance();
      if (done(seen) || systemClock.monotonic() > end) return seen;
      if (worker.died) throw new Error(`Worker process ${worker.pid} ended by itself`);
      await sleep(systemClock, lookMs, this.#signal);
    }
  }

  /** Looks once. */
  async glance(): Promise<Seen> {
    const seen = await this.#stage.look(users);
    this.#screen.draw(this.#picture(seen));
    return seen;
  }

  /** Looks, and leaves the picture standing. */
  async settle(): Promise<Seen> {
    const seen = await this.#stage.look(users);
    this.#screen.settle(this.#picture(seen));
    return seen;
  }

  /** Like {@link settle}, when the only worker has died: every call that was under way is in doubt from now on. */
  async settleDead(): Promise<Seen> {
    const seen = await this.#stage.look(users);
    for (const user of seen) if (user?.underWay) this.#doubtful.set(user.appUserId, callsOf(user));
    this.#screen.settle(this.#picture(seen));
    return seen;
  }

  #picture(seen: Seen): string[] {
    const { journal, clock } = this.#stage.sandbox;
    const { paint } = this.#screen;
    const since = clock.now() - hourMs;
    const spent = journal
      .entries()
      .filter(({ call, at }) => at > since && kindOf(call) === "management").length;
    // A user stays in doubt until somebody makes another call for it.
    const inDoubt = (user: UserStatus): boolean =>
      user.underWay !== null && this.#doubtful.get(user.appUserId) === callsOf(user);
    return picture(seen, spentBar(spent, limit, paint), paint, inDoubt);
  }
}

function callsOf({ calls }: UserStatus): number {
  return calls.management + calls.token;
}
