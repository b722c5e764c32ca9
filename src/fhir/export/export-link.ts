/**
 * Links that a server sends during an export. Credentials go to the analytics host alone. Another host may only be a
 * public one, by https, and gets none.
 *
 * @module
 */
import { LifecycleError } from "../../errors.ts";
import type { Rule } from "../../checks.ts";
import { isPublicHost } from "../../http/streaming/public-address.ts";
import { isLoopback } from "../../http/safety.ts";
import { withoutSecrets } from "../query.ts";

/** Credentials are sent there, so only by https, or to this machine. */
export const aBase: Rule = {
  must: "an https URL without query and credentials (http on loopback only)",
  holds(value) {
    if (typeof value !== "string" || !URL.canParse(value) || /[?#\\\s]/.test(value)) return false;
    const { protocol, hostname, username, password } = new URL(value);
    const isSafe = protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
    return isSafe && username === "" && password === "";
  },
};

/** A link that may be followed. */
export interface ExportLink {
  readonly url: string;
  /** Whether it leads to the analytics host, which gets the credentials. */
  readonly isOwn: boolean;
}

/** The longest link that is followed. */
const longestLink = 16_000;

/**
 * The link of a file, or where its server redirects to.
 *
 * @param base the address of the analytics host
 * @param from the address that the link came from
 * @throws {LifecycleError} `BAD_ANSWER`
 */
export function fileLink(base: string, from: string, link: string): ExportLink {
  const target = parsed(from, link);
  if (target.origin === new URL(base).origin) {
    target.search = withoutSecrets(target.search.slice(1));
    return { url: target.href, isOwn: true };
  }
  if (target.protocol !== "https:") throw refused(`must be https, got ${target.protocol.slice(0, 20)}`);
  if (!isPublicHost(target.hostname))
    throw refused("must lead to the analytics host or a public one, got a private or local one");
  return { url: target.href, isOwn: false };
}

/**
 * The address at which the state of an export is asked for: its path and query.
 *
 * @throws {LifecycleError} `BAD_ANSWER`
 */
export function statusPath(base: string, from: string, link: string): string {
  const target = parsed(from, link);
  if (target.origin !== new URL(base).origin)
    throw refused("of the state must lead to the analytics host, got another one");
  target.search = withoutSecrets(target.search.slice(1));
  const path = target.pathname + target.search;
  const own = new URL(base);
  if (link.trim() === "" || path === own.pathname + own.search)
    throw refused("of the state must not be empty or that of the kick-off, which would start another export");
  return path;
}

/** Parameters of signed links, such as those of Amazon, Google and Azure: they change whenever a file is listed. */
const ofSignature =
  /^(?:x-(?:amz|goog)-.*|awsaccesskeyid|googleaccessid|key-pair-id|policy|signature|expires|sig|s[eprtv]|spr|sk[estv]|sk[ot]id|token)$/i;

/** The names of a file, the most lasting one first: the first that no other file has identifies it. */
export function namesOfFile(url: string): ReadonlySet<string> {
  const { origin, pathname, search } = new URL(url);
  const query = search.slice(1).split("&");
  const lasting = query.filter((part) => !ofSignature.test(part.split("=", 1)[0] ?? ""));
  const path = origin + pathname;
  return new Set([path, `${path}?${lasting.join("&")}`, url]);
}

function parsed(from: string, link: string): URL {
  if (link.length > longestLink) throw refused(`must have at most ${longestLink} characters, got more`);
  if (!URL.canParse(link, from)) throw refused("must be a URL, got another text");
  const target = new URL(link, from);
  if (target.username !== "" || target.password !== "") throw refused("must carry no credentials, got some");
  target.hash = "";
  return target;
}

function refused(rule: string): LifecycleError {
  return new LifecycleError(
    "BAD_ANSWER",
    `Cannot go on with the export: a link ${rule}; nothing was sent there`,
  );
}
