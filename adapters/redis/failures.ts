/**
 * What Redis and its client say when something fails, and what we say then.
 *
 * @module
 */
import { isLifecycleError, LifecycleError, masked, underneath } from "../../src/errors.ts";
import type { Link } from "./links.ts";

/** Nothing came back in time. */
export class Silence extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
    this.name = "Silence";
  }
}

/**
 * Why a command failed: the first word of Redis' refusal, such as `OOM` or `NOAUTH`, after which nothing was done; or
 * - `offline`: it was not sent
 * - `closed`: it was not sent, and the client will not connect again
 * - `lost`: it may have been carried out
 */
export function whyOf(error: unknown): string {
  if (!(error instanceof Error) || error instanceof Silence || isLifecycleError(error)) return "lost";
  if (error.message === "The client is offline") return "offline";
  if (error.message === "The client is closed") return "closed";
  return /^[A-Z][A-Z0-9]+(?= |$)/.exec(error.message)?.[0] ?? "lost";
}

/** Refusals that pass by themselves, or when somebody looks after the server: with the same call later all is well. */
const passing: Readonly<Record<string, string>> = {
  OOM: "Redis is out of memory: maxmemory is reached",
  READONLY: "this Redis is a replica and takes no writes",
  LOADING: "Redis is loading its data",
  BUSY: "Redis is busy with a script",
  MISCONF: "Redis cannot write to its disk",
  NOREPLICAS: "Redis has too few replicas to take writes",
  MASTERDOWN: "Redis has lost its primary",
  CLUSTERDOWN: "the Redis cluster is down",
  TRYAGAIN: "the Redis cluster is moving keys",
};

/** Refusals that only another setting ends. */
const lasting: Readonly<Record<string, string>> = {
  NOAUTH: "Redis asks for a password",
  WRONGPASS: "Redis refused the user or the password",
  NOPERM: "Redis does not let this user run what the store needs",
  MOVED: "this Redis is part of a cluster: pass a client made by createCluster(), or let this user run INFO",
  WRONGTYPE: "something else lies under its keys",
};

/** Refusals that mostly pass within seconds, while a server starts or a cluster puts another one in its place. */
const soonOver: ReadonlySet<string> = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"]);

/** Nothing was done, and a moment later it may be. */
export function isSoonOver(why: string): boolean {
  return soonOver.has(why);
}

/** Did Redis itself say so? */
export function isAnswer(why: string): boolean {
  return why === why.toUpperCase();
}

/** The error of a verb. */
export function storeError(doing: string, link: Link, error: unknown): LifecycleError {
  if (isLifecycleError(error)) return error;
  const why = whyOf(error);
  const text = isAnswer(why)
    ? (passing[why] ?? lasting[why] ?? `Redis answered ${why}`)
    : error instanceof Silence
      ? `${error.message} from ${link.place}`
      : `the connection to ${link.place} is gone`;
  return new LifecycleError("STORE_UNAVAILABLE", `Cannot ${doing} the Redis store: ${text}`, {
    retryable: !isAnswer(why) || why in passing,
    cause: underneath(error instanceof Silence ? (link.failure() ?? error) : error),
  });
}

/** The error of opening. */
export function openError(link: Link, error: unknown): LifecycleError {
  if (isLifecycleError(error)) return error;
  const why = whyOf(error);
  const cause = error instanceof Silence ? (link.failure() ?? error) : error;
  const details = masked(
    cause instanceof Error ? ("code" in cause ? String(cause.code) : cause.message) : typeof cause,
  );
  if (!isAnswer(why) && !/CERT|UNABLE_TO_/.test(details)) {
    return new LifecycleError("STORE_UNAVAILABLE", `Cannot reach ${link.place}: ${details}`, {
      retryable: true,
      cause: underneath(cause),
    });
  }
  const text = passing[why] ?? lasting[why] ?? details.trim();
  return new LifecycleError(
    why in passing ? "STORE_UNAVAILABLE" : "STORE_UNUSABLE",
    `Cannot open the store in ${link.place}: ${text}`,
    { retryable: why in passing, cause: underneath(cause) },
  );
}
