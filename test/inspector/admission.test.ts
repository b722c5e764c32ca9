import { createInspector, type InspectorOptions } from "oneup-lifecycle/inspector";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";
import { answerOf, opened, sessionOf, type Answer } from "./support.ts";

const json = { "content-type": "application/json" };

/** Asks an inspector at this address. */
async function askAt(
  options: InspectorOptions,
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { lifecycle, close } = await createTestLifecycle();
  afterwards(close);
  await lifecycle.onboard("ada@example.org");
  const inspector = createInspector(lifecycle, options);
  const cookie = options.authorize === undefined ? await sessionOf(inspector) : "";
  const init = { method: "POST", headers: { ...json, cookie, ...headers }, body: "{}" };
  return answerOf(await inspector.fetch(new Request(url, init)));
}

const anyone = { authorize: () => ({ who: "ada" }) };

describe("inspector/admission: the address", () => {
  it.each([
    "http://127.0.0.1:3000",
    "http://127.8.9.10",
    "http://localhost:9",
    "http://LOCALHOST",
    "http://[::1]:3000",
    "https://localhost:3000",
  ])("%s is answered, with a session", async (origin) => {
    expect((await askAt({}, `${origin}/api/users`)).status).toBe(200);
  });

  it.each([
    "http://rebound.example:3000",
    "http://127.0.0.1.rebound.example",
    "http://localhost.rebound.example",
    "http://rebound.localhost",
    "http://10.0.0.7:3000",
    "http://0.0.0.0:3000",
    "http://[::]:3000",
  ])("%s is refused without authorize, even with a session", async (origin) => {
    const { status, body } = await askAt({}, `${origin}/api/users`);
    expect({ status, code: body.error.code }).toEqual({ status: 403, code: "FORBIDDEN" });
    expect(body.error.message).not.toContain("rebound");
  });

  it("another Host than that of the address is refused", async () => {
    const { status } = await askAt({}, "http://localhost:3000/api/users", { host: "rebound.example" });
    expect(status).toBe(403);
  });

  it("a forwarded host counts for nothing", async () => {
    const forwarded = { "x-forwarded-host": "localhost", forwarded: "host=localhost" };
    expect((await askAt({}, "http://rebound.example/api/users", forwarded)).status).toBe(403);
  });

  it.each([
    "/api//users",
    "//api/users",
    "/api%2fusers",
    "/%61pi/users",
    "/api%5cusers",
    "/api/us%00ers",
    "/api/%c3%a4",
  ])("the path %s is refused", async (path) => {
    for (const options of [{}, anyone]) {
      const { status, text } = await askAt(options, `http://localhost:3000${path}`);
      expect(status).toBe(400);
      expect(text).toContain("its path must be written plainly");
    }
  });
});

describe("inspector/admission: the page that asks", () => {
  it.each([
    [{ origin: "http://localhost:3000" }, 200],
    [{ "sec-fetch-site": "same-origin" }, 200],
    [{ "sec-fetch-site": "none" }, 200],
    [{ origin: "http://localhost:3001" }, 403],
    [{ origin: "http://127.0.0.1:3000" }, 403],
    [{ origin: "https://localhost:3000" }, 403],
    [{ origin: "https://evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "same-site" }, 403],
    [{ origin: "http://localhost:3000", "sec-fetch-site": "cross-site" }, 403],
  ])("%j: %i", async (headers, status) => {
    const answer = await askAt({}, "http://localhost:3000/api/users", headers);
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain("evil");
  });

  it("a page behind a proxy that ends TLS is the inspector's own", async () => {
    const url = "http://tools.example/api/users";
    expect((await askAt(anyone, url, { origin: "https://tools.example" })).status).toBe(200);
    expect((await askAt(anyone, url, { origin: "https://evil.example" })).status).toBe(403);
    expect(
      (await askAt(anyone, "https://tools.example/api/users", { origin: "http://tools.example" })).status,
    ).toBe(403);
  });

  it("another site may link to a page, and load nothing", async () => {
    const { get } = await opened();
    const fromAfar = { "sec-fetch-site": "cross-site" };
    expect([200, 503]).toContain((await get("users", fromAfar)).status);
    expect((await get("assets/page.js", fromAfar)).status).toBe(403);
    expect((await get("api/live", fromAfar)).status).toBe(403);
  });
});

describe("inspector/admission: the person", () => {
  const url = "http://tools.example/api/users";

  it("is asked about with each request", async () => {
    const asked: string[] = [];
    const authorize = async (request: Request): Promise<{ readonly who: string }> => {
      asked.push(request.url);
      return { who: "ada" };
    };
    expect((await askAt({ authorize }, url)).status).toBe(200);
    expect(asked).toEqual([url]);
  });

  it.each([
    ["null", () => null, 403, "FORBIDDEN"],
    ["a promise of null", async () => null, 403, "FORBIDDEN"],
    ["no name", () => ({ who: "" }), 403, "FORBIDDEN"],
    ["nothing", () => undefined as never, 503, "AUTHORIZE_FAILED"],
    ["an error", () => Promise.reject(new Error("a secret")), 503, "AUTHORIZE_FAILED"],
  ])("authorize that returns %s refuses", async (_, authorize, status, code) => {
    const answer = await askAt({ authorize }, url);
    expect({ status: answer.status, code: answer.body.error.code }).toEqual({ status, code });
    expect(answer.text).not.toContain("secret");
  });

  it("is asked about on loopback too, and links are not made then", async () => {
    const { status } = await askAt({ authorize: () => null }, "http://localhost:3000/api/users");
    expect(status).toBe(403);
    const { lifecycle } = await createTestLifecycle();
    const { link } = createInspector(lifecycle, anyone);
    expect(() => link("http://localhost:3000")).toThrow(
      "Cannot make a link: the inspector must have no authorize",
    );
  });

  it("needs a session for every address, without authorize", async () => {
    const { inspector } = await opened();
    for (const path of ["/", "/users/x", "/assets/page.js", "/api/live"]) {
      expect((await inspector.fetch(new Request(`http://localhost:3000${path}`))).status).toBe(403);
    }
  });
});
