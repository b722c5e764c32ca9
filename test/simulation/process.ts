/** A process of the application: a lifecycle with a worker, a clock of its own, and an end at any moment. */
import type { Clock, Lifecycle } from "oneup-lifecycle";
import { isLifecycleError } from "oneup-lifecycle";
import { openLifecycle } from "../../src/runtime/open.ts";
import type { Simulation } from "./simulation.ts";
import { second, Dice, minute } from "./time.ts";
import { unreliableNetwork } from "./unreliable-network.ts";
import { unreliableStore } from "./unreliable-store.ts";

/** The key ring of every process. */
export const ringKey: string = "5a".repeat(32);

/** One life of a process: from its start to its end. After that it hears nothing and does nothing. */
export class Life {
  readonly name: string;
  readonly clock: Clock;
  alive = true;
  /** Until then it stands still, on the true time. */
  stalledUntil = 0;
  /** What 1upHealth said with a 429, by endpoint. */
  readonly toldToWait = new Map<string, { readonly since: number; readonly until: number }>();
  /** It stood still once. */
  hasStalled = false;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation, name: string, skewMs: number, dice: Dice) {
    const { time } = simulation;
    const startedAt = time.now;
    this.#simulation = simulation;
    this.name = name;
    this.clock = {
      now: () => time.now + skewMs,
      monotonic: () => time.now - startedAt,
      random: () => dice.next(),
      timer: (ms, task) => this.hear(ms, task),
    };
  }

  /** Lets the process see something `ms` from now, or as soon after that as it does not stand still. */
  hear(ms: number, task: () => void): () => void {
    const { time } = this.#simulation;
    let cancel = time.after(ms, () => {
      if (!this.alive) return;
      if (time.now < this.stalledUntil) cancel = this.hear(this.stalledUntil - time.now, task);
      else task();
    });
    return () => cancel();
  }
}

/** What a process that is gone gets to hear: nothing, ever. */
export function never<T>(): Promise<T> {
  return new Promise(() => {});
}

/** A process that is started again after each of its ends. */
export class Process {
  readonly index: number;
  life: Life | null = null;
  lifecycle: Lifecycle | null = null;
  #lives = 0;
  /** The client secret that it started with. */
  #secret = "";
  readonly #simulation: Simulation;
  readonly #dice: Dice;

  constructor(simulation: Simulation, index: number) {
    this.#simulation = simulation;
    this.index = index;
    this.#dice = new Dice(simulation.scenario.seed, `process ${index}`);
  }

  get name(): string {
    return `p${this.index + 1}.${this.#lives}`;
  }

  /** It is up, and its secret is the right one. */
  get isFit(): boolean {
    const { scenario, handler } = this.#simulation;
    const deaf = scenario.rotation?.deaf.includes(this.index) ?? false;
    return this.lifecycle !== null && (!deaf || this.#secret === handler.world.credentials.clientSecret);
  }

  /** Opens the lifecycle and lets its worker work. A store that is away makes it try again. */
  start(): void {
    const { scenario, handler, time, judge, trace } = this.#simulation;
    this.#lives++;
    const life = new Life(this.#simulation, this.name, scenario.skewMs[this.index] ?? 0, this.#dice);
    this.life = life;
    this.#secret = handler.world.credentials.clientSecret;
    trace.note(life.name, "starts");
    const { clientId } = handler.world.credentials;
    const deaf = scenario.rotation?.deaf.includes(this.index) ?? false;
    const secret = (): string => (deaf ? this.#secret : handler.world.credentials.clientSecret);
    const warn = (message: string): void => {
      trace.note(life.name, message);
      judge.read(`the log of ${life.name}`, message);
    };
    const opened = openLifecycle(
      {
        credentials: deaf
          ? { clientId, clientSecret: this.#secret }
          : () => ({ clientId, clientSecret: secret() }),
        store: unreliableStore(this.#simulation, this, life),
        encryption: { keys: [ringKey] },
        limits: {
          management: scenario.limit,
          ...(scenario.tokenLimit && { token: scenario.tokenLimit }),
        },
        refresh: { policy: scenario.policy },
        clock: life.clock,
        transport: unreliableNetwork(this.#simulation, this, life),
        logger: { debug: () => {}, info: warn, warn },
      },
      { nextTurn: (task) => void life.hear(0, task) },
    );
    opened.then(
      (lifecycle) => {
        if (this.life !== life) return;
        this.lifecycle = lifecycle;
        lifecycle.work({ lookMs: 5 * minute }).catch((error: unknown) => {
          judge.blame(`the worker of ${life.name} ended: ${String(error)}`);
        });
      },
      (error: unknown) => {
        trace.note(life.name, `cannot start: ${String(error)}`);
        if (!isLifecycleError(error) || !error.retryable)
          judge.blame(`${life.name} cannot start: ${String(error)}`);
        this.end(life);
        time.after(30 * second, () => this.start());
      },
    );
  }

  /** Ends this life at once; another one begins a while later. */
  crash(life: Life): void {
    if (!life.alive) return;
    const { judge, time, trace } = this.#simulation;
    trace.note(life.name, "dies");
    judge.died(life.name);
    this.end(life);
    time.after(this.#dice.pick([second, 20 * second, 3 * minute]), () => this.start());
  }

  /** Stands still. */
  stall(life: Life): void {
    const { judge, time, trace } = this.#simulation;
    const ms = this.#dice.between(second, 3 * minute);
    trace.note(life.name, `stands still for ${Math.round(ms / second)} s`);
    judge.stalled(life.name);
    life.hasStalled = true;
    life.stalledUntil = time.now + ms;
  }

  /** What may happen to a process whenever it does something. True: it is dead now. */
  meetsItsFate(life: Life): boolean {
    const { rates } = this.#simulation;
    if (this.#dice.hits(rates.crash)) this.crash(life);
    else if (this.#dice.hits(rates.stall)) this.stall(life);
    return !life.alive;
  }

  private end(life: Life): void {
    life.alive = false;
    this.life = null;
    this.lifecycle = null;
  }
}
