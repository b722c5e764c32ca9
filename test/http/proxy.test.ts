/** Networks whose hosts are reached through a proxy only. */
import { readFileSync } from "node:fs";
import { createServer as createProxy } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { undiciTransport } from "oneup-lifecycle";
import { nextStepAfter } from "../../src/next-step.ts";
import { createSandbox, type Sandbox } from "oneup-lifecycle/sandbox";
import { listening } from "../support/programs.ts";
import { afterwards } from "../support/scene.ts";
import { start } from "../support/started.ts";

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../hardening/fixtures/${name}.pem`, import.meta.url));
const child = fileURLToPath(new URL("./proxied.child.ts", import.meta.url));

/** No DNS knows it; the proxy does. An authority of the tests has certified it until 2126. */
const host = "api.1up.example";

interface Network {
  readonly sandbox: Sandbox;
  /** The host and port of the proxy. */
  readonly proxy: string;
  /** What the proxy saw: the target of each tunnel, and the name and password that came with it. */
  readonly tunnels: { readonly target: string; readonly authorization: string | undefined }[];
  /** All bytes that went through it. */
  passed(): string;
}

/** A network whose proxy asks for this name and password. */
async function behindProxy(userAndPassword?: string, before = ""): Promise<Network> {
  const sandbox = createSandbox();
  const plain = await sandbox.listen();
  afterwards(() => plain.close());
  const sandboxPort = Number(new URL(plain.url).port);
  const sockets = new Set<Socket>();
  const joined = (one: Socket, other: Socket): void => {
    for (const [socket, twin] of [
      [one, other],
      [other, one],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {}).on("close", () => twin.destroy());
    }
    one.pipe(other).pipe(one);
  };
  const secured = createTlsServer(
    { cert: readFileSync(fixture("api.cert")), key: readFileSync(fixture("self-signed.key")) },
    (socket) => joined(socket, connect(sandboxPort, "127.0.0.1")),
  );
  const port = await listening(secured);
  const wanted = userAndPassword && `Basic ${Buffer.from(userAndPassword).toString("base64")}`;
  const tunnels: Network["tunnels"][number][] = [];
  const passed: Buffer[] = [];
  const proxy = createProxy();
  proxy.on("connect", (request, socket: Socket) => {
    const authorization = request.headers["proxy-authorization"];
    tunnels.push({ target: request.url ?? "", authorization });
    if (authorization !== wanted) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    socket.on("data", (bytes: Buffer) => passed.push(bytes));
    const there = connect(port, "127.0.0.1", () =>
      socket.write(`${before}HTTP/1.1 200 Connection established\r\n\r\n`),
    );
    joined(socket, there);
  });
  const at = `127.0.0.1:${await listening(proxy)}`;
  afterwards(() => {
    for (const socket of sockets) socket.destroy();
    secured.close();
    proxy.close();
  });
  return { sandbox, proxy: at, tunnels, passed: () => Buffer.concat(passed).toString("latin1") };
}

/** What the worker of {@link child} prints in this network. */
async function onboarded(
  { sandbox }: Pick<Network, "sandbox">,
  env: Readonly<Record<string, string>>,
  waitMs = 60_000,
): Promise<unknown> {
  const { clientId, clientSecret } = sandbox.credentials;
  const { out, err } = await start(child, [String(waitMs)], {
    ONEUP_CLIENT_ID: clientId,
    ONEUP_CLIENT_SECRET: clientSecret,
    ONEUP_API: `https://${host}`,
    NODE_EXTRA_CA_CERTS: fixture("authority.cert"),
    DENO_CERT: fixture("authority.cert"),
    DENO_NO_UPDATE_CHECK: "1", // which would go through the proxy, too
    ...env,
  }).ended;
  expect(err).toBe("");
  return JSON.parse(out);
}

/** What it prints once it has got no further; on a busy machine it may find out nothing within its second. */
async function refusedIn(
  network: Pick<Network, "sandbox">,
  env: Readonly<Record<string, string>>,
): Promise<unknown> {
  for (;;) {
    const met = await onboarded(network, env, 500);
    if (!JSON.stringify(met).includes('"TIMEOUT"')) return met;
  }
}

/** On a busy machine a call may take longer than the second that it is given: a fresh code follows. */
const state: unknown = expect.stringMatching(/^(?:tokenActive|reauthorized)$/);
const done = { state, usable: true, created: "Patient" };

it("fromEnv() sends every call through the proxy in HTTPS_PROXY, which sees the host and no more", async () => {
  const network = await behindProxy("ada:p@ss word");
  network.sandbox.fail({ call: "createUser", drop: "before" });
  const proxy = `http://ada:p%40ss%20word@${network.proxy}`;
  expect(await onboarded(network, { HTTPS_PROXY: proxy })).toEqual(done);
  expect(new Set(network.tunnels.map(({ target }) => target))).toEqual(new Set([`${host}:443`]));
  expect(network.sandbox.journal.count("createUser")).toBeGreaterThan(0);
  expect(network.passed()).not.toMatch(/client_secret|access_token|ada|Patient/);
});

it("takes a proxy without a scheme, as curl does", async () => {
  const network = await behindProxy();
  expect(await onboarded(network, { https_proxy: network.proxy })).toEqual(done);
});

it("names a proxy that asks for a password", async () => {
  const network = await behindProxy("ada:right");
  const met = await refusedIn(network, { HTTPS_PROXY: `http://ada:wr0ng@${network.proxy}` });
  expect(met).toMatchObject({ failed: "proxy_407" });
  expect(JSON.stringify(met)).not.toContain("wr0ng");
  expect(network.sandbox.journal.entries()).toEqual([]);
});

it("tells a proxy that is not found, or not there, from a host that is not", async () => {
  const sandbox = createSandbox();
  const nowhere = { HTTPS_PROXY: "http://proxy.invalid:3128" };
  expect(await refusedIn({ sandbox }, nowhere)).toMatchObject({
    failed: expect.stringMatching(/^proxy_(?:ENOTFOUND|EAI_AGAIN)$/),
  });
  const closed = createServer();
  const port = await listening(closed);
  closed.close();
  const refused = { HTTPS_PROXY: `http://127.0.0.1:${port}` };
  expect(await refusedIn({ sandbox }, refused)).toMatchObject({ failed: "proxy_ECONNREFUSED" });
  expect(nextStepAfter({ code: "proxy_ECONNREFUSED", status: null })).toContain("HTTPS_PROXY");
});

it("goes to this machine, and to the hosts in NO_PROXY, without the proxy", async () => {
  const network = await behindProxy();
  const { url, close } = await network.sandbox.listen();
  afterwards(close);
  const env = { HTTPS_PROXY: `http://${network.proxy}`, HTTP_PROXY: `http://${network.proxy}` };
  expect(await onboarded(network, { ...env, ONEUP_API: url })).toEqual(done);
  // No DNS knows the host, so a direct call finds nothing.
  const direct = await refusedIn(network, { ...env, NO_PROXY: "other.example, .1up.example" });
  expect(direct).toMatchObject({ code: "USER_NOT_READY" });
  expect(network.tunnels).toEqual([]);
});

/** A proxy that treats each connection like this, and how many there were. */
async function proxyThat(
  treats: (socket: Socket) => void,
): Promise<{ readonly url: string; count(): number }> {
  let connections = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    connections++;
    open.add(socket);
    socket.on("error", () => {});
    treats(socket);
  });
  const url = `http://127.0.0.1:${await listening(server)}`;
  afterwards(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return { url, count: () => connections };
}

const broken: Readonly<Record<string, readonly [(socket: Socket) => void, RegExp]>> = {
  "accepts and closes": [(socket) => void socket.end(), /^proxy_(?:ECONNRESET|EPIPE)$/],
  resets: [(socket) => void socket.once("data", () => socket.resetAndDestroy()), /^proxy_ECONNRESET$/],
  "answers by half": [(socket) => void socket.end("HTTP/1.1 200 OK\r\n"), /^proxy_(?:ECONNRESET|EPIPE)$/],
  "answers in another protocol": [(socket) => void socket.end("SSH-2.0-x\r\n\r\n"), /^proxy_EPROTO$/],
  "grants the tunnel with a body": [
    (socket) => void socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    /^proxy_EPROTO$/,
  ],
  "answers with a page": [
    (socket) => void socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n<html>"),
    /^proxy_502$/,
  ],
  "never answers": [() => {}, /^TIMEOUT$/],
};

it.each(Object.keys(broken))(
  "a proxy that %s is asked again after pauses, and the process ends",
  async (name) => {
    const [treats, code] = broken[name] ?? [() => {}, /^$/];
    const { url, count } = await proxyThat(treats);
    const sandbox = createSandbox();
    const met = await onboarded({ sandbox }, { HTTPS_PROXY: url }, 2_500);
    expect(met).toMatchObject({ failed: expect.stringMatching(code) });
    expect(count()).toBeGreaterThan(0);
    expect(count()).toBeLessThan(12);
  },
);

it("reads an informational response before the tunnel, and sends a password without a user", async () => {
  const network = await behindProxy(":p@ss", "HTTP/1.1 100 Continue\r\n\r\n");
  expect(await onboarded(network, { HTTPS_PROXY: `http://:p%40ss@${network.proxy}` })).toEqual(done);
});

it.each([
  ["*", true],
  ["other.example,*", true],
  ["1up.example", true],
  ["*.1up.example", true],
  ["api.1up.example.", true],
  ["api.1up.example:443", true],
  ["api.1up.example:8443", false],
  ["up.example", false],
  ["example.org, internal", false],
  ["", false],
])("noProxy %j", async (noProxy, isDirect) => {
  const { url: proxy, count } = await proxyThat((socket) => void socket.end());
  const transport = undiciTransport({ proxy, noProxy });
  afterwards(() => transport.close?.());
  const signal = AbortSignal.timeout(5_000);
  const request = { method: "GET", headers: {}, signal, maxBytes: 1_000, onSending: () => true } as const;
  await transport.send({ ...request, url: `https://${host}/` }).catch(() => {});
  expect(count()).toBe(isDirect ? 0 : 1);
  for (const here of ["127.0.0.9", "localhost", "[::1]"])
    await transport.send({ ...request, url: `https://${here}:1/` }).catch(() => {});
  expect(count()).toBe(isDirect ? 0 : 1);
});

it.each([
  "socks5://ada:s3cr3t@127.0.0.1:1080",
  "http://ada:s3cr3t%zz@127.0.0.1:1",
  "http://ada:s3cr3t@127.0.0.1:1/path",
  "http://ada:s3cr3t@127.0.0.1:1/?query",
  "://s3cr3t",
])("is refused at the start where it is no HTTP proxy: %s", async (given) => {
  const met = await onboarded({ sandbox: createSandbox() }, { HTTPS_PROXY: given });
  expect(met).toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringContaining("the environment variable HTTPS_PROXY must be"),
  });
  expect(JSON.stringify(met)).not.toContain("s3cr3t");
  expect(() => undiciTransport({ proxy: given })).toThrow(/proxy must be the http: or https: URL of a proxy/);
});

it("undiciTransport() takes a proxy or a dispatcher", () => {
  const dispatcher = { dispatch: () => true };
  expect(() => undiciTransport({ dispatcher, proxy: "http://127.0.0.1:3128" })).toThrow(
    "Cannot create a transport: proxy must be left out, got a dispatcher as well",
  );
});
