/**
 * The steps of users that are seen here.
 *
 * @module
 */
import type { Lifecycle, UserStatus } from "../index.ts";
import type { SealedIds } from "./sealed-ids.ts";
import type { Change } from "./shapes.ts";

/** The steps that are kept. */
const mostKept = 50;

/** The last steps, and those to come. */
export interface ChangeFeed {
  /** Newest first. */
  latest(): readonly Change[];
  /** Ends the subscription. */
  close(): void;
}

/** Keeps the last steps that this process makes durable, and calls `onChange` after each. */
export function changeFeed(lifecycle: Lifecycle, ids: SealedIds, onChange: () => void): ChangeFeed {
  const seen: (() => Change)[] = [];
  const close = lifecycle.subscribe((status) => {
    seen.unshift(once(() => changeOf(lifecycle, ids, status)));
    if (seen.length > mostKept) seen.pop();
    onChange();
  });
  return { latest: () => seen.map((change) => change()), close };
}

function changeOf(lifecycle: Lifecycle, ids: SealedIds, status: UserStatus): Change {
  const { appUserId, state, since, history } = status;
  const { at, from, to, event } = history.at(-1) ?? { at: since, from: null, to: state, event: "" };
  return { key: ids.seal("user", appUserId), alias: lifecycle.alias(appUserId), from, to, event, at };
}

/** Computes a value when it is first needed: most steps of a busy process are never shown. */
function once<T>(compute: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: compute() }).value;
}
