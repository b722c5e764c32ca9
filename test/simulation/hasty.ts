/**
 * The end of a story whose application has no time to wait: with `waitMs: 0` it asks again and again for users whose
 * tokens have expired, or whose grants were revoked. Though no call waits, each of them gets a token in the end.
 */
import { Asking } from "./asking.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

const ids = ["hasty-1", "hasty-2"] as const;
/** Longer than a token lives. */
const idleMs = 5 * hour;
/** A tight limit may make them wait for slots. */
const longestMs = 12 * hour;

export class Hasty {
  /** The broken promises. */
  readonly blamed: string[] = [];
  readonly #stage: Stage;
  readonly #dice: Dice;
  readonly #asking: Asking;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#dice = new Dice(stage.scenario.seed, "hasty");
    this.#asking = new Asking(stage, this.#dice, this.blamed);
  }

  /** Plays the story to its end, if it has one; returns the broken promises. */
  async play(): Promise<readonly string[]> {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("hasty")) return [];
    let left: number = ids.length;
    for (const id of ids) void this.#live(id).then(() => left--);
    await time.run(time.now + 2 * (idleMs + longestMs), () => left === 0);
    if (left > 0)
      this.blamed.push(`P2: the calls for ${left} users that are asked for without time to wait do not end`);
    return this.blamed;
  }

  async #live(id: string): Promise<void> {
    const { handler, time } = this.#stage;
    await this.#asking.until(
      id,
      "onboard",
      async (lifecycle) => (await lifecycle.onboard(id, { waitMs: 20 * second })).usable,
    );
    await this.#asking.wait(idleMs);
    const user = handler.world.users.find(id);
    if (user !== undefined && this.#dice.hits(0.5)) handler.world.grants.revoke(user.oneupUserId);
    for (const since = time.now; time.now < since + longestMs;) {
      const got = await this.#asking.ask(id, "accessToken", (lifecycle) =>
        lifecycle.accessToken(id, { waitMs: 0 }),
      );
      if ("answer" in got) return;
      await this.#asking.wait(this.#dice.between(second, minute));
    }
    this.blamed.push(`P2: ${id} has no token, though it was asked for again and again without time to wait`);
  }
}
