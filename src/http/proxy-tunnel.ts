/**
 * Connections through an HTTP proxy: each is a tunnel (`CONNECT`), inside of which the call is encrypted from end to end.
 *
 * undici has a `ProxyAgent`, too. It opens thousands of connections to a proxy that accepts them and closes, and waits for
 * five minutes, and so does the end of its process, for one that is silent.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { buildConnector } from "undici";
import { systemClock } from "../clock.ts";
import { sharedLookup } from "./streaming/shared-lookup.ts";
import { codeOf } from "./transport.ts";

/** Longest time until a tunnel is open, ms: as long as undici waits for any other connection. */
const openMs = 10_000;
/** Longest response to that, characters. */
const longestHead = 16_384;
/** With this byte each record of a TLS handshake begins. */
const ofTls = 0x16;

/** Whether a value is the URL of an HTTP proxy, whose user and password can be decoded. */
export function isProxyUrl(value: unknown): boolean {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  const { protocol, username, password, pathname, search, hash } = new URL(value);
  const isEncoded = /^(?:[^%]|%[\da-f]{2})*$/i.test(`${username}${password}`);
  const isPlain = pathname === "/" && search === "" && hash === "";
  return isEncoded && isPlain && (protocol === "http:" || protocol === "https:");
}

/** Opens tunnels; `close()` ends those that are not open yet. */
export interface Tunnels {
  readonly connect: buildConnector.connector;
  close(): void;
}

/**
 * @param noProxy the hosts that are reached without it
 * @param direct opens connections without the proxy, and encrypts those inside of a tunnel
 */
export function tunnelsThrough(proxy: string, noProxy: string, direct: buildConnector.connector): Tunnels {
  const opening = new Set<Socket>();
  return {
    connect(options, callback) {
      const { protocol, hostname, port } = options;
      // Calls by http go to this machine alone.
      if (protocol !== "https:" || isReachedWithout(hostname, port, noProxy))
        return direct(options, callback);
      const authority = `${isIP(hostname) === 6 ? `[${hostname}]` : hostname}:${port || 443}`;
      tunnel(new URL(proxy), authority, opening, (error, httpSocket) => {
        if (httpSocket === null) callback(error, null);
        else direct({ ...options, httpSocket }, callback);
      });
    },
    close() {
      for (const socket of opening) socket.destroy();
    },
  };
}

/** As `NO_PROXY` is read elsewhere: hosts with their subdomains, perhaps with a port; `*` for all. This machine always is. */
function isReachedWithout(hostname: string, port: string, noProxy: string): boolean {
  const host = hostname.toLowerCase().replace(/\.$/, "");
  if (host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host)) return true;
  return noProxy.split(/[\s,]+/).some((entry) => {
    const [, name = "", ofPort] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    if (name === "*") return true;
    const domain = name.replace(/^\*?\./, "").replace(/\.$/, "");
    const isOfPort = ofPort === undefined || ofPort === (port || "443");
    return domain !== "" && isOfPort && (host === domain || host.endsWith(`.${domain}`));
  });
}

/** Opened, or the reason why not, which names no user and no password. */
type Done = (...result: [error: null, socket: Socket] | [error: Error, socket: null]) => void;

/** Has the proxy connect a socket to the host. `done` is called once. */
function tunnel(proxy: URL, authority: string, opening: Set<Socket>, done: Done): void {
  const { hostname, username, password, protocol } = proxy;
  const isSecured = protocol === "https:";
  const host = hostname.replace(/^\[|\]$/g, "");
  const at = { host, port: Number(proxy.port) || (isSecured ? 443 : 80), lookup: sharedLookup };
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const authorization =
    credentials === ":"
      ? ""
      : `Proxy-Authorization: Basic ${Buffer.from(credentials).toString("base64")}\r\n`;
  const socket = isSecured
    ? connectTls({ ...at, rejectUnauthorized: true, ...(isIP(host) === 0 && { servername: host }) })
    : connect(at);
  opening.add(socket);
  const cancel = systemClock.timer(openMs, () => fail(coded("proxy_TIMEOUT")));
  let head = "";
  let isDone = false;
  function end(): void {
    cancel();
    opening.delete(socket);
    socket.pause().off("data", read).off("close", closed);
  }
  function fail(error: Error): void {
    end();
    socket.destroy();
    if (!isDone) done(error, null);
    isDone = true;
  }
  function closed(): void {
    fail(coded("proxy_ECONNRESET"));
  }
  function read(chunk: Buffer): void {
    head += chunk.toString("latin1");
    const length = head.indexOf("\r\n\r\n") + 4;
    if (length < 4) return head.length > longestHead ? fail(coded("proxy_EPROTO")) : undefined;
    const status = Number(/^HTTP\/1\.[01] (\d{3})\b/.exec(head)?.[1] ?? 0);
    const rest = Buffer.from(head.slice(length), "latin1");
    head = "";
    if (status === 0) return fail(coded("proxy_EPROTO"));
    if (status < 200) return read(rest); // informational: the response follows
    if (status > 299) return fail(new Error(`Proxy response (${status}) !== 200 when HTTP Tunneling`));
    if (rest.length > 0 && rest[0] !== ofTls) return fail(coded("proxy_EPROTO")); // such as a body, which TLS would wait on
    end();
    if (rest.length > 0) socket.unshift(rest);
    isDone = true;
    done(null, socket);
  }
  socket
    .on("error", (error: Error) => fail(ofProxy(error)))
    .on("close", closed)
    .on("data", read)
    .once(isSecured ? "secureConnect" : "connect", () => {
      socket.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
    });
}

/** Troubles of this process, not of the proxy. */
const ownTrouble: ReadonlySet<string> = new Set(["EMFILE", "ENFILE", "ERR_ACCESS_DENIED"]);

/** An error before there is a tunnel concerns the proxy, not the host behind it: `proxy_ENOTFOUND`. */
function ofProxy(error: Error): Error {
  const code = codeOf(error);
  return code === undefined || ownTrouble.has(code) ? error : coded(`proxy_${code}`);
}

/** An error by its code, as those of connections have one. Not `UND_ERR_SOCKET`, after which undici connects again at once. */
function coded(code: string): Error {
  return Object.assign(new Error("The proxy opens no tunnel"), { code });
}
