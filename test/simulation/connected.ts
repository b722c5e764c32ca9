/**
 * People that the application connected before it used this library, and whose grants it adopts. For some it has the number
 * of another user (the kind `wrongNumbers`): nothing may happen to that user's data, id and grants.
 */
import type { Grant } from "oneup-lifecycle";
import type { Stage } from "./stage.ts";
import { Dice } from "./time.ts";

/** Other users at 1upHealth whose numbers the application may take for those of its own users: one for each. */
export const wrongNumbers = 20;

/** One of them. */
export class Connected {
  /** What the application brings; `null`: it has learnt that this is wrong. */
  grant: Grant | null;
  /** Its number is another user's. */
  readonly isWrong: boolean;
  readonly #stage: Stage;
  readonly #dice: Dice;

  constructor(stage: Stage, id: string, dice: Dice) {
    this.#stage = stage;
    this.#dice = new Dice(stage.scenario.seed, `number of ${id}`);
    this.isWrong = hasWrongNumbers(stage) && this.#dice.hits(0.6);
    this.grant = this.#granted(id, dice);
  }

  /** Some of these grants have been revoked since. */
  #granted(id: string, dice: Dice): Grant {
    const { users, grants, settings } = this.#stage.handler.world;
    const { judge, time } = this.#stage;
    const { oneupUserId } = users.add(id, true);
    judge.isAtRemote(id, oneupUserId);
    const at = time.now + settings.codeReadyMs;
    const pair = grants.exchange(grants.issueCode(oneupUserId, time.now), at);
    if (pair === undefined) throw new Error("the sandbox refuses a code that it has issued");
    if (dice.hits(0.25)) {
      grants.revoke(oneupUserId);
      judge.expects(id, 1);
    }
    const { accessToken, refreshToken } = pair;
    const expiresAt = new Date(at + settings.accessTokenLifeMs);
    const brought = { refreshToken, ...(dice.hits(0.6) && { accessToken, expiresAt }) };
    return { ...brought, oneupUserId: this.isWrong ? this.#wrongNumber(id) : oneupUserId };
  }

  #wrongNumber(id: string): number {
    const { judge, handler } = this.#stage;
    const stranger = handler.world.users.find(id.replace("user", "stranger"));
    if (stranger === undefined) throw new Error("there is no such stranger");
    judge.numbers.isClaimed(id, stranger.oneupUserId);
    return stranger.oneupUserId;
  }

  /** What such a person does instead of `roll`: it leaves, or its grant is thrown away, so that its number matters. */
  instead(roll: number): number {
    return this.isWrong ? this.#dice.pick([17, 21, 21, roll, roll]) : roll;
  }

  /** The application got a conflict, and an operator looks: its list is corrected, or (true) the user is to be looked up by its id. */
  hearsOfConflict(what: string): boolean {
    if (this.isWrong && what === "adopt") this.grant = null;
    return this.isWrong && what !== "adopt" && what !== "rename";
  }
}

/** Does the application have wrong numbers in this story? */
export function hasWrongNumbers({ scenario }: Pick<Stage, "scenario">): boolean {
  return scenario.kinds.includes("wrongNumbers");
}
