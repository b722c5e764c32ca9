/** People who sign up, change their id and are forgotten, through processes that are asked until it is done. */
import { isLifecycleError } from "oneup-lifecycle";
import type { Asking } from "./asking.ts";
import type { Stage } from "./stage.ts";
import { second } from "./time.ts";

const waitMs = 20 * second;

export class ChangingIds {
  readonly #asking: Asking;
  readonly #stage: Stage;

  constructor(stage: Stage, asking: Asking) {
    this.#stage = stage;
    this.#asking = asking;
  }

  /** Signs up; the number. */
  async comes(id: string): Promise<number> {
    let number = 0;
    await this.#asking.until(id, "onboard", async (lifecycle) => {
      const { usable, oneupUserId } = await lifecycle.onboard(id, { waitMs });
      number = oneupUserId ?? 0;
      return usable;
    });
    return number;
  }

  async renames(from: string, to: string): Promise<void> {
    await this.#asking.until(from, "rename", async (lifecycle) => {
      try {
        await lifecycle.rename(from, to, { waitMs });
        return true;
      } catch (error) {
        // It was done, though nothing told so.
        if (isLifecycleError(error, "RENAMED") || isLifecycleError(error, "USER_UNKNOWN")) return true;
        throw error;
      }
    });
  }

  /** Leaves, and is forgotten. */
  async forgets(id: string): Promise<void> {
    await this.#asking.until(id, "offboard", (lifecycle) => lifecycle.offboard(id, { waitMs }));
    this.#stage.judge.forget(id);
    await this.#asking.until(id, "forget", async (lifecycle) => {
      await lifecycle.forget(id, { waitMs });
      return true;
    });
  }
}
