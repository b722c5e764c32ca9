/**
 * `GET api/live`: server-sent events. One loop looks at the store for all pages, while at least one is open.
 *
 * @module
 */
import { randomUUID } from "node:crypto";
import { linkSignals, onAbort } from "../abort.ts";
import { sleep, type Clock } from "../clock.ts";
import { changeFeed, type ChangeFeed } from "./change-feed.ts";
import { createLooker, differs, type Look } from "./look.ts";
import { refuse, respond } from "./responses.ts";
import type { SandboxControl } from "./sandbox-control.ts";
import type { Overview } from "./shapes.ts";
import type { Views } from "./views.ts";
import { WatchedUsers, type Watching } from "./watched-users.ts";

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

export class Live {
  readonly #parts: LiveParts;
  readonly #look: () => Promise<Look>;
  readonly #feed: ChangeFeed;
  readonly #pages = new Set<Page>();
  readonly #watched: WatchedUsers<Page>;
  readonly #closing = new AbortController();
  #isRunning = false;
  /** Steps that were seen and not sent. */
  #unsent = 0;
  #stopGathering: (() => void) | null = null;
  #hasNews = false;
  /** Earlier steps were found, which no page has been told of. */
  #hasBacklog = false;
  #toldUsersAt = Number.NEGATIVE_INFINITY;

  constructor(parts: LiveParts) {
    this.#parts = parts;
    this.#look = createLooker(parts.lifecycle, parts.clock, parts.sandbox);
    this.#watched = new WatchedUsers(parts);
    this.#feed = changeFeed(parts.lifecycle, parts.ids, (isNew) => this.#changed(isNew));
  }

  /** `POST api/overview`. @throws {LifecycleError} `CLOSED` */
  async overview(masked: boolean): Promise<Overview> {
    return this.#overviewOf(await this.#look(), masked);
  }

  /** `POST api/watch`: what a page shows from now on. */
  watch({ page: name, ...shown }: Watching): void {
    const page = [...this.#pages].find((one) => one.name === name);
    if (page !== undefined) this.#watched.show(page, shown);
  }

  /** Opens a stream of events for a page. */
  open(request: Request, masked: boolean): Response {
    if (this.#pages.size >= mostPages) {
      const message = `Cannot open another live view: at most ${mostPages} may be open`;
      return refuse({ status: 503, code: "TOO_MANY", message }, "json");
    }
    return respond(200, this.#stream(request.signal, masked), {
      "content-type": "text/event-stream; charset=utf-8",
      "x-accel-buffering": "no",
    });
  }

  /** Ends all streams. */
  close(): void {
    this.#closing.abort();
    this.#feed.close();
    this.#stopGathering?.();
    for (const page of this.#pages) page.end();
  }

  #stream(signal: AbortSignal, masked: boolean): ReadableStream<Uint8Array> {
    const { clock } = this.#parts;
    const encoder = new TextEncoder();
    const endings: (() => void)[] = [];
    const leave = (page: Page): void => {
      this.#pages.delete(page);
      this.#watched.leave(page);
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
              if (!this.#pages.has(page)) return;
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
          this.#pages.add(page);
          endings.push(clock.timer(longestStreamMs, page.end));
          endings.push(onAbort(signal, page.end));
          page.send("retry: 1000\n\n");
          page.send(eventText("page", { name: page.name }));
          void this.#begin(page);
        },
        cancel: () => cancel(),
      },
      new CountQueuingStrategy({ highWaterMark: mostWaiting }),
    );
  }

  /** Sends the page what there is now, and begins to look for as long as pages are open. */
  async #begin(page: Page): Promise<void> {
    try {
      const look = await this.#look();
      this.#sendOverview([page], look);
      if (this.#isRunning) return;
      this.#isRunning = true;
      await this.#keepLooking(look).finally(() => (this.#isRunning = false));
    } catch {
      for (const page of this.#pages) page.end(); // the lifecycle or the inspector is closed
    }
  }

  async #keepLooking(first: Look): Promise<void> {
    const { clock } = this.#parts;
    const watching = linkSignals(this.#closing.signal);
    const flowAt = ({ now }: Look): string => JSON.stringify(this.#feed.flow(now.getTime()));
    let [last, lastFlow] = [first, flowAt(first)];
    let beatAt = clock.monotonic();
    try {
      while (this.#pages.size > 0) {
        void this.#feed.follow(watching.signal);
        await sleep(clock, lookEveryMs, watching.signal);
        if (this.#pages.size === 0) return;
        const look = await this.#look();
        const isOther = differs(last, look);
        this.#hasNews ||= isOther;
        const flow = flowAt(look);
        if (isOther || flow !== lastFlow || this.#hasBacklog) this.#sendOverview(this.#pages, look);
        this.#hasBacklog = false;
        [last, lastFlow] = [look, flow];
        this.#tellUsers();
        await this.#tellOutdated();
        if (clock.monotonic() - beatAt < beatEveryMs) continue;
        beatAt = clock.monotonic();
        for (const page of this.#pages) page.send(eventText("beat", {}));
      }
    } finally {
      watching.abort();
    }
  }

  #sendOverview(pages: Iterable<Page>, look: Look): void {
    const texts = new Map<boolean, string>();
    for (const page of pages) {
      const { masked } = page;
      const text = texts.get(masked) ?? eventText("overview", this.#overviewOf(look, masked));
      texts.set(masked, text);
      page.send(text);
    }
  }

  #overviewOf(look: Look, masked: boolean): Overview {
    const flow = this.#feed.flow(look.now.getTime());
    return { ...look, basePath: this.#parts.basePath, masked, flow, changes: this.#feed.latest() };
  }

  /** A user took a step, now or before. */
  #changed(isNew: boolean): void {
    this.#hasBacklog ||= !isNew;
    if (!isNew) return;
    this.#hasNews = true;
    if (this.#pages.size === 0) return;
    this.#unsent++;
    this.#stopGathering ??= this.#parts.clock.timer(gatherMs, () => {
      this.#stopGathering = null;
      this.#sendChanges();
    });
  }

  #sendChanges(): void {
    const fresh = this.#feed.latest().slice(0, this.#unsent);
    this.#unsent = 0;
    const text = [...fresh].reverse().map((change) => eventText("change", change));
    for (const page of this.#pages) page.send(text.join(""));
    this.#tellUsers();
  }

  /** Tells the pages that show a user or a list as it is no longer. Where events are on, they tell it. */
  async #tellOutdated(): Promise<void> {
    if (this.#feed.followsAll()) return;
    const pages = await this.#watched.outdated().catch(() => []); // the store does not respond: looked at again
    for (const page of pages) page.send(eventText("users", {}));
  }

  #tellUsers(): void {
    const now = this.#parts.clock.monotonic();
    if (!this.#hasNews || now - this.#toldUsersAt < usersEveryMs) return;
    this.#hasNews = false;
    this.#toldUsersAt = now;
    for (const page of this.#pages) page.send(eventText("users", {}));
  }
}

function eventText(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
