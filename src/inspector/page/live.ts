/**
 * Keeps the page up to date: one stream of server-sent events, and what it has brought so far.
 *
 * @module
 */
import { useEffect, useState } from "preact/hooks";
import { ask, Refused, type Change, type Overview } from "./data.ts";

/** What the stream has brought. */
export interface Live {
  readonly overview: Overview | null;
  /** Whether the stream is open, and has brought something lately. */
  readonly isOpen: boolean;
  /** Why the server opens none; `null`: it is tried again. */
  readonly refused: string | null;
  /** Grows with each change of a user. */
  readonly changed: number;
  /** The name of this page's stream; `null`: none is open yet. */
  readonly page: string | null;
}

/** Steps that are shown. */
const mostChanges = 50;

/** The server sends something every 15 seconds; a stream that is silent for longer is dead, ms. */
const silentMs = 35_000;

/** How soon a stream that was refused or is dead is opened again, ms. */
const againMs = 3_000;

const before: Live = { overview: null, isOpen: false, refused: null, changed: 0, page: null };

/**
 * The state of the page. It opens the stream once, and again after an interruption, or when the reader comes back to the
 * page. What was asked for is then asked for anew.
 */
export function useLive(): Live {
  const [live, setLive] = useState(before);
  useEffect(() => follow(setLive), []);
  return live;
}

/** Opens the stream, again and again, while the page is looked at. Returns what ends it. */
function follow(setLive: (change: (live: Live) => Live) => void): () => void {
  let stream: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** A hidden tab has no stream: browsers allow six connections to a server, for all tabs together. */
  function look(): void {
    if (!isHidden()) return void (stream === null && open());
    stream?.close();
    stream = null;
    clearTimeout(timer);
    setLive((live) => ({ ...live, isOpen: false }));
  }

  function open(): void {
    stream = null;
    if (isHidden()) return;
    stream = new EventSource("api/live");
    const on = (name: string, apply: (live: Live, data: string) => Live): void =>
      stream?.addEventListener(name, ({ data }: MessageEvent<string>) => {
        heard();
        setLive((live) => ({ ...apply(live, data), isOpen: true, refused: null }));
      });
    stream.addEventListener("open", heard);
    stream.addEventListener("page", ({ data }: MessageEvent<string>) => {
      const { name: page } = JSON.parse(data) as { readonly name: string }; // as the server's tests hold
      setLive((live) => ({ ...live, page }));
    });
    stream.addEventListener("error", () => void lost(stream));
    on("overview", (live, data) => {
      const changed = live.isOpen ? live.changed : live.changed + 1;
      return { ...live, overview: JSON.parse(data) as Overview, changed }; // as the server's tests hold
    });
    on("change", (live, data) => ({
      ...live,
      overview: withChange(live.overview, JSON.parse(data) as Change), // the same
    }));
    on("users", (live) => ({ ...live, changed: live.changed + 1 }));
    on("beat", (live) => live);
    heard();
  }

  function heard(): void {
    clearTimeout(timer);
    timer = setTimeout(() => again(0), silentMs);
  }

  function again(ms: number): void {
    stream?.close();
    clearTimeout(timer);
    setLive((live) => ({ ...live, isOpen: false }));
    timer = setTimeout(open, ms);
  }

  /** A stream that ends is opened again by the browser; one that the server refuses is not, and a request tells why. */
  async function lost(lostStream: EventSource | null): Promise<void> {
    setLive((live) => ({ ...live, isOpen: false }));
    if (lostStream === null || lostStream !== stream || lostStream.readyState !== EventSource.CLOSED) return;
    again(againMs);
    const reason: unknown = await ask("overview", {}).catch((error: unknown) => error);
    const refused = reason instanceof Refused && reason.status === 403 ? reason.message : null;
    setLive((live) => ({ ...live, refused }));
  }

  open();
  document.addEventListener("visibilitychange", look);
  return () => {
    document.removeEventListener("visibilitychange", look);
    clearTimeout(timer);
    stream?.close();
  };
}

function isHidden(): boolean {
  return document.visibilityState === "hidden";
}

function withChange(overview: Overview | null, change: Change): Overview | null {
  return overview && { ...overview, changes: [change, ...overview.changes].slice(0, mostChanges) };
}

/** What a page asked for: not yet there, there, or refused. */
export interface Asked<T> {
  readonly value: T | null;
  readonly error: Error | null;
}

/** Asks again whenever `what`, `body` or `changed` differs. What was there stays until the answer comes. */
export function useAnswer<T>(what: string, body: object, changed: number): Asked<T> {
  const [asked, setAsked] = useState<Asked<T> & { readonly of: string }>({
    value: null,
    error: null,
    of: "",
  });
  const words = JSON.stringify(body);
  useEffect(() => {
    const leaving = new AbortController();
    ask<T>(what, body, leaving.signal).then(
      (value) => setAsked({ value, error: null, of: words }),
      (reason: unknown) => {
        const error = reason as Error; // `ask()` rejects with no other
        if (!leaving.signal.aborted)
          setAsked((before) => ({ value: before.of === words ? before.value : null, error, of: words }));
      },
    );
    return () => leaving.abort();
  }, [what, words, changed]);
  return asked.of === words ? asked : { value: null, error: null };
}

/** Tells the server what is shown of users, so that it looks at it. `page`: the name of the stream. */
export function useWatching(page: string | null, shown: object | undefined): void {
  const tell = (what: object): void => void ask("watch", { page, ...what }).catch(() => {}); // the stream tells it
  useEffect(() => {
    if (page !== null && shown !== undefined) tell(shown);
  }, [page, JSON.stringify(shown)]);
  useEffect(() => {
    if (page !== null) return () => tell({});
  }, [page]);
}

/** The current time, which moves on once a second. `ahead`: how far the server's clock is ahead of the browser's, ms. */
export function useNow(ahead: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now + ahead;
}
