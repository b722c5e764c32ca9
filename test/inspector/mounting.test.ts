import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import { getRequestListener } from "@hono/node-server";
import express from "express";
import { Hono } from "hono";
import { createInspector } from "oneup-lifecycle/inspector";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { needing } from "../support/needs.ts";
import { afterwards } from "../support/scene.ts";
import { deno, start } from "../support/started.ts";
import { Stream } from "./support.ts";

type Fetch = (request: Request) => Response | Promise<Response>;

/** Applications with the inspector below `/inspector`, as docs/inspector.md mounts it. */
const applications: Readonly<Record<string, (fetch: Fetch) => RequestListener>> = {
  hono(fetch) {
    const app = new Hono();
    app.all("/inspector/*", (c) => fetch(c.req.raw));
    const listener = getRequestListener(app.fetch);
    return (request, response) => void listener(request, response);
  },
  express(fetch) {
    const listener = getRequestListener(fetch);
    const app = express();
    app.use("/inspector", (request, response) => {
      request.url = request.originalUrl;
      return listener(request, response);
    });
    return app;
  },
};

describe.each(Object.entries(applications))("inspector in %s", (_, application) => {
  it("answers below its path, with a live view, and nothing without authorize's word", async () => {
    const { lifecycle, close } = await createTestLifecycle();
    afterwards(close);
    await lifecycle.onboard("ada@example.org");
    const inspector = createInspector(lifecycle, {
      actions: true,
      basePath: "/inspector",
      authorize: ({ headers }) => (headers.get("x-user") === "ada" ? { who: "ada", may: true } : null),
    });
    afterwards(() => inspector.close());
    const server = createServer(application(inspector.fetch)).listen(0, "127.0.0.1");
    afterwards(() => {
      server.close();
      server.closeAllConnections();
    });
    await once(server, "listening");
    const address = server.address();
    const base = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}/inspector`;

    const headers = { "x-user": "ada", "content-type": "application/json" };
    const init = { method: "POST", headers, body: "{}" };
    const users = await fetch(`${base}/api/users`, init);
    expect(await users.json()).toMatchObject({ users: [{ appUserId: "a…@example.org" }] });
    expect(
      (await fetch(`${base}/api/users`, { ...init, headers: { ...headers, "x-user": "eve" } })).status,
    ).toBe(403);
    expect(
      (await fetch(`${base}/api/users`, { ...init, headers: { ...headers, origin: "http://evil" } })).status,
    ).toBe(403);
    expect([200, 503]).toContain((await fetch(`${base}/users/KEY`, { headers })).status);

    const { token } = (await (await fetch(`${base}/api/me`, init)).json()) as { token: string };
    const act = async (more: object): Promise<number> => {
      const body = JSON.stringify({ action: "pause", reason: "a bill", once: randomUUID() });
      return (await fetch(`${base}/api/act`, { ...init, body, headers: { ...headers, ...more } })).status;
    };
    const own = { origin: new URL(base).origin, "x-inspector-token": token };
    expect(await act({ ...own, origin: "http://evil.example" })).toBe(403);
    expect(await act({ ...own, "x-user": "eve" })).toBe(403);
    expect(await act({ ...own, "x-inspector-token": "" })).toBe(403);
    expect(await lifecycle.account.history()).toEqual([]);
    expect(await act(own)).toBe(200);
    expect(await lifecycle.account.history()).toMatchObject([{ what: "pause", by: "ada" }]);
    await lifecycle.account.unpause();

    const stream = new Stream(await fetch(`${base}/api/live`, { headers }));
    await expect.poll(() => stream.all("overview")).toMatchObject([{ total: 1, basePath: "/inspector/" }]);
    await lifecycle.onboard("bob@example.org");
    await expect
      .poll(() => stream.all("change").map(({ to }) => to))
      .toEqual(["created", "codeIssued", "tokenActive"]);
    await inspector.close();
    await stream.ended;
  });
});

describe("inspector in Deno.serve()", () => {
  it("opens by a link, and shows users and a live view", needing(["deno"]), async () => {
    const serving = start("test/inspector/deno-serve.child.ts", [], {}, await deno());
    afterwards(async () => {
      serving.kill("SIGKILL");
      await serving.ended;
    });
    const link = await serving.said(/(http:\/\/127\.0\.0\.1:\d+\/\?token=[\w-]+)/);
    const { origin } = new URL(link);
    const cookie = (await fetch(link, { redirect: "manual" })).headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const headers = { cookie, "content-type": "application/json" };
    const users = await fetch(`${origin}/api/users`, { method: "POST", headers, body: "{}" });
    expect(await users.json()).toMatchObject({ users: [{ appUserId: "ada@example.org" }] });
    const stream = new Stream(await fetch(`${origin}/api/live`, { headers: { cookie } }));
    await expect.poll(() => stream.all("overview")).toMatchObject([{ total: 1 }]);
    expect((await fetch(`${origin}/api/users`, { method: "POST", body: "{}" })).status).toBe(403);
  });
});
