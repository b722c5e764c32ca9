/**
 * The transport for Node and Deno servers, on undici's `dispatch`. It reads an answer as a whole, or piece by piece.
 *
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import type { Agent, Dispatcher } from "undici";
import { aText, check, invalid, whole, withMethods, type Rules } from "../checks.ts";
import { systemClock } from "../clock.ts";
import { invalidOption } from "../errors.ts";
import { isMissing, loadPackage } from "../load-package.ts";
import { fetchTransport } from "./fetch-transport.ts";
import { isProxyUrl, tunnelsThrough } from "./proxy-tunnel.ts";
import { sharedLookup } from "./streaming/shared-lookup.ts";
import { publicLookup } from "./streaming/public-address.ts";
import {
  aborted,
  codeOf,
  hearsAborts,
  TransportError,
  type Transport,
  type TransportRequest,
  type TransportResponse,
  uncached,
  type TransportStream,
} from "./transport.ts";
import { loadsOf } from "./undici/connection-load.ts";
import { type Era, StreamedExchange, WholeExchange } from "./undici/exchange.ts";
import { noticingRefusals } from "./undici/refused-handshake.ts";
import { unfitDispatcher } from "./undici/unfit-dispatcher.ts";

/** Options of {@link undiciTransport}. */
export interface UndiciTransportOptions {
  /**
   * An `Agent`, `ProxyAgent`, … of undici 7 or later that you create and close. It must send each call to the origin of
   * that call: a `Client` or `Pool` has one origin, and would send the client secret there with the calls to all others.
   * It must not retry or redirect. undici's interceptor of redirects is told to follow none; an answer of one that does
   * all the same is refused (`REDIRECT_FOLLOWED`), but by then a secret may have left for another origin.
   *
   * Its connections cannot be let go, so give it `keepAliveMaxTimeout: 4_000`: after a longer rest each one that a firewall
   * has forgotten costs a call that ends in doubt. And `allowH2: false`: undici does not leave an HTTP/2 connection that has
   * become silent, and each call times out. An `EnvHttpProxyAgent` needs `localhost,127.0.0.1,[::1]` in `NO_PROXY` where an
   * endpoint is on this machine: those calls go by `http:`, and the proxy could read the client secret.
   *
   * @default an `Agent` created by the transport
   */
  readonly dispatcher?: Pick<Dispatcher, "dispatch"> | undefined;
  /**
   * Maximum number of connections per origin, if the transport creates the dispatcher. Further calls wait for a free
   * one. Answers that are read piece by piece, as attachments are, have as many of their own.
   *
   * @default 64
   */
  readonly connections?: number | undefined;
  /**
   * The URL of an HTTP proxy through which all calls go, `http://user:password@proxy.example.org:3128`, except those
   * to this machine and to the hosts of `noProxy`. It sees the name of the host and nothing more: each call is encrypted
   * from end to end in a tunnel (`CONNECT`). `createLifecycle.fromEnv()` takes it from `HTTPS_PROXY`.
   *
   * @default none
   */
  readonly proxy?: string | undefined;
  /**
   * Hosts to which calls go directly, as in `NO_PROXY`: separated by commas, each with its subdomains and perhaps a
   * port; `*` for all.
   *
   * @default none
   */
  readonly noProxy?: string | undefined;
  /**
   * For a gateway that asks for a client certificate, each as PEM: `cert`, and those that lead to its authority, with its
   * private `key`. `ca` holds the authorities that are trusted in place of Node's; `NODE_EXTRA_CA_CERTS` adds to those
   * instead. The certificate is shown neither to a proxy nor to a host that another server names.
   *
   * @default none
   */
  readonly tls?: { readonly cert?: string; readonly key?: string; readonly ca?: string } | undefined;
}

type ClientTls = NonNullable<UndiciTransportOptions["tls"]>;

/**
 * Set explicitly, because otherwise `NODE_TLS_REJECT_UNAUTHORIZED=0` would disable verification for the whole process.
 */
const verifying = { rejectUnauthorized: true };

const rules: Rules<UndiciTransportOptions> = {
  dispatcher: withMethods("dispatch"),
  connections: whole(1),
  proxy: { must: "the http: or https: URL of a proxy, without a path", holds: isProxyUrl },
  noProxy: aText,
  tls: {
    must: "{ cert, key, ca }: a certificate with its key, and authorities, each as PEM",
    holds: isClientTls,
  },
};

/**
 * A {@link Transport} on undici. Every connection carries one request at a time, so a call is written in the same tick
 * in which undici starts it, and a failure before that tick means that the call was not sent. Its own connections
 * always verify certificates, whatever the environment says; for a private certificate authority set
 * `NODE_EXTRA_CA_CERTS` or pass a dispatcher.
 *
 * @throws {LifecycleError} `INVALID_OPTION`
 * @example
 * ```ts
 * import { undiciTransport } from "oneup-lifecycle";
 *
 * const transport = undiciTransport({ proxy: "http://proxy.example.org:3128" });
 * ```
 */
export function undiciTransport(options: UndiciTransportOptions = {}): Transport {
  const { connections = 64, proxy, noProxy = "", tls = {} } = check("create a transport", options, rules);
  for (const name of ["proxy", "tls"] as const)
    if (options.dispatcher !== undefined && options[name] !== undefined)
      throw invalid("create a transport", `${name} must be left out`, "a dispatcher as well");
  if (options.dispatcher === undefined && !undiciRuns())
    throw invalidOption(
      "Cannot create a transport: this runtime must support undici, and it replaces undici with a stub; use fetchTransport() instead",
    );
  const unfit = options.dispatcher && unfitDispatcher(options.dispatcher);
  if (unfit) throw invalid("create a transport", `dispatcher must be ${unfit.must}`, unfit.got);
  const route = { connections, proxy, noProxy, tls };
  const calls = lazyAgent(route);
  const loadOf = loadsOf(connections);
  /** Apart from the calls: streams that are read slowly would keep all connections from them. */
  const streams = lazyAgent(route);
  /** For hosts that another server chose. */
  const foreign = lazyAgent(route, true);
  /** Agents that take no calls any more, until theirs are over. */
  const leaving = new Set<Promise<OwnAgent>>();
  const { dispatcher } = options;
  const closing = dispatcher && closingDispatcher(dispatcher);
  let era = newEra();
  let isClosing = false;
  let lastBegun = systemClock.now();
  /** Until then connections of the application's dispatcher are used once, on `systemClock.monotonic()`. */
  let closesUntil = -Infinity;

  /** The dispatcher of the application, if there is one. */
  function given(): Pick<Dispatcher, "dispatch"> | undefined {
    return systemClock.monotonic() < closesUntil ? closing : dispatcher;
  }

  function release(): void {
    for (const one of [calls, streams]) {
      const left = one.release();
      if (left === undefined) continue;
      leaving.add(left);
      void left
        .then(({ agent, close }) => agent.close().then(close)) // once its calls are over
        .catch(() => {})
        .finally(() => leaving.delete(left));
    }
  }

  /**
   * While the process was frozen or the machine asleep, undici's timers stood still, and connections that are dropped
   * since seem open. A call that is written on one ends in doubt.
   */
  function renewAfterRest(): void {
    const now = systemClock.now();
    if (Math.abs(now - lastBegun) > keepAliveMs) release();
    lastBegun = now;
  }

  function newEra(): Era<TransportResponse> {
    const again = async (request: TransportRequest): Promise<TransportResponse> => {
      if (isClosing) throw aborted(false);
      return send(request);
    };
    return { loadOf, isOver: false, again };
  }

  function send(request: TransportRequest): Promise<TransportResponse> {
    renewAfterRest();
    if (dispatcher !== undefined) return exchange(request, given() ?? dispatcher, headersOf);
    const way = calls.agent();
    return way === undefined
      ? calls.open().then((agent) => exchange(request, agent, headersOf, era))
      : exchange(request, way, headersOf, era);
  }

  const headersOf = dispatcher === undefined ? memoized(uncached) : uncached; // an application's may change what it gets
  return hearsAborts({
    sendsGetBody: true,
    send,
    async stream(request) {
      renewAfterRest();
      return streamed(request, given() ?? (await (request.publicOnly === true ? foreign : streams).open()));
    },
    turn: () => turn(),
    renew() {
      release();
      era.isOver = true;
      era = newEra();
      closesUntil = systemClock.monotonic() + onceMs;
    },
    async close() {
      const opened = [...leaving, ...[calls, streams, foreign].map((one) => one.release())];
      isClosing = true;
      for (const one of opened) await (await one?.catch(() => undefined))?.close(); // its calls have failed
      isClosing = false;
    },
  });
}

/** Whether OpenSSL takes it, so that a key that is not that of the certificate is found at the start. */
function isClientTls(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { cert, key, ca, ...others } = value as ClientTls;
  const arePem = [cert, key, ca].every(
    (one) => one === undefined || (typeof one === "string" && one.includes("-----BEGIN ")), // Deno takes any text
  );
  if (!arePem || Object.keys(others).length > 0 || (cert === undefined) !== (key === undefined)) return false;
  try {
    createSecureContext({ ...value });
    return true;
  } catch {
    return false;
  }
}

/** For so long undici keeps a connection without a call, unless the server names another time. */
const keepAliveMs = 4_000;

/**
 * For so long, ms, connections of an application's dispatcher are used once after one of them mixed up answers: all that were
 * open are then used and closed, or have been without a call for longer than servers usually allow.
 */
const onceMs = 60_000;

/** The same dispatcher, which closes each connection after its answer. Another one's connections cannot be let go. */
function closingDispatcher(dispatcher: Pick<Dispatcher, "dispatch">): Pick<Dispatcher, "dispatch"> {
  return { dispatch: (options, handler) => dispatcher.dispatch({ ...options, reset: true }, handler) };
}

/** An agent that is opened by its first call. */
interface LazyAgent {
  /** `undefined` until it is open. */
  agent(): Agent | undefined;
  open(): Promise<Agent>;
  /** The next call opens another one. Returns the one that has been opened, or is about to be. */
  release(): Promise<OwnAgent> | undefined;
}

function lazyAgent(route: Route, publicOnly = false): LazyAgent {
  let own: Promise<OwnAgent> | undefined;
  let current: Agent | undefined;
  return {
    agent: () => current,
    async open() {
      const opening = (own ??= newAgent(route, publicOnly));
      try {
        const { agent } = await opening;
        if (own === opening) current = agent; // unless it was released in between
        return agent;
      } catch (error) {
        if (own === opening) own = undefined; // the next call tries again
        throw error;
      }
    },
    release() {
      const before = own;
      own = current = undefined;
      return before;
    },
  };
}

/** An agent, and what else ends with it. */
interface OwnAgent {
  readonly agent: Agent;
  /** Ends what is not open yet. Its calls have failed. */
  close(): Promise<void>;
}

/** Over how many connections calls leave, and through which proxy. */
interface Route {
  readonly connections: number;
  readonly proxy: string | undefined;
  readonly noProxy: string;
  readonly tls: ClientTls;
}

/** Headers of an answer that are larger, in bytes, lose it: gateways add more than the usual 16,384. */
const maxHeaderSize = 65_536;

/** undici is loaded by the first call: to read and start it takes as long as all else that this package needs. */
async function newAgent({ connections, proxy, noProxy, tls }: Route, publicOnly: boolean): Promise<OwnAgent> {
  const { Agent, Client, Pool, buildConnector } = await loadUndici();
  const lookup = publicOnly ? publicLookup : sharedLookup;
  const direct = noticingRefusals(buildConnector({ ...(publicOnly ? {} : tls), ...verifying, lookup }));
  const tunnels = proxy === undefined ? null : tunnelsThrough(proxy, noProxy, direct);
  /** Of each origin. An agent that closes forgets its own, and destroys none of them afterwards. */
  const pools = new Map<string, Dispatcher>();
  const agent = new Agent({
    connections,
    maxHeaderSize,
    connect: tunnels?.connect ?? direct,
    ...(!publicOnly && {
      factory(origin: string | URL, options: object) {
        const pool = connections === 1 ? new Client(origin, options) : new Pool(origin, options);
        pools.set(String(origin), pool);
        return pool;
      },
    }),
  });
  return {
    agent,
    async close() {
      tunnels?.close();
      for (const pool of pools.values()) await pool.destroy();
      await agent.destroy();
    },
  };
}

/** @throws {TransportError} */
async function loadUndici(): Promise<typeof import("undici")> {
  if (!("WebAssembly" in globalThis))
    // undici would end the process
    throw new TransportError(
      "Cannot send the call: undici needs WebAssembly, which this process lacks, as with node --jitless",
      { sent: false, code: "WASM_MISSING" },
    );
  let code: string | undefined;
  try {
    const undici = await loadPackage("undici", () => import("undici"));
    if (typeof undici.Agent === "function") return undici;
  } catch (error) {
    if (!isMissing(error)) code = codeOf(error);
  }
  code ??= "UNDICI_MISSING"; // or not fit for the application's bundle
  const message = `Cannot send the call: the package undici cannot be loaded (${code})`;
  throw new TransportError(message, { sent: false, code });
}

type Headers = TransportRequest["headers"];

/** Calls with one token share their headers, which are frozen. */
function memoized(change: (headers: Headers) => Headers): (headers: Headers) => Headers {
  const known = new WeakMap<Headers, Headers>();
  return (headers) => {
    let changed = known.get(headers);
    if (changed === undefined) {
      changed = change(headers);
      if (Object.isFrozen(headers)) known.set(headers, changed);
    }
    return changed;
  };
}

function exchange(
  request: TransportRequest,
  dispatcher: Pick<Dispatcher, "dispatch">,
  headersOf: (headers: Headers) => Headers,
  era?: Era<TransportResponse>,
): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    const headers = headersOf(request.headers);
    new WholeExchange(request, resolve, reject).begin(dispatcher, request, headers, era);
  });
}

/** Sends a request, and reads the answer piece by piece. @throws {TransportError} */
function streamed(
  request: TransportRequest,
  dispatcher: Pick<Dispatcher, "dispatch">,
): Promise<TransportStream> {
  return new Promise((resolve, reject) =>
    new StreamedExchange(request, resolve, reject).begin(dispatcher, request, uncached(request.headers)),
  );
}

/** Whether undici is the real package. Bun replaces it with a stub that sends nothing. */
export function undiciRuns(): boolean {
  return !("Bun" in globalThis);
}

/** `undiciTransport()`, or `fetchTransport()` where undici does not run, as in Bun. */
export function defaultTransport(): Transport {
  return undiciRuns() ? undiciTransport() : fetchTransport();
}
