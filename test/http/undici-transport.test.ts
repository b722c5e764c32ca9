import { Agent } from "undici";
import { expect, it, vi } from "vitest";
import type { TransportRequest } from "../../src/http/transport.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { serve } from "./local-server.ts";

it("undiciTransport() goes on after it was closed while its first call loaded undici", async () => {
  const { url } = await serve((response) => response.end("{}"));
  const transport = undiciTransport();
  const request: TransportRequest = {
    method: "GET",
    url: `${url}/user`,
    headers: {},
    signal: AbortSignal.timeout(60_000),
    maxBytes: 100,
    onSending: () => true,
  };
  const first = transport.send(request).catch(() => "refused"); // or answered: both are right
  await transport.close?.();
  await first;
  expect(await transport.send(request)).toMatchObject({ status: 200, text: "{}" });
  await transport.close?.();
});

it("undiciTransport() names undici where it cannot be loaded, and goes on once it can", async () => {
  const { url } = await serve((response) => response.end("{}"));
  vi.resetModules();
  vi.doMock("undici", () => ({})); // as a bundler leaves it
  const { undiciTransport } = await import("../../src/http/undici-transport.ts");
  const transport = undiciTransport();
  const request = (): TransportRequest => ({
    method: "GET",
    url: `${url}/user`,
    headers: {},
    signal: new AbortController().signal,
    maxBytes: 100,
    onSending: () => true,
  });
  await expect(transport.send(request())).rejects.toMatchObject({ code: "UNDICI_MISSING", sent: false });
  vi.doUnmock("undici");
  expect(await transport.send(request())).toMatchObject({ status: 200 });
  await transport.close?.();
});

it("a dispatcher of an application may change the headers of one call, and those of the next are as they were", async () => {
  const { url, seen } = await serve((response) => response.end("{}"));
  const agent = new Agent();
  const dispatcher: Pick<Agent, "dispatch"> = {
    dispatch(options, handler) {
      if (seen.length === 0)
        Object.assign(options.headers ?? {}, { "x-trace": "one", authorization: "Bearer other" });
      return agent.dispatch(options, handler);
    },
  };
  const transport = undiciTransport({ dispatcher });
  const headers = Object.freeze({ authorization: "Bearer own" }); // as calls with one token share them
  for (let call = 0; call < 2; call++)
    await transport.send({
      method: "GET",
      url: `${url}/user`,
      headers,
      signal: new AbortController().signal,
      maxBytes: 100,
      onSending: () => true,
    });
  await agent.close();
  const arrived = seen.map(({ headers }) => [headers["x-trace"], headers.authorization]);
  expect(arrived).toEqual([
    ["one", "Bearer other"],
    [undefined, "Bearer own"],
  ]);
});
