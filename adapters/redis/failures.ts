/**
 * Failures of Redis and its client, and the errors they become.
 *
 * @module
 */
import { isLifecycleError, LifecycleError, masked, storeUnavailable, underneath } from "../../src/errors.ts";
import { lostStore } from "../../src/store/lost-store.ts";
import { lackingWord, lostWord } from "./lua/rows.ts";
import type { Link } from "./link.ts";
import { isError } from "../../src/realms.ts";

/** No answer arrived in time. */
export class Silence extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms`);
    this.name = "Silence";
  }
}

/**
 * Why a command failed: the first word of Redis's refusal, such as `OOM` or `NOAUTH`, after which nothing was done; or
 * - `offline`: it was not sent
 * - `closed`: it was not sent, and the client will not reconnect
 * - `lost`: it may have been carried out
 */
export function whyOf(error: unknown): string {
  if (!isError(error) || error instanceof Silence || isLifecycleError(error)) return "lost";
  if (error.message === "The client is offline") return "offline";
  if (error.message === "The client is closed") return "closed";
  if (/^ERR (?:ACL failure in|The user executing the) script/.test(error.message)) return "NOPERM";
  if (error.message.startsWith("ERR max number of clients")) return "MAXCLIENTS";
  if (error.message.startsWith("ERR AUTH <password> called without any password")) return "WRONGPASS";
  return /^[A-Z][A-Z0-9]+(?= |$)/.exec(error.message)?.[0] ?? "lost";
}

/** Temporary refusals: the same call can succeed later, by itself or after an administrator has acted. */
const passing: Readonly<Record<string, string>> = {
  OOM: "Redis is out of memory: maxmemory is reached",
  READONLY: "this Redis is a replica and therefore read-only",
  LOADING: "Redis is loading its data",
  BUSY: "Redis is busy with a script",
  MISCONF: "Redis cannot write to its disk",
  NOREPLICAS: "Redis has too few replicas to take writes",
  MAXCLIENTS: "Redis has as many clients as it may (maxclients)",
  MASTERDOWN: "Redis has lost its primary",
  CLUSTERDOWN: "the Redis cluster is down",
  TRYAGAIN: "the Redis cluster is moving keys",
};

/** Refusals that last until the configuration is changed. */
const lasting: Readonly<Record<string, string>> = {
  NOAUTH: "Redis asks for a password; give it in the URL (redis://USER:PASSWORD@HOST) or to the client",
  WRONGPASS: "Redis refused the user or the password; correct them in the URL or in the client",
  NOPERM: "this Redis user lacks a permission that the store needs",
  [lackingWord]: "this Redis lacks a command that the store needs (rename-command)",
  MOVED: "this Redis is part of a cluster: pass a client made by createCluster(), or let this user run INFO",
  WRONGTYPE: "a key of the store holds a value of another type",
};

/** What is lacking, as Redis names it: `to run the 'set' command`. */
function lackIn(why: string, error: unknown): string {
  if ((why !== "NOPERM" && why !== lackingWord) || !isError(error)) return "";
  const [, command] = /'([\w|-]+)' command/.exec(error.message) ?? [];
  if (command !== undefined)
    return `: ${why === "NOPERM" ? "to run " : ""}${command.replace("|", " ").toUpperCase()}`;
  return /\bkeys?\b/.test(error.message) ? ": to use its keys (~PREFIX:*)" : "";
}

/** Refusals that usually pass within seconds, while a server starts or a cluster fails over. */
const soonOver: ReadonlySet<string> = new Set(["LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN"]);

/** Whether nothing was done, and an immediate retry may succeed. */
export function isSoonOver(why: string): boolean {
  return soonOver.has(why);
}

/** Whether it is a refusal from Redis itself. */
export function isAnswer(why: string): boolean {
  return why === why.toUpperCase();
}

/** Refusals of the user or the password. The client has no other, so waiting does not help. */
const entrance: ReadonlySet<string> = new Set(["NOAUTH", "WRONGPASS"]);

/** Errors of JavaScript itself. */
const languageErrors: ReadonlySet<string> = new Set([
  "RangeError",
  "ReferenceError",
  "SyntaxError",
  "TypeError",
]);

/** The refusal for which the client cannot connect again; otherwise the error itself. */
function beneath(error: unknown, failure: unknown): unknown {
  return error instanceof Silence && entrance.has(whyOf(failure)) ? failure : error;
}

/**
 * A short description of a failure of the connection: its code, such as `CERT_HAS_EXPIRED`, or its message. An error of
 * the language is a mistake of the client, as when a connection ends while it is made, and tells nothing of the server.
 */
function wordsOf(failure: unknown): string {
  if (!isError(failure)) return typeof failure;
  if (languageErrors.has(failure.name)) return "";
  return masked("code" in failure ? String(failure.code) : failure.message).trim();
}

function inBrackets(failure: unknown): string {
  const words = failure === undefined ? "" : wordsOf(failure);
  return words === "" ? "" : ` (${words})`;
}

/** The error of a failed verb. `failure`: why the client has been without a connection since the call began. */
export function storeError(doing: string, link: Link, failed: unknown, failure: unknown): LifecycleError {
  if (isLifecycleError(failed)) return failed;
  const error = beneath(failed, failure);
  const why = whyOf(error);
  if (why === lostWord) return lostStore();
  const text = isAnswer(why)
    ? (passing[why] ?? lasting[why] ?? `Redis answered ${why}`) + lackIn(why, error)
    : error instanceof Silence
      ? `${error.message} from ${link.place}${inBrackets(failure)}`
      : `the connection to ${link.place} was lost`;
  const code = entrance.has(why) ? "STORE_UNUSABLE" : "STORE_UNAVAILABLE";
  return new LifecycleError(code, `Cannot ${doing} the Redis store: ${text}`, {
    retryable: !isAnswer(why) || why in passing,
    ...(why === "NOPERM" && { facts: { reason: "noRight" } }),
    ...(entrance.has(why) && { facts: { reason: "whileOpen" } }),
    cause: underneath(error instanceof Silence ? (failure ?? error) : error),
  });
}

/** What a port that does not answer may mean where the URL asks for TLS: a server without TLS waits for more. */
function aboutTls({ place }: Link, cause: unknown): string {
  return cause instanceof Silence && place.includes("rediss:")
    ? "; the URL asks for TLS (rediss:), so check that this port speaks it"
    : "";
}

/** The error of a failed opening. */
export function openError(link: Link, failed: unknown): LifecycleError {
  if (isLifecycleError(failed)) return failed;
  const error = beneath(failed, link.failure());
  const why = whyOf(error);
  const cause = error instanceof Silence ? (link.failure() ?? error) : error;
  const details = wordsOf(cause) || "the connection failed";
  if (!isAnswer(why) && !/CERT|UNABLE_TO_/.test(details)) {
    return storeUnavailable(`Cannot reach ${link.place}: ${details}${aboutTls(link, cause)}`, {
      cause: underneath(cause),
    });
  }
  const known = passing[why] ?? lasting[why];
  const text = known === undefined ? details : known + lackIn(why, error);
  return new LifecycleError(
    why in passing ? "STORE_UNAVAILABLE" : "STORE_UNUSABLE",
    `Cannot open the store in ${link.place}: ${text}`,
    { retryable: why in passing, cause: underneath(cause) },
  );
}
