/** The fifteen outages that an operator must be able to tell apart. */
import { readFileSync } from "node:fs";
import { createServer as createProxy, type OutgoingHttpHeaders } from "node:http";
import { createServer } from "node:https";
import { Agent, ProxyAgent, type Dispatcher } from "undici";
import { undiciTransport, type LifecycleOptions } from "oneup-lifecycle";
import { redis } from "oneup-lifecycle/adapters/redis";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { deadPort, serve } from "../http/local-server.ts";
import { afterwards } from "../support/scene.ts";
import { ask, startServer } from "../support/servers.ts";
import { listening, type Server } from "../support/programs.ts";
import type { Program } from "../support/needs.ts";
import {
  account,
  credentials,
  metBy,
  notStarted,
  onLmdb,
  opened,
  type Environment,
  type Shown,
  whileIt,
} from "./stage.ts";

/** An outage, what names its cause, and what names the next step: in each of the four places. */
export interface Outage {
  readonly name: string;
  readonly cause: RegExp;
  readonly nextStep: RegExp;
  readonly needs?: readonly Program[];
  play(): Promise<Shown>;
}

const to = (api: string): Partial<LifecycleOptions> => ({ endpoints: { api, auth: api } });
const real = to("https://api.1up.example");
const over = (dispatcher: Dispatcher): Partial<LifecycleOptions> => ({
  transport: undiciTransport({ dispatcher }),
});

/** A server that gives every call this response. */
async function answering(status: number, body = "", headers: OutgoingHttpHeaders = {}): Promise<Shown> {
  const { url } = await serve((response) => response.writeHead(status, headers).end(body));
  return metBy(to(url));
}

const json = { "content-type": "application/json" };

/** A network whose DNS does not know the host. */
function nameless(): Dispatcher {
  const error = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
  return new Agent({ connect: { lookup: (_host, _options, done) => done(error, []) } });
}

async function withExpiredCertificate(): Promise<Shown> {
  const fixture = (name: string): Buffer =>
    readFileSync(new URL(`../hardening/fixtures/${name}.pem`, import.meta.url));
  const cert = fixture("expired.cert");
  const server = createServer({ cert, key: fixture("self-signed.key") });
  server.on("tlsClientError", () => {}); // the client hangs up
  const port = await listening(server);
  afterwards(() => void server.close());
  return metBy({ ...to(`https://localhost:${port}`), ...over(new Agent({ connect: { ca: cert } })) });
}

async function behindProxy(): Promise<Shown> {
  const proxy = createProxy();
  proxy.on("connect", (_request, socket) =>
    socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"),
  );
  const port = await listening(proxy);
  afterwards(() => void proxy.close());
  return metBy({ ...real, ...over(new ProxyAgent(`http://127.0.0.1:${port}`)) });
}

const key = Buffer.alloc(32, 7).toString("base64");
const otherKey = Buffer.alloc(32, 8).toString("base64");

/** A lifecycle on Redis with one user, and its server. */
async function onRedis(): Promise<{
  readonly server: Server;
  readonly env: Environment;
  readonly at: Awaited<ReturnType<typeof opened>>;
}> {
  const server = await startServer("redis-server");
  afterwards(() => server.stop());
  const env = { ...account, ONEUP_STORE: server.url, ONEUP_KEY: key };
  const at = await onboarded({ store: redis(server.url, { timeoutMs: 1_000 }), encryption: { keys: [key] } });
  return { server, env, at };
}

/** A lifecycle with one user, at a sandbox. */
async function onboarded(options: Partial<LifecycleOptions>): ReturnType<typeof opened> {
  const sandbox = createSandbox(credentials);
  const server = await sandbox.listen();
  afterwards(() => server.close());
  const at = await opened({ ...options, endpoints: server.endpoints });
  await at.lifecycle.onboard("ada");
  return at;
}

/** The fifteen. */
export const outages: readonly Outage[] = [
  {
    name: "Another server answers at the host",
    cause: /createUser at 127\.0\.0\.1:PORT failed: http_404/,
    nextStep: /check the base URL \(endpoints, ONEUP_API, ONEUP_AUTH\): another server may answer there/,
    play: () => answering(404, '{"message":"Not Found"}', json),
  },
  {
    name: "The connection is refused",
    cause: /createUser at 127\.0\.0\.1:PORT failed: ECONNREFUSED/,
    nextStep: /check host and port \(endpoints, ONEUP_API, ONEUP_AUTH\), and that a firewall lets/,
    play: async () => metBy(to(`http://127.0.0.1:${await deadPort()}`)),
  },
  {
    name: "The TLS certificate has expired",
    cause: /createUser at localhost:PORT failed: CERT_HAS_EXPIRED/,
    nextStep: /check the clock of this machine, and a proxy that opens TLS/,
    play: withExpiredCertificate,
  },
  {
    name: "DNS does not know the host",
    cause: /createUser at api\.1up\.example failed: ENOTFOUND/,
    nextStep: /check the host name \(endpoints, ONEUP_API, ONEUP_AUTH\) and the DNS of this machine/,
    play: () => metBy({ ...real, ...over(nameless()) }),
  },
  {
    name: "A proxy asks for a password (407)",
    cause: /createUser at api\.1up\.example failed: proxy_407/,
    nextStep: /give the proxy its user and password/,
    play: behindProxy,
  },
  {
    name: "1upHealth refuses the client (401)",
    cause: /(?:createUser|listUsers) at 127\.0\.0\.1:PORT failed: invalid_client \(status 401\)/,
    nextStep: /compare client id and secret \(credentials, ONEUP_CLIENT_ID, ONEUP_CLIENT_SECRET\)/,
    play: () => answering(401, '{"error":"invalid_client"}', json),
  },
  {
    name: "Calls are forbidden (403)",
    cause: /(?:createUser|listUsers) at 127\.0\.0\.1:PORT failed: http_403/,
    nextStep: /call the host from this machine with curl: if a proxy or a login page answers/,
    play: () => answering(403, '{"message":"Forbidden"}', json),
  },
  {
    name: "A page of HTML answers",
    cause: /(?:createUser|listUsers) at 127\.0\.0\.1:PORT failed: html_page/,
    nextStep: /call the host from this machine with curl: if a proxy or a login page answers/,
    play: () => answering(200, "<!doctype html><title>Login</title>", { "content-type": "text/html" }),
  },
  {
    name: "Too many calls (429)",
    cause: /createUser at 127\.0\.0\.1:PORT failed: http_429/,
    nextStep: /something else calls with this client id/,
    play: () => answering(429, "", { "retry-after": "60" }),
  },
  {
    name: "1upHealth is down (503)",
    cause: /createUser at 127\.0\.0\.1:PORT failed: http_503/,
    nextStep: /wait, and ask 1upHealth's support if it goes on/,
    play: () => answering(503),
  },
  {
    name: "1upHealth does not answer in time",
    cause: /createUser at 127\.0\.0\.1:PORT failed: TIMEOUT \(after 1000 ms\)/,
    nextStep: /check the way to the host if it goes on, and raise timeoutMs/,
    play: async () => metBy({ ...to((await serve(() => {})).url), timeoutMs: 1_000, graceMs: 60_000 }),
  },
  {
    name: "The store is away",
    cause: /Redis (?:store: no answer within \d+ ms from Redis )?at redis:\/\/127\.0\.0\.1:PORT/,
    nextStep: /check that the store runs, can be reached from this machine and takes writes/,
    needs: ["redis-server"],
    async play() {
      const { server, env, at } = await onRedis();
      await server.stop();
      return whileIt((lifecycle, signal) => lifecycle.work({ signal }), at, env);
    },
  },
  {
    name: "The store takes no writes",
    cause: /Cannot write to the Redis store: Redis has too few replicas to take writes/,
    nextStep: /check that the store runs, can be reached from this machine and takes writes/,
    needs: ["redis-server"],
    async play() {
      const { server, env, at } = await onRedis();
      await ask(server.url, "CONFIG", "SET", "min-replicas-to-write", "1");
      return whileIt((lifecycle) => lifecycle.onboard("eve", { waitMs: 0 }), at, env);
    },
  },
  {
    name: "The key is another one",
    cause: /it was written with key HEX, and the configured keys are HEX/,
    nextStep: /add key HEX to them/,
    async play() {
      const { options, env } = onLmdb();
      const { ONEUP_KEY_FILE: _, ...others } = env;
      await (await onboarded({ ...options, encryption: { keys: [key] } })).lifecycle.close();
      return notStarted({ ...options, encryption: { keys: [otherKey] } }, { ...others, ONEUP_KEY: otherKey });
    },
  },
  {
    name: "The store belongs to another origin",
    cause:
      /users belong to local \(a loopback address\), and calls (?:from here )?would go to https:\/\/api\.1up\.example/,
    nextStep: /correct endpoints \(ONEUP_API, ONEUP_AUTH\), or (?:changeOrigin: true|--change-origin) moves/,
    async play() {
      const { options, env } = onLmdb();
      await (await onboarded(options)).lifecycle.close();
      return notStarted({ ...options, ...real }, { ...env, ONEUP_API: "https://api.1up.example" });
    },
  },
];
