/**
 * The end of a story in which purges do not go as they were begun: the process of one dies in the middle of it, and the
 * application asks for more; another is withdrawn while its call is still on its way, and the user is adopted. All that was
 * reported as erased is erased, and nothing that the user has since.
 */
import type { FhirVersion, Grant } from "oneup-lifecycle";
import { addResources } from "../../src/sandbox/create-sandbox.ts";
import { Asking } from "./asking.ts";
import { ChangingIds } from "./changing-ids.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, minute, second, timeoutMs } from "./time.ts";

const versions = ["dstu2", "stu3", "r4"] as const;
const rounds = 2;
/** A call arrives so long after its time-out at most, ms. */
const graceMs = 10 * second;

export class Purging {
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
    this.#dice = new Dice(stage.scenario.seed, "purging");
    this.#asking = new Asking(stage, this.#dice, this.blamed);
    this.#ids = new ChangingIds(stage, this.#asking);
  }

  /** Plays the story to its end, if it has one; returns the broken promises. */
  async play(): Promise<readonly string[]> {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("purging")) return [];
    let left = 1;
    void this.#live().then(() => left--);
    await time.run(time.now + 48 * hour, () => left === 0 || this.blamed.length > 0);
    if (left > 0 && this.blamed.length === 0) this.blamed.push("P2: purges do not end");
    return this.blamed;
  }

  async #live(): Promise<void> {
    for (let round = 1; round <= rounds; round++) {
      await this.#isExtended(`leaver-${round}`);
      await this.#isWithdrawn(`adopted-${round}`);
    }
  }

  /** The process of a purge dies, and another one is asked for a larger purge. */
  async #isExtended(id: string): Promise<void> {
    const number = await this.#ids.comes(id);
    for (const version of versions) this.#add(number, version);
    const few = [this.#dice.pick(versions)];
    const more = this.#dice.hits(0.5)
      ? versions
      : versions.filter((one) => few.includes(one) || this.#dice.hits(0.5));
    const delay = this.#dice.pick(["before", "after"] as const);
    if (this.#dice.hits(0.7))
      this.#stage.handler.faults.add({
        call: "fhir.purge",
        delayMs: this.#dice.between(1, 5 * second),
        delay,
      });
    const begun = await this.#begins(id, few);
    await this.#asking.wait(this.#dice.between(0, 200));
    this.#stage.handler.faults.clear();
    if (begun !== null) this.#processes.find(({ life }) => life === begun)?.crash(begun);
    let done: readonly string[] = [];
    await this.#asking.until(id, "offboard", async (lifecycle) => {
      const { state, purge } = await lifecycle.offboard(id, { purge: more, waitMs: 4 * minute });
      done = purge?.done ?? [];
      return state === "offboarded";
    });
    for (const version of more) {
      if (!done.includes(version))
        this.blamed.push(
          `P7: ${id} is offboarded, and its purge of ${version} reads as if no one had asked for it`,
        );
      if (this.#has(number, version))
        this.blamed.push(`P7: ${id} is offboarded, and 1upHealth still has its data in ${version}`);
    }
  }

  /** A purge is withdrawn whose call may still arrive, and the user is adopted. */
  async #isWithdrawn(id: string): Promise<void> {
    const { handler } = this.#stage;
    const number = await this.#ids.comes(id);
    const grant = this.#granted(number);
    const version = this.#dice.pick(versions);
    this.#add(number, version);
    const delayMs = timeoutMs + this.#dice.between(second, graceMs - second);
    handler.faults.add({ call: "fhir.purge", delayMs, delay: "before" });
    if ((await this.#begins(id, [version])) === null) return handler.faults.clear();
    await this.#asking.wait(timeoutMs);
    await this.#asking.until(id, "offboard", async (lifecycle) => {
      const { state } = await lifecycle.offboard(id, { waitMs: graceMs });
      return state === "offboarded";
    });
    await this.#asking.until(id, "adopt", (lifecycle) => lifecycle.adopt(id, grant, { waitMs: 20 * second }));
    this.#add(number, version);
    await this.#asking.wait(minute);
    if (!this.#has(number, version))
      this.blamed.push(`P7: ${id} was adopted, and a purge from before has erased what it has since`);
  }

  /** Some process begins a purge; resolves once its call is about to leave. `null`: that takes long. */
  async #begins(id: string, purge: readonly FhirVersion[]): Promise<Process["life"]> {
    const { fit, judge, time, trace } = this.#stage;
    const there = fit.filter(({ life }) => life.stalledUntil <= time.now);
    if (there.length === 0) return null;
    const { life, lifecycle } = this.#dice.pick(there);
    trace.note(life.name, `offboard ${id}, purge ${purge.join()}?`);
    const ended = (how: string) => (): void => trace.note(life.name, `offboard ${id}, purge: ${how}`);
    lifecycle.offboard(id, { purge, waitMs: 5 * minute }).then(ended("done"), ended("rejected"));
    for (let ms = 0; ms < 5 * minute; ms += 20) {
      const { envelope, lease } = judge.of(id);
      const its = this.#processes.find((process) => process.life?.name === lease?.by)?.life ?? null;
      if (envelope?.intent?.call === "purge" && its !== null) return its;
      await this.#asking.wait(20);
    }
    return null;
  }

  /** A grant that the application has of its user. */
  #granted(number: number): Grant {
    const { time, handler } = this.#stage;
    const { grants, settings } = handler.world;
    const at = time.now + settings.codeReadyMs;
    const pair = grants.exchange(grants.issueCode(number, time.now), at);
    if (pair === undefined) throw new Error("the sandbox refuses a code that it has issued");
    return { oneupUserId: number, refreshToken: pair.refreshToken };
  }

  #add(number: number, version: FhirVersion): void {
    addResources(this.#stage.handler.world, number, version, [{ resourceType: "Patient" }]);
  }

  #has(number: number, version: FhirVersion): boolean {
    return this.#stage.handler.world.resources.everOf(number, version, "Patient").length > 0;
  }
}
