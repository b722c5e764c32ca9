/**
 * Decides which requests are answered: where they are addressed, which page makes them, and who asks.
 *
 * @module
 */
import { isForeign, isLoopbackHost } from "../cross-site.ts";
import { allowed, nameOf, type Person, type SomeActions } from "./actions/permission.ts";
import type { OneTimeLinks } from "./one-time-links.ts";
import type { Refused } from "./responses.ts";

/** Who asks. */
export interface Authorized {
  /** The person's name. It is shown on the page, and recorded with what the person does. */
  readonly who: string;
  /**
   * What the person may do, of the inspector's `actions`: all of them (`true`), or those that are named.
   * @default false: to look only
   */
  readonly may?: SomeActions | undefined;
}

/** See {@link InspectorOptions.authorize}. */
export type Authorize = (request: Request) => Authorized | null | Promise<Authorized | null>;

/** Whether a path is written plainly. Another spelling of a path may be understood differently by a proxy. */
export function isPlainPath(path: string): boolean {
  return /^\/[\w.~@:=+,/-]*$/.test(path) && !/\/\/|\/\.{1,2}(?:\/|$)/.test(path);
}

/** Whether the request is addressed to this machine and came without a proxy. */
export function isLocal(request: Request, url: URL): boolean {
  const { headers } = request;
  const isForwarded = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host"].some((one) =>
    headers.has(one),
  );
  return isOnLoopback(request, url) && !isForwarded;
}

function isOnLoopback({ headers }: Request, { host }: URL): boolean {
  return isLoopbackHost(host) && isLoopbackHost(headers.get("host") ?? host);
}

/** Why a request with this address is not answered, with or without a session. `null`: it may be. */
export function refuseAddress(request: Request, url: URL, hasAuthorize: boolean): Refused | null {
  if (!isPlainPath(url.pathname)) {
    return {
      status: 400,
      code: "INVALID_PATH",
      message: "Cannot open this address: its path must be written plainly",
    };
  }
  if (!hasAuthorize && !isOnLoopback(request, url)) {
    return forbidden("it must be asked for at localhost, 127.0.0.1 or [::1], unless authorize is given");
  }
  return null;
}

/** Why a request that this page makes is not answered. `data`: another site must not even link to it. */
export function refuseInitiator(
  request: Request,
  url: URL,
  data: boolean,
  hasAuthorize: boolean,
): Refused | null {
  const { headers } = request;
  const origin = headers.get("origin") ?? undefined;
  const site = data ? (headers.get("sec-fetch-site") ?? undefined) : undefined;
  const isBehindTls = hasAuthorize && origin === `https://${url.host}`; // a proxy in front ends TLS
  if (!isForeign({ origin: isBehindTls ? undefined : origin, site }, url.origin)) return null;
  return forbidden("the request comes from a page of another site");
}

/** Finds out who asks, and what that person may do of what is offered; or why the person is not answered. */
export async function admit(
  request: Request,
  offered: SomeActions,
  authorize: Authorize | undefined,
  links: OneTimeLinks,
): Promise<Person | Refused> {
  if (authorize === undefined) {
    const session = links.sessionOf(request.headers.get("cookie"));
    if (session === null)
      return forbidden("it must be opened with a new link; each link works once, in one browser");
    const { who, id } = session;
    return { who, may: allowed(offered, true), session: `link ${id}` };
  }
  try {
    const person = await authorize(request);
    const who = person === null ? null : nameOf(person.who);
    if (person === null || who === null) return forbidden("authorize refused the request");
    return { who, may: allowed(offered, person.may ?? false), session: `name ${person.who}` };
  } catch {
    const message = "Cannot answer: authorize failed, so nothing is shown";
    return { status: 503, code: "AUTHORIZE_FAILED", message };
  }
}

function forbidden(rule: string): Refused {
  return { status: 403, code: "FORBIDDEN", message: `Cannot open the inspector: ${rule}` };
}
