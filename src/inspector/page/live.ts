/**
 * Keeps the page up to date: one stream of server-sent events, and what it has brought so far.
 *
 * @module
 */
import { useEffect, useState } from "preact/hooks";
import { ask, type Change, type Overview } from "./data.ts";

/** What the stream has brought. */
export interface Live {
  readonly overview: Overview | null;
  /** Whether the stream is open. */
  readonly isOpen: boolean;
  /** Grows with each change of a user. */
  readonly changed: number;
}

/** Steps that are shown. */
const mostChanges = 50;

/** The state of the page. It opens the stream once, and the browser opens it again after an interruption. */
export function useLive(): Live {
  const [live, setLive] = useState<Live>({ overview: null, isOpen: false, changed: 0 });
  useEffect(() => {
    const stream = new EventSource("api/live");
    const on = (name: string, apply: (live: Live, data: string) => Live): void =>
      stream.addEventListener(name, ({ data }: MessageEvent<string>) =>
        setLive((before) => apply(before, data)),
      );
    stream.addEventListener("open", () =>
      setLive((before) => ({ ...before, isOpen: true, changed: before.changed + 1 })),
    );
    stream.addEventListener("error", () => setLive((before) => ({ ...before, isOpen: false })));
    on("overview", (before, data) => ({ ...before, overview: JSON.parse(data) as Overview, isOpen: true })); // as the server's tests hold
    on("change", (before, data) => ({
      ...before,
      overview: withChange(before.overview, JSON.parse(data) as Change), // the same
    }));
    on("users", (before) => ({ ...before, changed: before.changed + 1 }));
    return () => stream.close();
  }, []);
  return live;
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

/** The current time, which moves on once a second. `ahead`: how far the server's clock is ahead of the browser's, ms. */
export function useNow(ahead: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now + ahead;
}
