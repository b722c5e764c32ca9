/** A process of the application: a lifecycle with a worker, a clock of its own, and an end at any moment. */
import { type Lifecycle, isLifecycleError } from "oneup-lifecycle";
import { openLifecycle } from "../../src/runtime/open-lifecycle.ts";
import { lacksRight } from "./fair-errors.ts";
import { Life } from "./life.ts";
import type { Fit, Mortal, Stage } from "./stage.ts";
import { beginning, second, Dice, minute } from "./time.ts";
import { unreliableNetwork } from "./unreliable-network.ts";
import { unreliableStore } from "./unreliable-store.ts";
import { isDaysOff } from "./wrong-days.ts";
import { loggerTo } from "../support/loggers.ts";

/** A process that is started again after each of its ends. */
export class Process implements Mortal {
  readonly index: number;
  life: Life | null = null;
  lifecycle: Lifecycle | null = null;
  isDeployed = false;
  #lives = 0;
  /** The client secret that it started with. */
  #secret = "";
  readonly #stage: Stage;
  readonly #dice: Dice;

  constructor(stage: Stage, index: number) {
    this.#stage = stage;
    this.index = index;
    this.#dice = new Dice(stage.scenario.seed, `process ${index}`);
  }

  get name(): string {
    return `p${this.index + 1}.${this.#lives}`;
  }

  /** It is up, its secret is the right one, and its release is not too old for the store. */
  get fit(): Fit | null {
    const { life, lifecycle } = this;
    const { scenario, handler } = this.#stage;
    const deaf = scenario.rotation?.deaf.includes(this.index) ?? false;
    const known = !deaf || this.#secret === handler.world.credentials.clientSecret;
    return lifecycle !== null && life !== null && known && this.isFitFor(life) ? { life, lifecycle } : null;
  }

  /** Does the release know the format in which the store is written? */
  isFitFor({ release }: Life): boolean {
    return release >= this.#stage.judge.format;
  }

  /** The new release is rolled out: this life ends in order, or not, and the next one is of that release. */
  deploy(): void {
    this.isDeployed = true;
    this.restart();
  }

  /** This life ends in order, and the next one begins. */
  restart(): void {
    const { time } = this.#stage;
    const { life, lifecycle } = this;
    if (life === null || lifecycle === null) return; // it starts over anyway
    const restart = (): void => {
      if (!life.alive) return;
      this.#hasEnded(life);
      this.end(life);
      this.start();
    };
    this.lifecycle = null;
    void lifecycle.close().then(restart, restart);
    time.after(2 * minute, () => this.crash(life)); // a process that does not end in time is killed
  }

  /** It ended in order. If the only fault was a store that came back, it has left no user leased. */
  #hasEnded(life: Life): void {
    const { judge, scenario, time } = this.#stage;
    if (scenario.alone !== "endsMeanwhile") return;
    for (const { id, lease } of judge.all())
      if (lease?.by === life.name && lease.until > time.now)
        judge.blame(`P2: ${life.name} has closed and left ${id} leased`);
  }

  /** Opens the lifecycle and lets its worker work. A store that is away makes it try again. */
  start(): void {
    const { scenario, handler, time, judge, trace, ring } = this.#stage;
    this.#lives++;
    const { releases, skewMs } = scenario;
    const release = this.isDeployed ? releases.to : releases.from;
    const wrongMs = (): number =>
      (skewMs[this.index] ?? 0) + this.#stage.kinds.processClock(this.index, time.now - beginning);
    const life = new Life(time, this.name, release, wrongMs, this.#dice);
    life.isDaysOff = () => isDaysOff(scenario, this.index, time.now - beginning);
    this.life = life;
    this.#secret = handler.world.credentials.clientSecret;
    trace.note(
      life.name,
      `starts (${releases.from === releases.to ? "" : `release ${release}, `}a ring of ${ring.length})`,
    );
    const { clientId } = handler.world.credentials;
    const deaf = scenario.rotation?.deaf.includes(this.index) ?? false;
    const secret = (): string => (deaf ? this.#secret : handler.world.credentials.clientSecret);
    const logger = loggerTo(({ message, ...fields }) => {
      trace.note(life.name, message);
      judge.read(`the log of ${life.name}`, message + JSON.stringify(fields));
    });
    const limits = {
      management: scenario.limit,
      ...(scenario.tokenLimit && { token: scenario.tokenLimit }),
    };
    const own = this.#stage.kinds.process(this.index, limits);
    const { calls, windowMs } = own.limits?.management ?? limits.management;
    life.ceiling = {
      calls: Math.min(calls, limits.management.calls),
      windowMs: Math.max(windowMs, limits.management.windowMs),
    };
    const opened = openLifecycle(
      {
        credentials: deaf
          ? { clientId, clientSecret: this.#secret }
          : () => ({ clientId, clientSecret: secret() }),
        store: unreliableStore(this.#stage, this, life),
        encryption: { ring: () => this.#stage.ring },
        hideIds: scenario.hideIds,
        causes: { text: scenario.keepsTexts },
        limits,
        refresh: { policy: scenario.policy },
        clock: life.clock,
        transport: unreliableNetwork(this.#stage, this, life),
        logger,
        ...own,
      },
      {
        nextTurn: (task) => void life.hear(0, task),
        newestFormat: release,
        memory: this.#stage.memory,
        pollMs: 2 * minute,
      },
    );
    opened.then(
      (lifecycle) => this.#begin(life, lifecycle),
      (error: unknown) => {
        trace.note(life.name, `cannot start: ${String(error)}`);
        const tooOld = isLifecycleError(error, "RECORD_TOO_NEW") && !this.isFitFor(life);
        const isMoving = isLifecycleError(error, "STORE_MOVED");
        if (!tooOld && !isMoving && !lacksRight(error) && !(isLifecycleError(error) && error.retryable))
          judge.blame(`${life.name} cannot start: ${String(error)}`);
        this.end(life);
        time.after(30 * second, () => this.start());
      },
    );
  }

  #begin(life: Life, lifecycle: Lifecycle): void {
    if (this.life !== life) return;
    this.lifecycle = lifecycle;
    lifecycle.work({ pollMs: 10 * minute }).catch((error: unknown) => {
      // Of a worker that could not begin. Its process is started anew, as whatever supervises it does.
      const ends = isLifecycleError(error, "STORE_MOVED") || lacksRight(error);
      if (ends) return this.life === life ? this.restart() : undefined;
      this.#stage.judge.blame(`the worker of ${life.name} ended: ${String(error)}`);
    });
  }

  /** Ends this life at once; another one begins a while later. */
  crash(life: Life): void {
    if (!life.alive) return;
    const { judge, time, trace } = this.#stage;
    trace.note(life.name, "dies");
    judge.noteInterruption(life.name, "died");
    this.end(life);
    time.after(this.#dice.pick([second, 20 * second, 3 * minute]), () => this.start());
  }

  /** Stands still: the process is stopped, or its machine is suspended. */
  stall(life: Life): void {
    const { judge, time, trace } = this.#stage;
    const ms = this.#dice.between(second, 3 * minute);
    const isSuspended = this.#isSuspendable();
    trace.note(
      life.name,
      `${isSuspended ? "is suspended" : "stands still"} for ${Math.round(ms / second)} s`,
    );
    judge.noteInterruption(life.name, "stood still");
    life.hasStalled = true;
    if (isSuspended) life.suspend(ms);
    else life.stalledUntil = time.now + ms;
    life.heldUpUntil = Math.max(life.heldUpUntil, time.now + ms);
  }

  /** What may happen to a process whenever it does something. True: it is dead now. */
  meetsItsFate(life: Life): boolean {
    const { isOver, rates } = this.#stage;
    const stall = this.#isSuspendable() && !isOver ? Math.max(rates.stall, 0.005) : rates.stall;
    if (this.#dice.hits(rates.crash)) this.crash(life);
    else if (this.#dice.hits(stall)) this.stall(life);
    return !life.alive;
  }

  /** Whether it stands still because its machine is suspended. */
  #isSuspendable(): boolean {
    return this.#stage.scenario.kinds.includes("suspendedMachines");
  }

  private end(life: Life): void {
    life.alive = false;
    this.life = null;
    this.lifecycle = null;
  }
}
