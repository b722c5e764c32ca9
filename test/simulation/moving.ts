/**
 * The operator moves everything to another store while people and processes are at work. The process that moves dies at
 * any of its requests, and is started again, or the move is called off and begun anew. Afterwards all processes are
 * started with the other store.
 */
import { abortMove, isLifecycleError, moveStore, type MoveOptions, type StoreAdapter } from "oneup-lifecycle";
import type { MovableStore } from "../../src/store/movable.ts";
import { newestFormat } from "../../src/store/envelope.ts";
import { marksOf } from "../../src/store/moved-store.ts";
import { never } from "./life.ts";
import type { PlainStore } from "./plain-store.ts";
import type { Places } from "./restored.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, minute, second } from "./time.ts";

/** One life of the process that moves. */
interface Mover {
  isDead: boolean;
  readonly die: () => void;
}

export class Moving {
  /** Nothing is being moved. */
  isDone = true;
  readonly #stage: Stage & { readonly store: PlainStore };
  readonly #places: Places;
  readonly #dice: Dice;
  #target: PlainStore;
  #callsOff = false;

  constructor(stage: Stage & { readonly store: PlainStore }, places: Places) {
    this.#stage = stage;
    this.#places = places;
    this.#dice = new Dice(stage.scenario.seed, "moving");
    this.#target = places.another();
  }

  begin(): void {
    const { kinds, scenario, time } = this.#stage;
    if (scenario.releases.to > newestFormat) return; // the command is of this release
    for (const ms of kinds.moves()) time.after(ms, () => this.#start());
  }

  #start(): void {
    if (!this.isDone) return;
    this.isDone = false;
    this.#target = this.#places.another();
    this.#attempt(0);
  }

  /** A process moves, or calls it off, until it dies, fails or is done. */
  #attempt(failures: number): void {
    const stage = this.#stage;
    const dice = this.#dice;
    const { time, trace, judge } = stage;
    // What was called off is not taken up again.
    this.#callsOff ||= failures > 0 && !stage.isOver && dice.hits(0.2);
    const callsOff = this.#callsOff;
    const what = callsOff ? "abortMove" : "moveStore";
    trace.note("OPERATOR", `${what}?`);
    const again = (how: string): void => {
      trace.note("OPERATOR", `${what}: ${how}`);
      time.after(dice.between(second, 3 * minute), () => this.#attempt(failures + 1));
    };
    const mover: Mover = {
      isDead: false,
      die() {
        if (mover.isDead) return; // at another of its requests
        mover.isDead = true;
        again("dies");
      },
    };
    const { clientId } = stage.handler.world.credentials;
    const options: MoveOptions = {
      clientId,
      encryption: { ring: () => stage.ring },
      clock: time.clock(),
    };
    const from = this.#reached(stage.store, mover);
    const to = this.#reached(this.#target, mover);
    const run = callsOff ? abortMove(from, to, options) : moveStore(from, to, options);
    const ended = (): void => {
      trace.note("OPERATOR", `${what}: done`);
      if (callsOff) this.#calledOff();
      else this.#arrived();
    };
    run.then(ended, (error: unknown) => {
      judge.read("an error of a move", `${String(error)} ${JSON.stringify(error)}`);
      const isUnbegun = callsOff && String(error).includes("no move to that store was begun");
      if (isUnbegun) return this.#calledOff();
      if (!isLifecycleError(error) || !error.retryable)
        judge.blame(`${what}() rejected with ${String(error)}`);
      again(String(error));
    });
  }

  #calledOff(): void {
    this.#callsOff = false;
    const { time, isOver } = this.#stage;
    if (isOver) this.isDone = true;
    else time.after(this.#dice.between(second, hour), () => this.#attempt(0));
  }

  #arrived(): void {
    this.#places.use(this.#target);
    for (const process of this.#places.processes) process.restart();
    this.isDone = true;
  }

  /** A store as the process that moves reaches it: each request takes time, may fail, and may be its last. */
  #reached(store: MovableStore, mover: Mover): StoreAdapter {
    const { time, judge } = this.#stage;
    const ask = async <T>(question: () => Promise<T>): Promise<T> => {
      await new Promise<void>((resolve) => void time.after(this.#dice.between(1, 5 * second), resolve));
      if (mover.isDead) return never();
      const dies = this.#stage.isOver ? 1 : this.#dice.next();
      if (dies < 0.03) mover.die();
      if (mover.isDead) return never();
      const answer = await question();
      if (dies >= 0.03 && dies < 0.06) mover.die();
      return mover.isDead ? never() : answer;
    };
    const { transfer, account, events } = store;
    const reached: MovableStore = {
      ...store,
      counts: () => ask(() => store.counts()),
      account: {
        load: () => ask(() => account.load()),
        commit: (write) => ask(() => account.commit(write)),
      },
      ...(events && { events: { ...events, read: (question) => ask(() => events.read(question)) } }),
      transfer: {
        now: () => ask(() => transfer.now()),
        seat: (seat) =>
          ask(async () => {
            const isSeated = await transfer.seat(seat);
            // What the processes do is lost to the other store, as if they had died.
            if (isSeated && marksOf(seat.value).moved !== undefined)
              for (const { name } of this.#places.processes) judge.noteInterruption(name, "died");
            return isSeated;
          }),
        rows: (after) => ask(() => transfer.rows(after, 7)),
        rowsOf: (ids) => ask(() => transfer.rowsOf(ids)),
        logs: (limits) => ask(() => transfer.logs(limits)),
        writeRows: (rows) => ask(() => transfer.writeRows(rows)),
        writeLog: (log) => ask(() => transfer.writeLog(log)),
        writeEvents: (written) => ask(() => transfer.writeEvents(written)),
        clear: (cleared) => ask(() => transfer.clear(cleared)),
      },
      close: async () => {},
    };
    return { name: "simulated", durable: true, timeoutMs: 5_000, open: async () => reached };
  }
}
