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
  vi.doMock("undici", () => Promise.reject(new Error("Dynamic require is not supported")));
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
