/**
 * `createInspector()`: one `fetch` that serves the inspector's page and what it shows.
 *
 * @module
 */
import {
  aFunction,
  aSwitch,
  check,
  invalid,
  withMethods,
  checkValue,
  type Rule,
  type Rules,
  kindOf,
} from "../checks.ts";
import { systemClock, type Clock } from "../clock.ts";
import { isLoopbackHost } from "../cross-site.ts";
import { isLifecycleError } from "../errors.ts";
import type { Lifecycle } from "../index.ts";
import { createActs, type Asked } from "./actions/acts.ts";
import { permissions, aPersonName, type SomeActions } from "./actions/permission.ts";
import { admit, isLocal, isPlainPath, refuseAddress, refuseInitiator, type Authorize } from "./admission.ts";
import { serveAsset, servePage } from "./assets.ts";
import { internalsOf } from "../runtime/internals.ts";
import { createLive } from "./live.ts";
import { linkMinutes, OneTimeLinks } from "./one-time-links.ts";
import { readBody, json, plainPage, refusalOf, refuse, respond, type Refused } from "./responses.ts";
import { sandboxOf, changeSandbox, showSandbox } from "./sandbox-view.ts";
import { sealedIds } from "./sealed-ids.ts";
import { listUsers, showAccount, showUser, type Fields, type Views } from "./views.ts";
import { readWatching } from "./watched-users.ts";

/** Options of {@link createInspector}. */
export interface InspectorOptions {
  /**
   * What can be done with the inspector beside looking: everything (`true`), or what is named. What is done is recorded
   * with the name of the person who did it. @default false: it changes nothing
   */
  readonly actions?: SomeActions | undefined;
  /**
   * Who asks, and what that person may do: `null` refuses the request. It is called for every request, and every few minutes for a page that stays
   * open. Without it, the inspector answers requests to this machine only (`localhost`, `127.0.0.1`, `[::1]`), from
   * browsers that have opened a {@link Inspector.link}.
   */
  readonly authorize?: Authorize | undefined;
  /** The path below which the application mounts it, e.g. `/inspector`. @default "/" */
  readonly basePath?: string | undefined;
  /**
   * Whether ids are shown as `a…@example.org`.
   * @default true with `authorize`; without it, false for requests that came without a proxy
   */
  readonly maskIds?: boolean | undefined;
}

/**
 * Shows a lifecycle in a browser.
 *
 * @example
 * ```ts
 * import { createInspector } from "oneup-lifecycle/inspector";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * const inspector = createInspector(lifecycle);
 * const link = inspector.link("http://localhost:3000"); // opens it once, in one browser
 * const { status, headers } = await inspector.fetch(new Request(link));
 * console.log(status, headers.get("location")); // 303 /
 * await inspector.close();
 * ```
 */
export interface Inspector {
  /** Answers a request. It may be passed on without the inspector: `Deno.serve(inspector.fetch)`. */
  fetch(request: Request): Promise<Response>;
  /**
   * A link that opens the inspector once, in one browser, within 15 minutes. For an inspector without `authorize`. Its session may do all
   * that `actions` turns on.
   *
   * @param origin where it is served, e.g. `http://127.0.0.1:3000`
   * @param who for whom it is: the name is recorded with what its session does; `localhost` by default
   * @throws {LifecycleError} `INVALID_OPTION` for another host than this machine, and if `authorize` is given
   */
  link(origin: string, who?: string): string;
  /** Ends all live views and sessions. The lifecycle stays open. */
  close(): Promise<void>;
}

const aBasePath: Rule = {
  must: "a path such as /inspector, of letters, digits, and the characters . _ ~ -",
  holds: (value) =>
    typeof value === "string" && /^(?:\/[\w.~-]+)*\/?$/.test(value) && value !== "" && isPlainPath(value),
};

const someActions: Rule = {
  must: `true, false, or a list of ${permissions.join(", ")}`,
  holds: (value) =>
    typeof value === "boolean" ||
    (Array.isArray(value) && value.every((one) => permissions.some((name) => name === one))),
};

const rules: Rules<InspectorOptions> = {
  actions: someActions,
  authorize: aFunction,
  basePath: aBasePath,
  maskIds: aSwitch,
};

/**
 * An inspector of this lifecycle: what its users and its account do, live, in a browser. It changes nothing,
 * unless `actions` are turned on.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { createInspector } from "oneup-lifecycle/inspector";
 * import { createTestLifecycle } from "oneup-lifecycle/testing";
 *
 * const { lifecycle } = await createTestLifecycle();
 * const inspector = createInspector(lifecycle, { basePath: "/inspector" });
 * console.log(inspector.link("http://localhost:3000")); // http://localhost:3000/inspector/?token=…
 * const response = await inspector.fetch(new Request("http://localhost:3000/inspector/"));
 * console.log(response.status); // 403: without the link
 * await inspector.close();
 * ```
 */
export function createInspector(lifecycle: Lifecycle, options?: InspectorOptions): Inspector {
  return inspectorOn(systemClock, lifecycle, options);
}

/** The same on another clock, which decides when the store is looked at. */
export function inspectorOn(clock: Clock, lifecycle: Lifecycle, options?: InspectorOptions): Inspector {
  const verb = "create an inspector";
  checkValue(verb, "the lifecycle", lifecycle, withMethods("inspect", "userPage", "health"));
  const {
    actions = false,
    authorize,
    basePath: given = "/",
    maskIds,
  } = check<InspectorOptions>(verb, options, rules);
  const basePath = given.endsWith("/") ? given : `${given}/`;
  const ids = sealedIds(lifecycle);
  const views: Views = { lifecycle, ids };
  const sandbox = sandboxOf(lifecycle, clock);
  const live = createLive({ lifecycle, ids, basePath, clock, sandbox });
  const links = new OneTimeLinks(clock);
  const now = (): number => internalsOf(lifecycle)?.now() ?? clock.now();
  const acts = createActs(views, now, (told) => changeSandbox(sandbox, told));
  let isClosed = false;

  /** What each path below `api/` answers. */
  const queries: Readonly<Record<string, (fields: Fields, asked: Asked) => Promise<unknown>>> = {
    overview: (_, { masked }) => live.overview(masked),
    users: (fields, { masked }) => listUsers(views, fields, masked),
    user: (fields, { masked }) => showUser(views, fields, masked),
    account: () => showAccount(views),
    watch: async (fields) => (live.watch(readWatching(fields)), {}),
    sandbox: (_, { masked }) => showSandbox(lifecycle, sandbox, masked),
    me: async (_, { person }) => acts.me(person),
  };

  async function answer(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { pathname } = url;
    const path = pathname.startsWith(basePath) ? pathname.slice(basePath.length) : null;
    const isApi = path !== null && /^api(?:\/|$)/.test(path);
    const isData = isApi || (path?.startsWith("assets/") ?? false);
    const as = isApi ? "json" : "page";
    if (isClosed) return refuse(closed, as);
    const hasAuthorize = authorize !== undefined;
    const refused =
      refuseAddress(request, url, hasAuthorize) ?? refuseInitiator(request, url, isData, hasAuthorize);
    if (refused !== null) return refuse(refused, as);
    if (`${pathname}/` === basePath) return respond(308, null, { location: basePath + url.search });
    if (path === null) return refuse(notFound, as);
    const method = isApi && path !== "api/live" ? "POST" : "GET";
    if (request.method !== method) return refuse(wrongMethod(method), as);
    const token = isData || hasAuthorize ? null : url.searchParams.get("token");
    if (token !== null) return enter(request, url, token);
    const person = await admit(request, actions, authorize, links);
    if ("status" in person) return refuse(person, as);
    if (!isData) return servePage(basePath);
    if (!isApi) return serveAsset(path.slice("assets/".length), request);
    // A person whom authorize admits may choose the Host header, so it decides nothing then.
    const masked = maskIds ?? (hasAuthorize || !isLocal(request, url));
    if (path === "api/live") return live.open(request, masked);
    const asked = { masked, person };
    if (path === "api/act") return acts.answer(request, asked);
    if (path === "api/sandbox/change") return acts.changeSandbox(request, asked);
    return query(path.slice("api/".length), request, asked);
  }

  /** Exchanges the token of a link for a cookie, and opens the same address without it. */
  function enter(request: Request, { protocol, pathname, searchParams }: URL, token: string): Response {
    const session = links.use(token);
    const isOpen = session !== null || links.sessionOf(request.headers.get("cookie")) !== null;
    if (!isOpen) return refuse(usedLink, "page");
    const secure = protocol === "https:" ? "; Secure" : "";
    const cookie = `${links.cookie}=${session}; Path=${basePath}; HttpOnly; SameSite=Strict${secure}`;
    const headers: Readonly<Record<string, string>> = session === null ? {} : { "set-cookie": cookie };
    searchParams.delete("token");
    const address = searchParams.size > 0 ? `${pathname}?${searchParams.toString()}` : pathname;
    // A browser that follows a link of another site's page does not send this cookie with a redirect.
    if (request.headers.get("sec-fetch-site") === "cross-site")
      return plainPage(200, "The inspector opens.", headers, address);
    return respond(303, null, { ...headers, location: address });
  }

  async function query(name: string, request: Request, asked: Asked): Promise<Response> {
    const run = Object.hasOwn(queries, name) ? queries[name] : undefined;
    if (run === undefined) return refuse(notFound, "json");
    const body = await readBody(request);
    if ("status" in body) return refuse(body, "json");
    try {
      return json(200, await run(body.fields, asked));
    } catch (error) {
      if (!isLifecycleError(error)) throw error;
      return refuse(refusalOf(error), "json");
    }
  }

  return {
    fetch: answer,
    link(origin, who = "localhost") {
      if (authorize !== undefined)
        throw invalid("make a link", "the inspector must have no authorize", "one");
      const at = URL.canParse(origin) ? new URL(origin) : null;
      if (at === null || at.origin !== origin || !isLoopbackHost(at.host)) {
        const rule = "origin must be one of this machine, e.g. http://127.0.0.1:3000";
        const other = at?.origin === origin ? origin : "a URL with more than an origin";
        throw invalid("make a link", rule, at === null ? kindOf(origin) : other);
      }
      checkValue("make a link", "who", who, aPersonName);
      return `${origin}${basePath}?token=${links.create(who)}`;
    },
    async close() {
      isClosed = true;
      live.close();
      links.close();
    },
  };
}

const closed: Refused = { status: 503, code: "CLOSED", message: "Cannot answer: the inspector was closed" };
const notFound: Refused = { status: 404, code: "NOT_FOUND", message: "Cannot find this address" };
const usedLink: Refused = {
  status: 403,
  code: "LINK_USED",
  message: `Cannot open the inspector with this link: each link works once, within ${linkMinutes} minutes, and this one was used before, is too old or is not complete; make a new one`,
};

function wrongMethod(method: string): Refused {
  const message = `Cannot answer: this address takes ${method}`;
  return { status: 405, code: "WRONG_METHOD", message, headers: { allow: method } };
}
