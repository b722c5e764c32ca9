/**
 * The end of a story in which the store of yesterday is restored: a copy of it is made, people and their tokens go on, and
 * then all processes end and start with the copy. Every person who asks is one user with a working token, at no more calls
 * than the guide tells; who had left or was renamed before the copy still has; and readers of events notice.
 */
import { Buffer } from "node:buffer";
import { isLifecycleError, type Lifecycle } from "oneup-lifecycle";
import { limitNames } from "../../src/runtime/moving/copy.ts";
import { Asking } from "./asking.ts";
import type { PlainStore } from "./plain-store.ts";
import type { Process } from "./process.ts";
import type { Stage } from "./stage.ts";
import { Dice, hour, second } from "./time.ts";

/** What a person does before the copy is made, and since. */
const people = {
  rests: { before: ["signs up"], since: [] },
  "is-refreshed": { before: ["signs up"], since: ["refreshes"] },
  "has-a-fresh-grant": { before: ["signs up"], since: ["reauthorizes"] },
  "comes-back": { before: ["signs up"], since: ["leaves", "signs up"] },
  "is-new": { before: [], since: ["signs up"] },
  "has-left": { before: ["signs up", "leaves"], since: [] },
  "was-forgotten": { before: ["signs up", "leaves", "is forgotten"], since: [] },
  "was-renamed": { before: ["signs up", "is renamed"], since: [] },
} as const satisfies Record<string, Record<"before" | "since", readonly Act[]>>;

type Act = "signs up" | "refreshes" | "reauthorizes" | "leaves" | "is forgotten" | "is renamed";
type Fate = keyof typeof people;

const fates = Object.keys(people) as Fate[]; // those above

const idOf = (fate: Fate): string => `one-who-${fate}`;
const newIdOf = (fate: Fate): string => `${idOf(fate)}-anew`;

/** What the application asks for. */
const verbs: Readonly<Record<Act, (lifecycle: Lifecycle, fate: Fate) => Promise<unknown>>> = {
  "signs up": async (lifecycle, fate) =>
    (await lifecycle.onboard(idOf(fate), { waitMs: 20 * second })).usable,
  refreshes: (lifecycle, fate) => lifecycle.accessToken(idOf(fate)),
  reauthorizes: (lifecycle, fate) => lifecycle.reauthorize(idOf(fate)),
  leaves: (lifecycle, fate) => lifecycle.offboard(idOf(fate), { purge: false }),
  "is forgotten": (lifecycle, fate) => lifecycle.forget(idOf(fate)),
  "is renamed": async (lifecycle, fate) =>
    (await codeOf(lifecycle.rename(idOf(fate), newIdOf(fate)), "RENAMED")) ?? true,
};

/** The places of stores. */
export interface Places {
  readonly processes: readonly Process[];
  /** Another store, empty. */
  readonly another: () => PlainStore;
  /** From now on this is the store. */
  readonly use: (store: PlainStore) => void;
}

export class Restored {
  readonly #blamed: string[] = [];
  readonly #stage: Stage & { readonly store: PlainStore };
  readonly #places: Places;
  readonly #asking: Asking;

  constructor(stage: Stage & { readonly store: PlainStore }, places: Places) {
    this.#stage = stage;
    this.#places = places;
    this.#asking = new Asking(stage, new Dice(stage.scenario.seed, "restored"), this.#blamed);
  }

  /** Plays the story to its end, if it has one; returns the broken promises. */
  async play(): Promise<readonly string[]> {
    const { scenario, time } = this.#stage;
    if (!scenario.kinds.includes("restored")) return [];
    let isOver = false;
    void this.#live().then(() => (isOver = true));
    // A refresh token that is refused without a reason is given up after a day.
    await time.run(time.now + 120 * hour, () => isOver || this.#blamed.length > 0);
    if (!isOver) this.#blamed.push("P2: what follows a restore does not end");
    return this.#blamed;
  }

  async #live(): Promise<void> {
    const { time } = this.#stage;
    await this.#all("before");
    const { copy, last } = await this.#copied();
    await this.#asking.wait(3 * hour); // by then no access token of the copy works
    await this.#all("since");
    const cursors = await this.#cursorsBehind(last);
    await this.#asking.wait(20 * hour);
    const restoredAt = time.now;
    this.#stage.trace.note("OPERATOR", "restores the store of yesterday");
    this.#places.use(copy);
    for (const process of this.#places.processes) if (process.life !== null) process.crash(process.life);
    await this.#isNoticed(cursors.at(-1));
    await Promise.all(fates.map((fate) => this.#goesOn(fate)));
    await this.#isNoticed(cursors[0]);
    for (const fate of fates) this.#judge(fate, restoredAt);
  }

  async #all(when: "before" | "since"): Promise<void> {
    await Promise.all(
      fates.map(async (fate) => {
        for (const act of people[fate][when])
          await this.#until(fate, act, (lifecycle) => verbs[act](lifecycle, fate));
      }),
    );
  }

  #until(fate: Fate, what: string, question: (lifecycle: Lifecycle) => Promise<unknown>): Promise<void> {
    return this.#asking.until(idOf(fate), what, question);
  }

  /** A copy of the store as it is now, and the number of its last event. */
  async #copied(): Promise<{ readonly copy: PlainStore; readonly last: number }> {
    const { account, events: outbox, transfer } = this.#stage.store;
    const copy = this.#places.another();
    const { value = null, identity = "" } = (await account.load()) ?? {};
    await copy.account.commit({ value, expectedRevision: 0, writeId: identity });
    const { rows } = await transfer.rows(null, 1e6);
    await copy.transfer.writeRows({ rows, identity });
    for (const [limit, log] of await transfer.logs(limitNames))
      await copy.transfer.writeLog({ limit, log, identity });
    const { last = 0, ...events } = (await outbox?.read({ after: 0, limit: 1e6 })) ?? {};
    await copy.transfer.writeEvents({ events: [], trimmed: 0, ...events, last, identity });
    return { copy, last };
  }

  /** The cursors of the events since then. */
  async #cursorsBehind(last: number): Promise<readonly string[]> {
    let cursors: string[] = [];
    await this.#until("rests", "events", async (lifecycle) => {
      cursors = [];
      for await (const { cursor } of lifecycle.events({ follow: false }))
        if (numberOf(cursor) > last) cursors.push(cursor);
      return cursors.length > 0;
    });
    return cursors;
  }

  /** A reader whose place is not in the copy learns it. */
  async #isNoticed(cursor: string | undefined): Promise<void> {
    await this.#until("rests", "events", async (lifecycle) => {
      const read = lifecycle.events({ after: cursor, follow: false });
      if ((await codeOf(read.next(), "CURSOR_EXPIRED")) === null)
        this.#blamed.push("P1: a reader of events is not told of the restore");
    });
  }

  async #goesOn(fate: Fate): Promise<void> {
    const blame = (what: string): void =>
      void this.#blamed.push(`P1: after the restore ${idOf(fate)} ${what}`);
    if (fate === "has-left")
      return this.#until(fate, "inspect", async (lifecycle) => {
        const { state } = await lifecycle.inspect(idOf(fate));
        if (state !== "offboarded") blame(`is ${state}`);
      });
    if (fate === "was-forgotten")
      return this.#until(fate, "inspect", async (lifecycle) => {
        const code = await codeOf(lifecycle.inspect(idOf(fate)), "USER_UNKNOWN");
        if (code === null) blame("is here");
      });
    const isRenamed = fate === "was-renamed";
    if (isRenamed)
      await this.#until(fate, "inspect", async (lifecycle) => {
        const code = await codeOf(lifecycle.inspect(idOf(fate)), "RENAMED");
        if (code === null) blame("has its former id");
      });
    else await this.#until(fate, "onboard", (lifecycle) => verbs["signs up"](lifecycle, fate));
    const id = isRenamed ? newIdOf(fate) : idOf(fate);
    await this.#until(fate, "search", (lifecycle) => lifecycle.fhir(id, "r4").search("Patient", {}));
  }

  /** One user at 1upHealth, for no more calls than a fresh code takes, and to find one who signed up since. */
  #judge(fate: Fate, since: number): void {
    const { users } = this.#stage.handler.world;
    const found = users.all.filter(({ appUserId }) => [idOf(fate), newIdOf(fate)].includes(appUserId));
    if (found.length !== 1) this.#blamed.push(`P2: ${idOf(fate)} is ${found.length} users at 1upHealth`);
    const its = this.#stage.handler.journal
      .entries()
      .filter(({ at, appUserId, oneupUserId }) =>
        found.some(
          (user) => at > since && (user.appUserId === appUserId || user.oneupUserId === oneupUserId),
        ),
      );
    const calls = its.filter(({ call }) => ["createUser", "issueAuthCode", "listUsers"].includes(call));
    // A code may be lost or dead, which is no matter of the restore.
    const lost = its.filter(({ call, status }) => call === "exchangeCode" && status !== 200);
    if (calls.length > (fate === "is-new" ? 3 : 1) + lost.length)
      this.#blamed.push(`P2: ${idOf(fate)} costs ${calls.map(({ call }) => call).join()} after the restore`);
  }
}

/** This code, if it is that of the error; `null`: there was none. */
async function codeOf<Code extends string>(answer: Promise<unknown>, code: Code): Promise<Code | null> {
  try {
    await answer;
    return null;
  } catch (error) {
    if (isLifecycleError(error) && error.code === code) return code;
    throw error;
  }
}

function numberOf(cursor: string): number {
  return Number(Buffer.from(cursor, "base64url").toString().split(".")[2]);
}
