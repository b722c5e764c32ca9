/** A worker process that is started again whenever it ends, as an orchestrator does. */
import { setTimeout as pause } from "node:timers/promises";
import { startChild } from "../support/child.ts";
import type { Ended, Started } from "../support/started.ts";
import type { Worker } from "./worker.child.ts";

const script = new URL("./worker.child.ts", import.meta.url);

export class Deployment {
  readonly name: string;
  readonly #worker: () => Worker;
  readonly #lives: Ended[] = [];
  /** What its processes were killed with, as often as it was done. */
  #killed = 0;
  #over = false;
  #running: Started;
  #alive = true;
  #stopped = false;
  readonly #watch: Promise<void>;

  /** `worker` says what the next process is told. */
  constructor(name: string, worker: () => Worker) {
    this.name = name;
    this.#worker = worker;
    this.#running = startChild(script, worker());
    this.#watch = this.#restart();
  }

  async #restart(): Promise<void> {
    for (;;) {
      this.#lives.push(await this.#running.ended);
      this.#alive = false;
      if (this.#over) return;
      await pause(50);
      if (this.#over) return;
      this.#stopped = false;
      this.#running = startChild(script, this.#worker());
      this.#alive = true;
    }
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#alive) this.#running.kill(signal);
  }

  /** `kill -9`. */
  kill(): void {
    if (this.#alive) this.#killed++;
    this.#signal("SIGKILL");
  }

  /** Stands still until {@link goOn}. */
  standStill(): void {
    this.#stopped = true;
    this.#signal("SIGSTOP");
  }

  goOn(): void {
    if (this.#stopped) this.#signal("SIGCONT");
    this.#stopped = false;
  }

  /** Resolves once its first process is at work. */
  async atWork(): Promise<void> {
    await this.#running.said(/at work/).catch(() => "");
  }

  /** Resolves once a process of it has onboarded all users. */
  async done(): Promise<void> {
    for (let done = false; !done;) {
      done = await this.#running.said(/all users are in/).then(
        () => true,
        () => false, // it ended; the next one
      );
      if (!done) await pause(50);
    }
  }

  /** Ends it in peace, or at once if it does not listen. */
  async end(): Promise<void> {
    this.#over = true;
    this.goOn();
    this.#signal("SIGTERM");
    const late = setTimeout(() => this.#signal("SIGKILL"), 60_000);
    await this.#watch;
    clearTimeout(late);
  }

  /** Ends it at once, whatever it does. */
  async abandon(): Promise<void> {
    this.#over = true;
    this.kill();
    await this.#watch;
  }

  /** Everything that its processes said. */
  get said(): string {
    return this.#lives.map(({ out, err }) => out + err).join("");
  }

  /** What is wrong with how its processes ended: killed, or in peace and without a word of complaint, is right. */
  get troubles(): readonly string[] {
    const odd = this.#lives.filter(
      ({ code, signal, err }) => !(code === 0 || signal === "SIGKILL") || err !== "",
    );
    const killed = this.#lives.filter(({ signal }) => signal === "SIGKILL").length;
    return [
      ...odd.map(({ code, signal, err }) => `${this.name} ended with ${code ?? signal}: ${err}`),
      ...(killed > this.#killed ? [`${this.name} did not end when it was told to`] : []),
    ];
  }
}
