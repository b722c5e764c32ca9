/**
 * The end of a story in which ids pass from one person to another, as a shared e-mail address does, while every process
 * has a token of the first one in memory, and one walks over its resources. No walk holds resources of both, and soon no
 * process takes the second person for the first.
 */
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { addResources } from "../../src/sandbox/create-sandbox.ts";
import { Asking } from "./asking.ts";
import { ChangingIds } from "./changing-ids.ts";
import { fairErrors } from "./fair-errors.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, second } from "./time.ts";

/** How often an id passes on. */
const rounds = 3;
const resources = 12;
/** A token in memory is compared with the store at least as often, ms. */
const recheckMs = 5 * second;

export class Passing {
  /** The broken promises. */
  readonly blamed: string[] = [];
  readonly #stage: Stage;
  readonly #dice: Dice;
  readonly #asking: Asking;
  readonly #ids: ChangingIds;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#dice = new Dice(stage.scenario.seed, "passing");
    this.#asking = new Asking(stage, this.#dice, this.blamed);
    this.#ids = new ChangingIds(stage, this.#asking);
  }

  /** Plays the story to its end, if it has one; returns the broken promises. */
  async play(): Promise<readonly string[]> {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("passing")) return [];
    let left = 1;
    void this.#live().then(() => left--);
    await time.run(time.now + 24 * hour, () => left === 0);
    if (left > 0) this.blamed.push("P2: ids do not pass on");
    return this.blamed;
  }

  async #live(): Promise<void> {
    const { judge, scenario } = this.#stage;
    const { events } = judge;
    let ofFirst: readonly number[] = [];
    let ofEarlier: readonly number[] = [];
    const first = await this.#comes("earliest");
    await this.#ids.renames("earliest", "shared");
    let holder = first;
    for (let round = 1; round <= rounds; round++) {
      const next = await this.#comes(`next-${round}`);
      await this.#all(holder, "before");
      const walking = this.#walk(holder);
      await this.#asking.wait(this.#dice.between(0, second));
      await this.#ids.renames("shared", `former-${round}`);
      ofEarlier = await events.under("shared");
      if (round === 1) ofFirst = ofEarlier;
      await this.#ids.renames(`next-${round}`, "shared");
      await walking;
      await this.#asking.wait(recheckMs + second);
      await this.#all(next, "after");
      await this.#leads("earliest", first);
      holder = next;
    }
    if (!scenario.kinds.includes("events")) return;
    await this.#ids.forgets("shared");
    const kept = new Set(await events.under("shared"));
    const lost = ofEarlier.filter((number) => number > events.trimmed && !kept.has(number));
    if (lost.length > 0)
      this.blamed.push(`P1: shared was forgotten, and the events ${lost.join()} of others went with it`);
    await this.#ids.forgets("former-1");
    const left = (await events.under("shared")).filter((number) => ofFirst.includes(number));
    if (left.length > 0)
      this.blamed.push(`P5: former-1 was forgotten, and the events ${left.join()} are left of it`);
  }

  /** Signs up, and has resources that tell whose they are; the number. */
  async #comes(id: string): Promise<number> {
    const number = await this.#ids.comes(id);
    const made = Array.from({ length: resources }, () => ({
      resourceType: "Basic",
      code: { text: `${number}` },
    }));
    addResources(this.#stage.handler.world, number, "r4", made);
    return number;
  }

  /** Whose token each process has. */
  async #all(holder: number, when: "before" | "after"): Promise<void> {
    const { fit, handler, time } = this.#stage;
    for (const { life, lifecycle } of fit) {
      if (life.stalledUntil > time.now) continue; // for hours, perhaps, and then it may die
      const token = await lifecycle.accessToken("shared", { waitMs: 20 * second }).catch(() => null);
      if (token === null) continue; // of a process that died, or is held back
      const owner = handler.world.grants.ownerOf("accessToken", token);
      if (owner !== holder)
        this.blamed.push(
          `P5: ${when} its id passed on, ${life.name} gives the token of ${owner} for ${holder}`,
        );
    }
  }

  /** To whom each process sends one who asks for a former id. */
  async #leads(id: string, holder: number): Promise<void> {
    const waitMs = 20 * second;
    for (const { life, lifecycle } of this.#stage.fit) {
      const error: unknown = await lifecycle.accessToken(id, { waitMs }).catch((refused: unknown) => refused);
      const to = isLifecycleError(error, "RENAMED") ? error.facts["renamedTo"] : undefined;
      if (typeof to !== "string") continue;
      const found = await lifecycle.inspect(to).catch(() => null);
      if (found !== null && found.oneupUserId !== holder)
        this.blamed.push(
          `P5: ${life.name} sends the one who had ${id} to ${found.oneupUserId}, not to ${holder}`,
        );
    }
  }

  /** Reads page after page, slowly. */
  async #walk(holder: number): Promise<void> {
    const { fit } = this.#stage;
    if (fit.length === 0) return;
    const { life, lifecycle } = this.#dice.pick(fit);
    const found = new Set<string>();
    const read = async (one: Lifecycle): Promise<void> => {
      for await (const { code } of one.fhir("shared", "r4").searchAll("Basic", { _count: 2 })) {
        found.add(code?.text ?? "");
        await this.#asking.wait(this.#dice.between(0, 4 * second));
      }
    };
    await Promise.race([
      this.#asking.wait(hour),
      read(lifecycle).catch((error: unknown) => {
        const code = isLifecycleError(error) ? error.code : String(error);
        const isFair = ["RENAMED", "CLOSED", ...fairErrors].some((fair) => fair === code);
        if (!isFair) this.blamed.push(`P7: a walk of shared rejected with ${code}`);
      }),
    ]);
    if (found.size > 1 || (found.size === 1 && !found.has(`${holder}`)))
      this.blamed.push(
        `P5: a walk of ${life.name} for ${holder} holds resources of ${[...found].join(", ")}`,
      );
  }
}
