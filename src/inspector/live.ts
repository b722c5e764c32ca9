/**
 * `GET api/live`: server-sent events. One loop looks at the store for all pages, while at least one is open.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { linkSignals, onAbort } from "../abort.ts";
import { sleep, type Clock } from "../clock.ts";
import { changeFeed } from "./change-feed.ts";
import { createLooker, differs, type Look } from "./look.ts";
import { refuse, respond } from "./responses.ts";
import type { SandboxControl } from "./sandbox-view.ts";
import type { Overview } from "./shapes.ts";
import type { Views } from "./views.ts";
import { watchedUsers, type Watching } from "./watched-users.ts";

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
