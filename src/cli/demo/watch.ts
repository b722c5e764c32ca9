/**
 * Polls the store and draws the users until a condition holds: forty users as forty dots, one symbol per state.
 *
 * @module
 */
import { sleep, systemClock } from "../../clock.ts";
import type { UserStatus, UserState } from "../../index.ts";
import { kindOf } from "../../sandbox/base/plan.ts";
import type { Screen, Paint } from "../screen.ts";
import type { Stage, WorkerProcess } from "./stage.ts";
import { isPurging, type PurgingState } from "../../../machines/index.ts";
import { bar } from "../format.ts";

/** The users' statuses, in the order of `users`; null for one that was not in the store yet. */
export type Seen = readonly (UserStatus | null)[];

/** An hour, ms. */
export const hourMs = 3_600_000;
/** Management calls in an hour (1upHealth user management guide, Rate Limits). */
export const limit = 300;

/** How often to poll, and for how long at most, in ms. */
const pollMs = 40;
const patienceMs = 40_000;

export class Watch {
  readonly #stage: Stage;
  readonly #screen: Screen;
  readonly #signal: AbortSignal;
  /** Users with a call in doubt, and how many calls had been made for them when it was detected. */
  readonly #doubtful = new Map<string, number>();

  constructor(stage: Stage, screen: Screen, signal: AbortSignal) {
    this.#stage = stage;
    this.#screen = screen;
    this.#signal = signal;
  }

  /** Polls until `done` or a timeout, and returns the last statuses. @throws if the worker exits by itself */
  async until(worker: WorkerProcess, done: (seen: Seen) => boolean): Promise<Seen> {
    const end = systemClock.monotonic() + patienceMs;
    for (;;) {
      this.#signal.throwIfAborted();
      const seen = await this.glance();
      if (done(seen) || systemClock.monotonic() > end) return seen;
      if (worker.died) throw new Error(`Worker process ${worker.pid} exited unexpectedly`);
      await sleep(systemClock, pollMs, this.#signal);
    }
  }

  /** Reads the store once and redraws. */
  async glance(): Promise<Seen> {
    const seen = await this.#stage.look(users);
    this.#screen.draw(this.#picture(seen));
    return seen;
  }

  /** Reads the store once and leaves the picture on the screen. */
  async settle(): Promise<Seen> {
    const seen = await this.#stage.look(users);
    this.#screen.settle(this.#picture(seen));
    return seen;
  }

  /** Like {@link settle}, after the only worker has died: every call that was in flight is in doubt from now on. */
  async settleDead(): Promise<Seen> {
    for (const user of await this.#stage.look(users))
      if (user?.underWay) this.#doubtful.set(user.appUserId, callsOf(user));
    return this.settle();
  }

  #picture(seen: Seen): string[] {
    const { journal, clock } = this.#stage.sandbox;
    const { paint } = this.#screen;
    const since = clock.now() - hourMs;
    const spent = journal
      .entries()
      .filter(({ call, at }) => at > since && kindOf(call) === "management").length;
    // A user stays in doubt until another call is made for it.
    const inDoubt = (user: UserStatus): boolean =>
      user.underWay !== null && this.#doubtful.get(user.appUserId) === callsOf(user);
    return picture(seen, spentBar(spent, limit, paint), paint, inDoubt);
  }
}

function callsOf({ calls }: UserStatus): number {
  return calls.management + calls.token;
}

/** The users of the demo. The first one is the user in 1upHealth's own guide. */
export const users: readonly string[] = [
  ..."bilbo frodo samwise meriadoc peregrin rosie hamfast lobelia otho lotho".split(" "),
  ..."drogo primula esmeralda saradoc paladin eglantine pervinca pearl pimpernel estella".split(" "),
  ..."fredegar folco daisy griffo polo ponto porto prisca linda bodo".split(" "),
  ..."odo olo largo fosco dora dudo mungo belladonna bungo camellia".split(" "),
];

/** What a dot can show. */
type Standing = Exclude<UserState, PurgingState | "offboarded"> | "notBegun" | "inDoubt";

interface Look {
  readonly dot: string;
  readonly tone: keyof Paint;
  readonly label: string;
}

const looks: Readonly<Record<Standing, Look>> = {
  notBegun: { dot: "·", tone: "quiet", label: "not started" },
  created: { dot: "○", tone: "busy", label: "created" },
  codeIssued: { dot: "◐", tone: "busy", label: "codeIssued" },
  tokenActive: { dot: "●", tone: "good", label: "tokenActive" },
  reauthorizing: { dot: "◇", tone: "busy", label: "reauthorizing" },
  locating: { dot: "◎", tone: "busy", label: "locating" },
  expiring: { dot: "◒", tone: "busy", label: "expiring" },
  refreshed: { dot: "◉", tone: "good", label: "refreshed" },
  reauthorized: { dot: "◆", tone: "saved", label: "reauthorized" },
  renaming: { dot: "◌", tone: "busy", label: "renaming" },
  renameInDoubt: { dot: "◌", tone: "busy", label: "renameInDoubt" },
  failed: { dot: "✕", tone: "bad", label: "failed" },
  inDoubt: { dot: "?", tone: "bad", label: "call in doubt" },
};

function standing(status: UserStatus | null, inDoubt: (status: UserStatus) => boolean): Standing {
  if (status === null || status.state === "offboarded" || isPurging(status.state)) return "notBegun";
  return inDoubt(status) ? "inDoubt" : status.state;
}

/** The legend beside the dots, in two columns of four; the third entry replaces the second while it applies to a user. */
const legend: readonly (readonly [left: Standing, right: Standing, trouble?: Standing])[] = [
  ["created", "expiring", "inDoubt"],
  ["codeIssued", "refreshed"],
  ["tokenActive", "reauthorizing", "failed"],
  ["notBegun", "reauthorized"],
];

const dotsInRow = 10;

/** Draws the users, the count of each state, and a line below. `inDoubt`: the process that made this user's call died. */
function picture(
  users: readonly (UserStatus | null)[],
  below: string,
  paint: Paint,
  inDoubt: (status: UserStatus) => boolean,
): string[] {
  const standings = users.map((status) => standing(status, inDoubt));
  const count = (one: Standing): number => standings.filter((other) => other === one).length;
  const entry = (one: Standing): string => {
    const { dot, tone, label } = looks[one];
    const text = `${label.padEnd(14)} ${String(count(one)).padStart(3)}`;
    return count(one) === 0 ? paint.quiet(`${dot} ${text}`) : `${paint[tone](dot)} ${text}`;
  };
  const lines = legend.map(([left, right, trouble], row) => {
    const second = trouble !== undefined && count(trouble) > 0 ? trouble : right;
    const dots = standings
      .slice(row * dotsInRow, (row + 1) * dotsInRow)
      .map((one) => paint[looks[one].tone](looks[one].dot))
      .join(" ");
    return `     ${dots}      ${entry(left)}      ${entry(second)}`;
  });
  return ["", ...lines, "", `     ${below}`];
}

const barLength = 30;

/** A bar that shows how much of the hourly limit is used. */
function spentBar(spent: number, limit: number, paint: Paint): string {
  return `management calls this hour  ${bar(spent, limit, barLength, paint)}  ${String(spent).padStart(3)} of ${limit}`;
}
