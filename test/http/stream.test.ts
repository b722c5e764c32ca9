import { manualClock } from "oneup-lifecycle/testing";
import { expect, it } from "vitest";
import { describeCall } from "../../src/http/call.ts";
import { openStream } from "../../src/http/streaming/stream.ts";

it("a stream that is left unread for a minute ends its connection, and fails when it is read again", async () => {
  const clock = manualClock();
  let isOpen = true;
  async function* body(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.addEventListener("abort", () => (isOpen = false));
    for (;;) yield new Uint8Array([1]);
  }
  const streaming = {
    transport: {},
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
