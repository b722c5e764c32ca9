/** A process of a long import: a worker, perhaps the import itself, and people who sign up there, until it dies. */
import type { Lifecycle, StoreAdapter, Transport, TransportRequest } from "oneup-lifecycle";
import { heldBack } from "../../src/http/transport.ts";
import { openLifecycle } from "../../src/runtime/open-lifecycle.ts";
import type { Delivery } from "../../src/sandbox/handler.ts";
import type { Incoming } from "../../src/sandbox/base/message.ts";
import { idOf, limit, type ImportStage } from "./import-plan.ts";
import { Life, never } from "./life.ts";
import { firstRing } from "./operator.ts";
import { Dice, hour, second } from "./time.ts";
import { silentLogger } from "../support/loggers.ts";

/** One in this many resumed imports gets the whole list; the others have no user to add, and get none. */
const wholeEvery = 20;

export class Importer {
  readonly #stage: ImportStage;
  readonly #index: number;
  readonly #dice: Dice;
  #lifecycle: Promise<Lifecycle> = never();
  #lives = 0;
  #imports = false;
  /** Questions to the store until it dies. */
  #questionsLeft = Infinity;
  /** People who have not yet got a user here. */
  readonly #asking = new Set<string>();

  constructor(stage: ImportStage, index: number) {
    this.#stage = stage;
    this.#index = index;
    this.#dice = new Dice(stage.plan.seed, `process ${index}`);
  }

  start(): void {
    const { handler, time } = this.#stage;
    const life = new Life(time, `p${this.#index + 1}.${++this.#lives}`, Infinity, () => 0, this.#dice);
    this.#lifecycle = openLifecycle(
      {
        credentials: handler.world.credentials,
        store: this.#adapter(life),
        encryption: { ring: () => firstRing },
        limits: { management: limit },
        refresh: { policy: "lazy" },
        clock: life.clock,
        transport: this.#network(life),
        logger: silentLogger,
      },
      { nextTurn: (task) => void life.hear(0, task) },
    );
    void this.#lifecycle.then((lifecycle) => lifecycle.work({ pollMs: hour }));
    if (this.#imports) this.bringIn();
    for (const id of this.#asking) this.signUp(id);
  }

  /** This process has the list, from now on and when it is started again. */
  bringIn(): void {
    const { plan, judge } = this.#stage;
    const whole = !judge.allRead || judge.resumed % wholeEvery === 0;
    this.#imports = true;
    judge.imports();
    function* ids(): Generator<string> {
      for (let number = 0; whole && number < plan.users; number++) yield idOf(number);
    }
    void this.#lifecycle
      .then((lifecycle) =>
        lifecycle.onboardMany(ids(), {
          name: "million",
          everyMs: hour,
          onProgress: ({ phase, left, read }) => {
            if (phase === "onboarding" && read === plan.users) judge.allRead = true;
            judge.left = left;
          },
        }),
      )
      .then(
        (summary) => judge.hears(summary),
        (error: unknown) => judge.blame(`the import rejected with ${String(error)}`),
      );
  }

  /** A person signs up, and looks again later; a few stay and wait. */
  signUp(id: string): void {
    this.#asking.add(id);
    this.#stage.judge.asks(id);
    const waitMs = this.#dice.hits(0.02) ? 2 * hour : 0;
    void this.#lifecycle
      .then((lifecycle) => lifecycle.onboard(id, { waitMs }))
      .then(() => this.#asking.delete(id))
      .catch((error: unknown) => this.#stage.judge.blame(`onboard(${id}) rejected with ${String(error)}`));
  }

  /** It dies at one of its next requests to the store, at any of them. */
  dieSoon(within: number = 300): void {
    this.#questionsLeft = this.#dice.between(1, within);
  }

  #die(life: Life): void {
    const { judge, time } = this.#stage;
    life.alive = false;
    this.#questionsLeft = Infinity;
    judge.died(life);
    time.after(20 * second, () => this.start());
  }

  #adapter(life: Life): StoreAdapter {
    const { store, judge } = this.#stage;
    const ask = <T>(question: () => Promise<T>): Promise<T> => {
      if (!life.alive) return never();
      const dies = --this.#questionsLeft < 0;
      if (dies && this.#dice.hits(0.5)) return (this.#die(life), never());
      if (!dies) return question();
      // It is written, and the process dies before it gets the response.
      return question().then(() => {
        if (life.alive) this.#die(life);
        return never();
      });
    };
    return {
      name: "simulated",
      durable: true,
      open: async () => ({
        load: (id) => ask(() => store.load(id)),
        commit: (commit) =>
          ask(async () => {
            const answer = await store.commit(commit);
            await judge.committed(life, commit, answer);
            return answer;
          }),
        claim: (question) => ask(async () => judge.leased(life, await store.claim(question))),
        grant: (question) => ask(async () => judge.granted(life, await store.grant(question))),
        move: (move) => ask(() => store.move(move)),
        erase: (question) => ask(() => store.erase(question)),
        slots: {
          take: (request) => ask(() => store.slots.take(request)),
          settle: (slot) => ask(() => store.slots.settle(slot)),
          giveBack: (slot) => ask(() => store.slots.giveBack(slot)),
          forecast: (question) => ask(() => store.slots.forecast(question)),
        },
        page: (question) => ask(() => store.page(question)),
        counts: () => ask(() => store.counts()),
        tally: () => ask(() => store.tally()),
        account: {
          load: () => ask(() => store.account.load()),
          commit: (write) => ask(() => store.account.commit(write)),
        },
        close: async () => {},
      }),
    };
  }

  #network(life: Life): Transport {
    const { handler, time, judge } = this.#stage;
    const dice = new Dice(this.#stage.plan.seed, `network of ${life.name}`);
    return {
      send: (request) =>
        new Promise((resolve, reject) => {
          if (!life.alive) return;
          if (!request.onSending()) return reject(heldBack());
          const incoming = incomingOf(request);
          const arrived = (delivery: Delivery): void => {
            const entry = handler.journal.entries()[0];
            if (entry !== undefined) judge.arrived(entry);
            handler.journal.clear(); // a million lines without a reader
            if (delivery.type !== "answer") return;
            const { status, headers, body } = delivery.outgoing;
            life.hear(dice.between(5, 80), () => resolve({ status, headers: { ...headers }, text: body }));
          };
          // A call on its way arrives, even if the process that sent it dies.
          time.after(dice.between(5, 80), () => {
            void handler.handle(incoming).then(arrived);
          });
        }),
    };
  }
}

function incomingOf({ method, url, headers, body }: TransportRequest): Incoming {
  const { pathname, search, origin } = new URL(url);
  return { method, path: pathname, query: search.slice(1), headers, body: body ?? "", origin };
}
