import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { controlBase, controlRoutes } from "../../src/sandbox/http/control-routes.ts";
import { connectSandboxClock, createSandbox } from "../../src/sandbox/index.ts";
import { headersOf, open } from "./support.ts";

const secret = "a-secret-of-this-test";
const json = "content-type: application/json";

interface Raw {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends these lines as they are, for a client of HTTP would mend some; `body` with its length. */
async function raw(url: string, lines: readonly string[], body?: string): Promise<Raw> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  const length = body === undefined ? [] : [`content-length: ${Buffer.byteLength(body)}`];
  socket.write([...lines, ...length, "connection: close", "", body ?? ""].join("\r\n"));
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  return { status: Number(head.split(" ")[1]), head, body: rest.join("\r\n\r\n") };
}

/** The control call `GET state` over HTTP/1.1, with these headers. */
const getState = (url: string, ...headers: string[]): Promise<Raw> =>
  raw(url, ["GET /_sandbox/state HTTP/1.1", ...headers]);

describe("sandbox/admission: who may ask", () => {
  it.each([
    "127.0.0.1:PORT",
    "127.0.0.1",
    "127.8.9.10:PORT",
    "localhost:PORT",
    "LocalHost:PORT",
    "localhost.:PORT",
    "localhost:9", // of a tunnel, say
    "[::1]:PORT",
    "[::1]",
  ])("a control call to the host %s is answered", async (host) => {
    const { url } = await open({ clientSecret: secret });
    const { status, body } = await getState(url, `Host: ${host.replace("PORT", new URL(url).port)}`);
    expect(status).toBe(200);
    expect(body).toContain(secret);
  });

  it.each([
    "rebound.example:PORT",
    "127.0.0.1.rebound.example:PORT",
    "localhost.rebound.example",
    "rebound.localhost:PORT", // resolvers ask a name server for it
    "127.0.0.1@rebound.example",
    "rebound.example@127.0.0.1:PORT",
    "localhost:PORT:PORT",
    "localhost, rebound.example",
    "localhost..",
    "localhost/rebound.example",
    "127.0.0.256",
    "127.0.0.01",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0.0.0.0:PORT",
    "128.0.0.1",
    "10.0.0.7:PORT",
    "[::]:PORT",
    "[::ffff:10.0.0.7]",
    "[fe80::1]",
    "::1",
    "",
  ])("a control call to the host %j is refused, and tells nothing", async (host) => {
    const { url } = await open({ clientSecret: secret });
    const { status, body } = await getState(url, `Host: ${host.replaceAll("PORT", new URL(url).port)}`);
    expect(status).toBe(403);
    expect(JSON.parse(body)).toEqual({ message: expect.stringContaining("its Host must be localhost") });
  });

  it("a control call that names no host is refused", async () => {
    const { url } = await open({ clientSecret: secret });
    expect((await raw(url, ["GET /_sandbox/state HTTP/1.0"])).status).toBe(403);
  });

  it("what a forwarding header or the request's target names counts for nothing", async () => {
    const { url } = await open({ clientSecret: secret });
    const forwarded = ["X-Forwarded-Host: localhost", "Forwarded: host=localhost", "X-Real-IP: 127.0.0.1"];
    expect((await getState(url, "Host: rebound.example", ...forwarded)).status).toBe(403);
    const targets = [`${url}/_sandbox/state`, "//localhost/_sandbox/state", "/%5fsandbox/state"];
    for (const target of targets) {
      const answer = await raw(url, [`GET ${target} HTTP/1.1`, "Host: rebound.example"]);
      expect(answer.status).not.toBe(200);
      expect(answer.body).not.toContain(secret);
    }
  });

  it.each([
    "http://rebound.example",
    "http://127.0.0.1:9", // another program's page on this machine
    "http://127.0.0.1",
    "http://localhost:PORT",
    "https://127.0.0.1:PORT",
    "http://127.0.0.1:PORT.rebound.example",
    "http://127.0.0.1:PORT, http://rebound.example",
    "null",
    "",
  ])("a control call of the origin %j is refused", async (origin) => {
    const { url, sandbox } = await open({ clientSecret: secret });
    const { host, port } = new URL(url);
    sandbox.createUser("ada");
    const sent = [`Host: ${host}`, `Origin: ${origin.replaceAll("PORT", port)}`];
    for (const path of ["state", "clock?follow", ""]) {
      const answer = await raw(url, [`GET /_sandbox/${path} HTTP/1.1`, ...sent]);
      expect([path, answer.status, answer.body.includes(secret)]).toEqual([path, 403, false]);
    }
    const reset = await raw(url, ["POST /_sandbox/reset HTTP/1.1", ...sent, json], "{}");
    expect([reset.status, sandbox.users().length]).toEqual([403, 1]);
  });

  it.each([
    ["same-origin", 200],
    ["none", 200],
    ["same-site", 403],
    ["cross-site", 403],
    ["", 403],
    ["what comes in ten years", 403],
  ])("a control call with Sec-Fetch-Site: %s is answered with %i", async (site, status) => {
    const { url } = await open();
    const { host } = new URL(url);
    expect((await getState(url, `Host: ${host}`, `Sec-Fetch-Site: ${site}`)).status).toBe(status);
  });

  it("a page of the sandbox's own is answered", async () => {
    const { url } = await open();
    const { port } = new URL(url);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
      const own = [`Host: ${host}`, `Origin: http://${host}`, "Sec-Fetch-Site: same-origin", json];
      expect((await raw(url, ["POST /_sandbox/reset HTTP/1.1", ...own], "{}")).status).toBe(200);
    }
  });

  it("no answer to a control call carries a CORS header, a preflight's least of all", async () => {
    const { url } = await open();
    const { host } = new URL(url);
    const asked = ["Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type"];
    for (const origin of ["http://rebound.example", url]) {
      for (const method of ["OPTIONS", "GET", "HEAD", "POST"]) {
        const lines = [`${method} /_sandbox/clock HTTP/1.1`, `Host: ${host}`, `Origin: ${origin}`, ...asked];
        const { status, head } = await raw(url, lines);
        expect(head).not.toMatch(/access-control/i);
        if (method === "OPTIONS") expect(status).toBeGreaterThanOrEqual(400);
      }
    }
  });
});

describe("sandbox/admission: what may be sent", () => {
  const changing = controlRoutes.filter(({ method }) => method === "POST" || method === "PUT");

  it.each(changing)(
    "$method /_sandbox/$path takes JSON that is declared as such, and nothing else",
    async (route) => {
      const { url, call, sandbox } = await open({ clientSecret: secret });
      sandbox.createUser("bilbo");
      const body = JSON.stringify(route.body ?? sandbox.snapshot());
      const before = JSON.stringify([sandbox.snapshot(), sandbox.faults(), sandbox.clock.offset]);
      const path = controlBase + route.path;
      const types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "text/plain; application/json",
        "application/jsonp",
        "application/json, text/plain",
        "",
      ];
      for (const type of types) {
        const refused = await call(route.method, path, { headers: { "content-type": type }, body });
        expect([type, refused.status]).toEqual([type, 415]);
        expect(refused.body["message"]).toContain("content-type: application/json");
      }
      const { host } = new URL(url);
      const bare = await raw(url, [`${route.method} ${path} HTTP/1.1`, `Host: ${host}`], "");
      expect(bare.status).toBe(415);
      expect(JSON.stringify([sandbox.snapshot(), sandbox.faults(), sandbox.clock.offset])).toBe(before);
      for (const type of ["application/json", "Application/JSON ; charset=utf-8"]) {
        const taken = await call(route.method, path, { headers: { "content-type": type }, body });
        expect([type, taken.status]).toEqual([type, 200]);
      }
    },
  );
});

describe("sandbox/admission: every entry point", () => {
  it("fetch() keeps the same rules, for another server may hand it a browser's request", async () => {
    const sandbox = createSandbox({ clientSecret: secret });
    const own = "http://localhost:8000/_sandbox/state";
    const status = async (url: string, headers: Record<string, string> = {}): Promise<number> => {
      const answer = await sandbox.fetch(new Request(url, { headers }));
      if (answer.status !== 200) expect(await answer.text()).not.toContain(secret);
      return answer.status;
    };
    expect(await status(own)).toBe(200);
    expect(await status("https://localhost/_sandbox/state", { origin: "https://localhost" })).toBe(200);
    expect(await status("http://rebound.example/_sandbox/state")).toBe(403);
    expect(await status(own, { host: "rebound.example" })).toBe(403);
    expect(await status(own, { origin: "http://localhost:3000" })).toBe(403);
    expect(await status(own, { "sec-fetch-site": "cross-site" })).toBe(403);
    const reset = new Request("http://localhost/_sandbox/reset", { method: "POST", body: "{}" });
    expect((await sandbox.fetch(reset)).status).toBe(415);
  });

  it("connectSandboxClock() follows by each name of this machine that leads there", async () => {
    const { url, sandbox } = await open();
    sandbox.clock.advance(3_600_000);
    for (const name of ["127.0.0.1", "localhost"]) {
      const clock = await connectSandboxClock(url.replace("127.0.0.1", name));
      expect(clock.now() - sandbox.clock.now()).toBeGreaterThan(-1_800_000);
      clock.close();
    }
  });

  it("the simulated 1upHealth answers by any name, to those who have its credentials", async () => {
    const { url, sandbox } = await open();
    const list = (...headers: string[]): Promise<Raw> =>
      raw(url, ["GET /user-management/v1/user HTTP/1.1", "Host: host.docker.internal:8080", ...headers]);
    const credentials = Object.entries(headersOf(sandbox)).map(([name, value]) => `${name}: ${value}`);
    expect((await list(...credentials)).status).toBe(200);
    expect((await list()).status).toBe(401);
  });
});
