/**
 * A consumer of the events: it reads them through whichever process is up, keeps the cursor of what it has handled, and
 * dies now and then between the two, or with the process.
 */
import { Buffer } from "node:buffer";
import { isLifecycleError, type LifecycleEvent } from "oneup-lifecycle";
import { fairErrors } from "./fair-errors.ts";
import type { Life } from "./life.ts";
import type { Fit, Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

type Events = AsyncGenerator<LifecycleEvent, void>;

export class Consumer {
  readonly #stage: Stage;
  readonly #dice: Dice;
  /** The cursor that it has stored; `undefined`: none. */
  #stored: string | undefined;
  /** Only the latest session handles events. */
  #session = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#dice = new Dice(stage.scenario.seed, "consumer");
  }

  begin(): void {
    const { judge, scenario, store, time } = this.#stage;
    if (!scenario.kinds.includes("events") || store.events === undefined) return;
    const { events } = store;
    judge.events.begin({ ...events, read: (ask) => (this.#stage.store.events ?? events).read(ask) });
    time.after(this.#dice.between(0, 30 * minute), () => this.#start());
  }

  /** It has got everything, unless that takes longer than an hour. */
  async end(broken: () => boolean): Promise<void> {
    const { judge, scenario, time } = this.#stage;
    if (!scenario.kinds.includes("events")) return;
    await time.run(time.now + 3 * hour, () => broken() || judge.events.left === 0);
    if (!broken() && judge.events.left > 0)
      judge.blame(`P1: ${judge.events.left} events are never delivered`);
    if (!broken()) await this.#readsAll(broken);
  }

  /** In the end another consumer reads everything that is kept, from the oldest event on. */
  async #readsAll(broken: () => boolean): Promise<void> {
    const { fit, judge, time } = this.#stage;
    this.#session++; // the other one has ended
    const due = new Set(await judge.events.deliverable());
    if (fit.length === 0 || due.size === 0) return;
    const { lifecycle } = this.#dice.pick(fit);
    const reading = async (): Promise<void> => {
      for await (const event of lifecycle.events({})) {
        const number = numberOf(event.cursor);
        judge.events.read(event, number);
        due.delete(number);
        if (due.size === 0) break;
      }
    };
    let error: unknown;
    reading().catch((caught: unknown) => (error = caught));
    await time.run(time.now + hour, () => broken() || due.size === 0 || error !== undefined);
    if (!broken() && due.size > 0)
      judge.blame(`P1: events ${[...due].join()} are not delivered to another consumer: ${String(error)}`);
  }

  #start(): void {
    const { fit, time } = this.#stage;
    const session = ++this.#session;
    if (fit.length === 0) return void time.after(minute, () => this.#start());
    const place = this.#dice.pick(fit);
    const { judge, trace } = this.#stage;
    const after = this.#stored === undefined ? null : numberOf(this.#stored);
    trace.note(place.life.name, `a consumer begins behind ${after ?? "nothing"}`);
    judge.events.begins(after);
    this.#watch(place, session);
    try {
      this.#read(place, session, place.lifecycle.events({ after: this.#stored }));
    } catch (error) {
      this.#fails(error, place.life, session);
    }
  }

  /** Starts over when the process has died, or after a while. */
  #watch({ life }: Fit, session: number): void {
    const endsAt = this.#stage.time.now + this.#dice.between(10 * minute, 4 * hour);
    const look = (): void => {
      if (session !== this.#session) return;
      if (life.alive && this.#stage.time.now < endsAt) this.#stage.time.after(5 * minute, look);
      else this.#start();
    };
    this.#stage.time.after(5 * minute, look);
  }

  #read(place: Fit, session: number, events: Events): void {
    events.next().then(
      (next) => this.#got(place, session, events, next),
      (error: unknown) => this.#fails(error, place.life, session),
    );
  }

  #got(
    place: Fit,
    session: number,
    events: Events,
    { done, value }: IteratorResult<LifecycleEvent, void>,
  ): void {
    const { judge, time } = this.#stage;
    if (session !== this.#session) return void events.return();
    if (done === true || value === undefined) return void time.after(minute, () => this.#again(session));
    judge.read("an event", JSON.stringify({ ...value, appUserId: "" }));
    judge.events.delivered(value, numberOf(value.cursor));
    const isSlow = this.#dice.hits(0.02) && !this.#stage.isOver;
    const handled = (): void => {
      if (session !== this.#session) return void events.return();
      if (this.#dice.hits(0.02)) return this.#again(session); // it dies before it has stored the cursor
      this.#stored = value.cursor;
      this.#read(place, session, events);
    };
    time.after(isSlow ? this.#dice.between(second, 90 * minute) : 20, handled);
  }

  #again(session: number): void {
    if (session === this.#session) this.#start();
  }

  #fails(error: unknown, life: Life, session: number): void {
    const { judge, time } = this.#stage;
    if (session !== this.#session) return;
    judge.read("an error of events()", `${String(error)} ${JSON.stringify(error)}`);
    if (isLifecycleError(error, "CURSOR_EXPIRED")) {
      judge.events.expired();
      this.#stored = undefined;
    } else if (!isFair(error) && life.release >= judge.format)
      judge.blame(`P7: events() rejected with ${String(error)}`);
    time.after(minute, () => this.#again(session));
  }
}

function isFair(error: unknown): boolean {
  return isLifecycleError(error) && (error.code === "CLOSED" || fairErrors.includes(error.code));
}

function numberOf(cursor: string): number {
  return Number(Buffer.from(cursor, "base64url").toString().split(".")[2]);
}
