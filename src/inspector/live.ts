/**
 * `GET api/live`: server-sent events. One loop looks at the store for all pages, while at least one is open.
 * It remembers how large imports were: a store knows only their users that have no token yet.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { linkSignals, onAbort } from "../abort.ts";
import { sleep, type Clock } from "../clock.ts";
import { changeFeed } from "./change-feed.ts";
import { refuse, respond } from "./responses.ts";
import type { SandboxControl } from "./sandbox-view.ts";
import type { Overview, ImportView } from "./shapes.ts";
import type { Views } from "./views.ts";
import { watchedUsers, type Watching } from "./watched-users.ts";
import { LifecycleError } from "../errors.ts";
import type { Lane, Lifecycle, OpenImport } from "../index.ts";
import { internalsOf } from "../runtime/internals.ts";

/** How often the store is looked at, ms. */
const lookEveryMs = 1_000;
/** Pages ask for users again at most so often, ms. */
const usersEveryMs = 2_000;
/** An idle connection is kept, and its page knows that it is there, ms. */
const beatEveryMs = 15_000;
/** Steps are sent together, ms after the first. */
const gatherMs = 100;
/** A page connects again after this time, so that `authorize` is asked again, ms. */
const longestStreamMs = 300_000;
/** Texts that wait for a slow page; one that is slower connects again. */
const mostWaiting = 64;
const mostPages = 200;

/** The parts of {@link Live}. */
export interface LiveParts extends Views {
  readonly basePath: string;
  readonly clock: Clock;
  readonly sandbox: SandboxControl | null;
}

/** An open page. */
interface Page {
  /** Only the page itself knows it. */
  readonly name: string;
  readonly masked: boolean;
  send(text: string): void;
  end(): void;
}

/** What the open pages are told. */
export function createLive({ lifecycle, ids, basePath, clock, sandbox }: LiveParts) {
  const lookNow = createLooker(lifecycle, clock, sandbox);
  const pages = new Set<Page>();
  const watched = watchedUsers<Page>({ lifecycle, ids });
  const closing = new AbortController();
  let isRunning = false;
  /** Steps that were seen and not sent. */
  let unsent = 0;
  let stopGathering: (() => void) | null = null;
  let hasNews = false;
  /** Earlier steps were found, which no page has been told of. */
  let hasBacklog = false;
  let toldUsersAt = Number.NEGATIVE_INFINITY;
  const feed = changeFeed(lifecycle, ids, changed);

  function stream(signal: AbortSignal, masked: boolean): ReadableStream<Uint8Array> {
    const encoder = new TextEncoder();
    const endings: (() => void)[] = [];
    const leave = (page: Page): void => {
      pages.delete(page);
      watched.leave(page);
      for (const end of endings.splice(0)) end();
    };
    let cancel = (): void => {};
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          const page: Page = {
            name: randomUUID(),
            masked,
            send: (text) => {
              if (!pages.has(page)) return;
              controller.enqueue(encoder.encode(text));
              if ((controller.desiredSize ?? 0) <= 0) page.end();
            },
            end() {
              if (endings.length === 0) return;
              leave(page);
              controller.close();
            },
          };
          cancel = () => leave(page);
          pages.add(page);
          endings.push(clock.timer(longestStreamMs, page.end));
          endings.push(onAbort(signal, page.end));
          page.send("retry: 1000\n\n");
          page.send(eventText("page", { name: page.name }));
          void begin(page);
        },
        cancel: () => cancel(),
      },
      new CountQueuingStrategy({ highWaterMark: mostWaiting }),
    );
  }

  /** Sends the page what there is now, and begins to look for as long as pages are open. */
  async function begin(page: Page): Promise<void> {
    try {
      const look = await lookNow();
      sendOverview([page], look);
      if (isRunning) return;
      isRunning = true;
      await keepLooking(look).finally(() => (isRunning = false));
    } catch {
      for (const page of pages) page.end(); // the lifecycle or the inspector is closed
    }
  }

  async function keepLooking(first: Look): Promise<void> {
    const watching = linkSignals(closing.signal);
    const flowAt = ({ now }: Look): string => JSON.stringify(feed.flow(now.getTime()));
    let [last, lastFlow] = [first, flowAt(first)];
    let beatAt = clock.monotonic();
    try {
      while (pages.size > 0) {
        void feed.follow(watching.signal);
        await sleep(clock, lookEveryMs, watching.signal);
        if (pages.size === 0) return;
        const look = await lookNow();
        const isOther = differs(last, look);
        hasNews ||= isOther;
        const flow = flowAt(look);
        if (isOther || flow !== lastFlow || hasBacklog) sendOverview(pages, look);
        hasBacklog = false;
        [last, lastFlow] = [look, flow];
        tellUsers();
        await tellOutdated();
        if (clock.monotonic() - beatAt < beatEveryMs) continue;
        beatAt = clock.monotonic();
        for (const page of pages) page.send(eventText("beat", {}));
      }
    } finally {
      watching.abort();
    }
  }

  function sendOverview(pages: Iterable<Page>, look: Look): void {
    const texts = new Map<boolean, string>();
    for (const page of pages) {
      const { masked } = page;
      const text = texts.get(masked) ?? eventText("overview", overviewOf(look, masked));
      texts.set(masked, text);
      page.send(text);
    }
  }

  function overviewOf(look: Look, masked: boolean): Overview {
    const flow = feed.flow(look.now.getTime());
    return { ...look, basePath: basePath, masked, flow, changes: feed.latest() };
  }

  /** A user took a step, now or before. */
  function changed(isNew: boolean): void {
    hasBacklog ||= !isNew;
    if (!isNew) return;
    hasNews = true;
    if (pages.size === 0) return;
    unsent++;
    stopGathering ??= clock.timer(gatherMs, () => {
      stopGathering = null;
      sendChanges();
    });
  }

  function sendChanges(): void {
    const fresh = feed.latest().slice(0, unsent);
    unsent = 0;
    const text = [...fresh].reverse().map((change) => eventText("change", change));
    for (const page of pages) page.send(text.join(""));
    tellUsers();
  }

  /** Tells the pages that show a user or a list as it is no longer. Where events are on, they tell it. */
  async function tellOutdated(): Promise<void> {
    if (feed.followsAll()) return;
    const pages = await watched.outdated().catch(() => []); // the store does not respond: looked at again
    for (const page of pages) page.send(eventText("users", {}));
  }

  function tellUsers(): void {
    const now = clock.monotonic();
    if (!hasNews || now - toldUsersAt < usersEveryMs) return;
    hasNews = false;
    toldUsersAt = now;
    for (const page of pages) page.send(eventText("users", {}));
  }

  return {
    /** `POST api/overview`. @throws {LifecycleError} `CLOSED` */
    async overview(masked: boolean): Promise<Overview> {
      return overviewOf(await lookNow(), masked);
    },

    /** `POST api/watch`: what a page shows from now on. */
    watch({ page: name, ...shown }: Watching): void {
      const page = [...pages].find((one) => one.name === name);
      if (page !== undefined) watched.show(page, shown);
    },

    /** Opens a stream of events for a page. */
    open(request: Request, masked: boolean): Response {
      if (pages.size >= mostPages) {
        const message = `Cannot open another live view: at most ${mostPages} may be open`;
        return refuse({ status: 503, code: "TOO_MANY", message }, "json");
      }
      return respond(200, stream(request.signal, masked), {
        "content-type": "text/event-stream; charset=utf-8",
        "x-accel-buffering": "no",
      });
    },

    /** Ends all streams. */
    close(): void {
      closing.abort();
      feed.close();
      stopGathering?.();
      for (const page of pages) page.end();
    },
  };
}

function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** What one look shows. */
export type Look = Omit<Overview, "basePath" | "masked" | "changes" | "flow">;

/** A look is shown again for so long, ms. */
const freshMs = 900;

/** Looks at the account, unless it did so just now. Rejects only if the lifecycle is closed. */
function createLooker(
  lifecycle: Lifecycle,
  clock: Clock,
  sandbox: SandboxControl | null,
): () => Promise<Look> {
  let last: { readonly at: number; readonly look: Promise<Look> } | null = null;
  const withImports = importsSeen();
  let forecast: Look["forecast"] = { interactive: 0, recovery: 0, bulk: 0 };

  async function look(): Promise<Look> {
    const health = await lifecycle.health();
    const isClosed = !health.ready && health.problem === null;
    if (isClosed) throw new LifecycleError("CLOSED", "Cannot look at the account: the lifecycle was closed");
    const responds = health.storeMs !== null;
    const [read, isSandbox] = await Promise.all([
      responds ? lifecycle.budget.refresh().catch(() => null) : null,
      sandbox?.isThere() ?? false,
      responds
        ? forecasts(lifecycle)
            .then((now) => (forecast = now))
            .catch(() => null)
        : null,
    ]);
    const budget = read ?? lifecycle.budget.get(); // what was shown before
    const inside = internalsOf(lifecycle);
    const { users: counts, imports } = budget;
    const now = new Date(inside?.now() ?? clock.now());
    return {
      now,
      store: inside?.store() ?? null,
      ready: health.ready,
      problem: health.problem,
      isStale: read === null || health.problem === "STORE_UNUSABLE",
      counts,
      total: Object.values(counts).reduce((sum, count) => sum + count, 0),
      budget,
      forecast,
      health,
      sandbox: isSandbox,
      imports: withImports(imports, now),
    };
  }

  return () => {
    const at = clock.monotonic();
    if (last !== null && at - last.at < freshMs) return last.look;
    const next = look();
    last = { at, look: next };
    return next;
  };
}

async function forecasts(lifecycle: Lifecycle): Promise<Look["forecast"]> {
  const inMs = async (lane: Lane): Promise<number> => (await lifecycle.forecast(1, lane)).inMs;
  const asked = [inMs("interactive"), inMs("recovery"), inMs("bulk")] as const;
  const [interactive, recovery, bulk] = await Promise.all(asked);
  return { interactive, recovery, bulk };
}

/** Whether a page that shows one look would look different with the other one, beside the passing of time. */
function differs(one: Look, other: Look): boolean {
  return essence(one) !== essence(other);
}

/** A look without what changes while nothing happens: times until a slot is free are rounded times of the clock. */
function essence({ now, budget, forecast, health, ...rest }: Look): string {
  const until = (ms: number): number => (ms <= 0 ? 0 : Math.round((now.getTime() + ms) / 5_000));
  const { at: _at, nextInMs, ...steady } = budget;
  const { storeMs, ...state } = health;
  const lanes = Object.values(forecast).map(until);
  return JSON.stringify([rest, steady, until(nextInMs), lanes, storeMs === null, state]);
}

/** Imports that are over and still shown; the first to end are forgotten first. */
const mostEnded = 20;
/** Imports that are shown. */
const mostShown = 100;

/** Takes the imports of each look, and returns them with what was seen before; those that are over come last. */
export function importsSeen(): (open: readonly OpenImport[], now: Date) => readonly ImportView[] {
  let seen = new Map<string, ImportView>();
  return (open, now) => {
    const current = open.slice(0, mostShown).map(({ name, left, failed }): ImportView => {
      const before = seen.get(name);
      const isOver = left === 0;
      const most = Math.max(before?.most ?? 0, left + failed);
      const endedAt = isOver ? (before?.endedAt ?? (before === undefined ? null : now)) : null;
      return { name, left, failed, most, since: before?.since ?? now, isOver, endedAt };
    });
    const names = new Set(open.map(({ name }) => name));
    const gone = [...seen.values()]
      .filter(({ name }) => !names.has(name))
      .map((one): ImportView => ({ ...one, left: 0, failed: 0, isOver: true, endedAt: one.endedAt ?? now }))
      .toSorted((one, other) => Number(other.endedAt) - Number(one.endedAt))
      .slice(0, mostEnded);
    const openFirst = current.toSorted((one, other) => Number(one.isOver) - Number(other.isOver));
    const shown = [...openFirst, ...gone];
    seen = new Map(shown.map((one) => [one.name, one]));
    return shown;
  };
}
