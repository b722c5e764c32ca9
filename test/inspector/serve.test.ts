import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { serve, type Handle, type Serving } from "../../src/cli/inspector/serve.ts";
import { afterwards } from "../support/scene.ts";

/** A server on loopback, closed after the test. */
async function serving(handle: Handle): Promise<Serving> {
  const server = await serve(handle, 0);
  afterwards(() => server.close());
  return server;
}

/** Sends these lines as they are, for a client of HTTP would mend some. Resolves with the answer. */
async function raw({ origin }: Serving, ...lines: readonly string[]): Promise<string> {
  const socket = connect(Number(new URL(origin).port), "127.0.0.1");
  socket.write([...lines, "connection: close", "", ""].join("\r\n"));
  let answer = "";
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

const echo: Handle = async (request) => {
  const body = `${request.method} ${request.url} ${request.headers.get("x-word")} ${await request.text()}`;
  const headers = new Headers({ "x-answer": "yes" });
  headers.append("set-cookie", "one=1");
  headers.append("set-cookie", "two=2");
  return new Response(body, { status: 201, headers });
};

describe("cli/inspector/serve()", () => {
  it("passes requests and responses on, bodies and cookies included", async () => {
    const { origin } = await serving(echo);
    const answer = await fetch(`${origin}/a/b?c=d`, {
      method: "POST",
      body: "text",
      headers: { "x-word": "word" },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("x-answer")).toBe("yes");
    expect(answer.headers.getSetCookie()).toEqual(["one=1", "two=2"]);
    expect(await answer.text()).toBe(`POST ${origin}/a/b?c=d word text`);
  });

  it.each([
    "/../etc/passwd",
    "/assets/../api/live",
    "/assets/..",
    "/./api",
    "//evil.example/api",
    "/a\\b",
    "/%2e%2e/api",
    "/assets%2f..%2fapi",
    "/a%5Cb",
    "http://evil.example/api",
    "*",
  ])("the target %s is refused as it was sent", async (target) => {
    const server = await serving(echo);
    expect(await raw(server, `GET ${target} HTTP/1.1`, "host: localhost")).toMatch(/^HTTP\/1\.1 400 /);
  });

  it.each(["", "evil/x", "a b", "user@localhost", "localhost:99999999"])(
    "the host %j is refused",
    async (host) => {
      const server = await serving(echo);
      expect(await raw(server, "GET / HTTP/1.1", `host: ${host}`)).toMatch(/^HTTP\/1\.1 400 /);
    },
  );

  it("a method that no page uses is refused", async () => {
    expect(await raw(await serving(echo), "TRACE / HTTP/1.1", "host: localhost")).toMatch(/^HTTP\/1\.1 400 /);
  });

  it("a handler that fails costs one answer", async () => {
    const server = await serving(async () => {
      throw new Error("a secret");
    });
    for (let request = 0; request < 2; request++) {
      const answer = await raw(server, "GET / HTTP/1.1", "host: localhost");
      expect(answer).toMatch(/^HTTP\/1\.1 500 /);
      expect(answer).not.toContain("secret");
    }
  });

  it("tells a stream that its reader has left", async () => {
    let isLeft = false;
    const stream = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode("first")),
        cancel: () => void (isLeft = true),
      });
    const { origin } = await serving(async () => new Response(stream()));
    const leaving = new AbortController();
    const answer = await fetch(origin, { signal: leaving.signal });
    const part = await answer.body?.getReader().read();
    expect(new TextDecoder().decode(part?.value)).toBe("first");
    leaving.abort();
    await expect.poll(() => isLeft).toBe(true);
  });
});
