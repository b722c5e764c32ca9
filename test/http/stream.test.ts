import { gzipSync } from "node:zlib";
import { fetchTransport } from "oneup-lifecycle";
import { manualClock } from "oneup-lifecycle/testing";
import { expect, it } from "vitest";
import { describeCall } from "../../src/http/call.ts";
import { openStream } from "../../src/http/streaming/stream.ts";
import { serve } from "./local-server.ts";
import { onDeno } from "../support/built.ts";

it("a stream that is left unread for a minute ends its connection, and fails when it is read again", async () => {
  const clock = manualClock();
  let isOpen = true;
  async function* body(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.addEventListener("abort", () => (isOpen = false));
    for (;;) yield new Uint8Array([1]);
  }
  const streaming = {
    open: async ({ signal }: { readonly signal: AbortSignal }) => ({
      status: 200,
      headers: {},
      body: body(signal),
    }),
    clock,
    timeoutMs: 1_000_000,
  };
  const call = describeCall({
    name: "fhirExportFile",
    endpoint: "fhir",
    method: "GET",
    url: "https://files.example.org/a",
    template: "/{file}",
    headers: {},
  });
  const answer = await openStream(streaming, call, { isWanted: () => true });
  if (answer.type !== "stream") throw new TypeError("Cannot open the stream");
  const pieces = answer.body[Symbol.asyncIterator]();
  await pieces.next();
  await clock.advance(59_000);
  await pieces.next(); // in time
  await clock.advance(59_000);
  expect(isOpen).toBe(true);
  await clock.advance(1_000);
  expect(isOpen).toBe(false);
  await expect(pieces.next()).rejects.toMatchObject({ name: "TransportError", sent: true });
});

// Deno decodes nothing that was not asked for: see ../fhir/open-ends.test.ts.
it.skipIf(onDeno)("a stream that fetch has decoded is not taken for a compressed one", async () => {
  const { url } = await serve((response, { path }) => {
    const coding = { "content-encoding": path === "/unknown" ? "x-own" : "gzip" };
    response.writeHead(path === "/part" ? 206 : 200, coding).end(gzipSync("a letter"));
  });
  const open = (path: string) =>
    fetchTransport().stream?.({
      method: "GET",
      url: url + path,
      headers: {},
      signal: AbortSignal.timeout(5_000),
      maxBytes: Infinity,
      onSending: () => true,
    });
  const whole = await open("/whole");
  expect(whole?.headers).not.toHaveProperty("content-encoding");
  expect(whole?.headers).not.toHaveProperty("content-length");
  let text = "";
  for await (const piece of whole?.body ?? []) text += new TextDecoder().decode(piece);
  expect(text).toBe("a letter");
  expect((await open("/part"))?.headers).toMatchObject({ "content-encoding": "gzip" });
  expect((await open("/unknown"))?.headers).toMatchObject({ "content-encoding": "x-own" });
});
