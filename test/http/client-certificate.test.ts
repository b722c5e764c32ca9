/** Gateways that ask for a client certificate. */
import { readFileSync } from "node:fs";
import { createServer, type ServerOptions } from "node:https";
import { expect, it, onTestFinished } from "vitest";
import type { TransportRequest } from "../../src/http/transport.ts";
import { undiciTransport } from "../../src/http/undici-transport.ts";
import { nextStepAfter } from "../../src/next-step.ts";
import { listening } from "../support/programs.ts";

const fixture = (name: string): string =>
  readFileSync(new URL(`../hardening/fixtures/self-signed.${name}.pem`, import.meta.url), "utf8");
/** A self-signed certificate, valid for "localhost" until 2126: that of the gateway, and of its client. */
const own = { cert: fixture("cert"), key: fixture("key") };
const ca = own.cert;

/** A gateway that takes no connection without one; how many requests reached it. */
async function gateway(options: ServerOptions): Promise<{ readonly url: string; count(): number }> {
  let requests = 0;
  const server = createServer({ ...own, ca, requestCert: true, ...options }, (_, response) => {
    requests++;
    response.end("{}");
  });
  server.on("tlsClientError", () => {});
  const port = await listening(server);
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `https://localhost:${port}`, count: () => requests };
}

function requestTo(url: string): TransportRequest {
  const signal = AbortSignal.timeout(60_000);
  return {
    method: "POST",
    url: `${url}/user`,
    headers: {},
    body: "{}",
    signal,
    maxBytes: 100,
    onSending: () => true,
  };
}

it.skipIf("Deno" in globalThis).each(["TLSv1.2", "TLSv1.3"] as const)(
  "a call that a gateway refuses without a client certificate was not sent, and the error names it: %s",
  async (maxVersion) => {
    const { url, count } = await gateway({ maxVersion });
    const transport = undiciTransport({ tls: { ca } });
    onTestFinished(() => transport.close?.());
    const error: unknown = await transport.send(requestTo(url)).catch((error: unknown) => error);
    expect(error).toMatchObject({ sent: false, code: expect.stringMatching(/^ERR_SSL_/) });
    const { code } = error as { readonly code: string };
    expect(nextStepAfter({ code, status: null })).toMatch(/client certificate/);
    expect(count()).toBe(0);
  },
);

it("undiciTransport({ tls }) shows a client certificate", async () => {
  const { url, count } = await gateway({});
  const transport = undiciTransport({ tls: { ...own, ca } });
  onTestFinished(() => transport.close?.());
  expect(await transport.send(requestTo(url))).toMatchObject({ status: 200 });
  expect(count()).toBe(1);
});

it.each([
  ["no key", { cert: own.cert }],
  ["no PEM", { cert: "s3cr3t", key: "s3cr3t" }],
  ["an unknown name", { pfx: "s3cr3t" }],
  ["another type", { cert: own.cert, key: 7 }],
])("undiciTransport({ tls }) refuses %s, and shows none of it", (_, tls) => {
  const open = (): unknown => undiciTransport({ tls } as object);
  expect(open).toThrow(/^Cannot create a transport: tls must be \{ cert, key, ca \}/);
  expect(open).not.toThrow(/s3cr3t|BEGIN/);
});

it("undiciTransport() takes tls or a dispatcher", () => {
  const dispatcher = { dispatch: () => true };
  expect(() => undiciTransport({ dispatcher, tls: { ca } })).toThrow(
    "tls must be left out, got a dispatcher",
  );
});
