/** The examples that listen for requests. */
import { describe, expect, it } from "vitest";
import { onDeno } from "../support/built.ts";
import { draw, oneIn } from "../support/effort.ts";
import { needing } from "../support/needs.ts";
import { deno, start, type Started } from "../support/started.ts";

async function signUp(url: string, body: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, { method: "POST", body });
  return { status: response.status, body: await response.json() };
}

/** Signs up, again while the server answers that it takes longer than it waits (202), as on a busy machine. */
async function signedUp(url: string, body: string): ReturnType<typeof signUp> {
  for (;;) {
    const answer = await signUp(url, body);
    if (answer.status !== 202) return answer;
  }
}

async function statusOf(url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

/** Servers whose pages are told each step. */
const servers = ["examples/11-hono.ts", "examples/12-express.ts"];
const active = { state: "tokenActive", usable: true };

/** What both sign-up servers promise. */
async function signUpServer(server: Started): Promise<void> {
  const url = await server.said(/Sign up at (http:\/\/127\.0\.0\.1:\d+\/sign-up)/);
  try {
    expect(await signedUp(url, '{"email":"ada@example.org"}')).toEqual({ status: 201, body: active });
    expect(await signUp(url, '{"email":"ada@example.org"}')).toEqual({ status: 201, body: active });
    expect(await statusOf(`${url}/ada%40example.org`)).toEqual({ status: 200, body: active });
    expect(await statusOf(`${url}/nobody`)).toEqual({ status: 404, body: { error: "USER_UNKNOWN" } });
    expect((await signUp(url, '{"email":"a\\u0000b"}')).status).toBe(400);
    expect((await signUp(url, "null")).status).toBe(400);
    expect((await signUp(url, "not JSON")).status).toBe(400);
    expect((await signUp(url, JSON.stringify({ email: "a".repeat(10_000) }))).status).toBe(400);
    expect((await statusOf(`${url}/%zz`)).status).toBe(400);
    expect((await statusOf(new URL("/", url).href)).status).toBe(404);
  } finally {
    server.kill("SIGTERM");
  }
  const { code, out } = await server.ended;
  expect(code).toBe(0);
  expect(out).toMatch(/Stopped\n$/);
}

describe.concurrent("examples that serve", () => {
  it("03-onboarding-server signs people up, shows their status, and stops gracefully", async () => {
    await signUpServer(start("examples/03-onboarding-server.ts", [], { PORT: "0" }));
  });

  it("04-deno does the same on Deno", needing(["deno"]), async () => {
    await signUpServer(start("examples/04-deno.ts", [], { PORT: "0" }, onDeno ? undefined : await deno()));
  });

  it.each(oneIn(2, servers))("%s visits itself: the page sees each step, by any process", async (path) => {
    const { code, out, err } = await start(path).ended;
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toContain("signed up: 202\n");
    const states = [...out.matchAll(/^data: (.*)$/gm)].map(([, data = ""]) => JSON.parse(data) as object);
    expect(states[0]).toMatchObject({ usable: false });
    expect(states).toContainEqual({ state: "codeIssued", usable: false });
    expect(states.at(-1)).toEqual(active);
    expect(out.includes("the worker: tokenActive")).toBe(path === "examples/12-express.ts");
    expect(out).toMatch(/Stopped\n$/);
  });

  it.each(oneIn(2, servers, draw + 1))(
    "%s answers by codes, and stops gracefully though a page listens",
    async (path) => {
      const server = start(path, [], { PORT: "0" });
      const url = await server.said(/Sign up at (http:\/\/127\.0\.0\.1:\d+\/sign-up)/);
      try {
        expect(await signUp(url, '{"email":"ada@example.org"}')).toMatchObject({ status: 202 });
        expect((await signUp(url, "null")).status).toBe(400);
        expect(await signUp(url, '{"email":7}')).toEqual({ status: 400, body: { error: "INVALID_ID" } });
        expect((await fetch(url, { method: "POST", body: "not JSON" })).status).toBe(400);
        expect((await fetch(url, { method: "POST", body: "a".repeat(10_000) })).ok).toBe(false);
        expect(await statusOf(`${url}/nobody/events`)).toEqual({
          status: 404,
          body: { error: "USER_UNKNOWN" },
        });
        const events = await fetch(`${url}/ada@example.org/events`);
        expect(events.headers.get("content-type")).toContain("text/event-stream");
      } finally {
        server.kill("SIGTERM");
      }
      const { code, out } = await server.ended;
      expect(code).toBe(0);
      expect(out).toMatch(/Stopped\n$/);
    },
  );
});
