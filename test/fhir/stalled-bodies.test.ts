/** Bodies of a `fetch` that stop and ignore the abort signal: what reads them ends all the same, and cancels them. */
import { createFhirClient, fetchTransport, type FhirClient } from "oneup-lifecycle";
import { manualClock } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { all, errorOf } from "./ada.ts";

const analytics = "https://analytics.1up.health/bulk-data";
const timeoutMs = 20_000;

/** A client of a server whose file and Binary stop in the middle. */
function stalling() {
  const clock = manualClock();
  let stop = (): void => {};
  /** Resolves once the reader waits for what does not come. */
  const isStalled = new Promise<void>((resolve) => (stop = resolve));
  let cancelled = 0;
  const stalled = (type: string, ...pieces: readonly string[]): Response => {
    const left = [...pieces];
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> | void => {
      const piece = left.shift();
      if (piece !== undefined) return controller.enqueue(Buffer.from(piece));
      stop();
      return new Promise(() => {});
    };
    const body = new ReadableStream<Uint8Array>(
      { pull, cancel: () => void cancelled++ },
      { highWaterMark: 0 },
    );
    return new Response(body, { headers: { "content-type": type } });
  };
  const answer = (url: string): Response => {
    if (url.includes("$export"))
      return Response.json({ output: [{ type: "Patient", url: `${analytics}/r4/1.ndjson` }] });
    if (url.includes("ndjson"))
      return stalled("application/fhir+ndjson", '{"resourceType":"Patient","id":"1"}\n{"resou');
    return stalled("application/pdf", "ab", "c");
  };
  const fhir = createFhirClient({
    version: "r4",
    token: { get: () => "token" },
    transport: fetchTransport(async (input) => answer(new Request(input).url)),
    analytics,
    clock,
    timeoutMs,
    retries: 0,
  });
  return { fhir, clock, isStalled, cancelled: () => cancelled };
}

type Reading = (fhir: FhirClient<"r4">, signal: AbortSignal) => Promise<unknown>;

const readings: readonly (readonly [what: string, read: Reading])[] = [
  ["an export", (fhir, signal) => all(fhir.bulkExport({ signal }))],
  ["an attachment", async (fhir, signal) => (await fhir.attachment("1", { signal })).bytes()],
];

describe.each(readings)("%s whose body stops and ignores the signal", (_, read) => {
  it("ends with the signal's reason", async () => {
    const { fhir, isStalled, cancelled } = stalling();
    const stop = new AbortController();
    const reading = read(fhir, stop.signal).catch((error: unknown) => error);
    await isStalled;
    stop.abort("enough");
    expect(await reading).toBe("enough");
    expect(cancelled()).toBe(1);
  });

  it("ends when the time for a piece is over", async () => {
    const { fhir, clock, isStalled, cancelled } = stalling();
    const reading = errorOf(read(fhir, new AbortController().signal));
    await isStalled;
    await clock.advance(timeoutMs);
    expect(await reading).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(cancelled()).toBe(1);
  });
});

describe("cancel()", () => {
  it("ends the reading of an export whose body stops and ignores the signal", async () => {
    const { fhir, isStalled, cancelled } = stalling();
    const exported = fhir.bulkExport();
    const reading = errorOf(all(exported));
    await isStalled;
    await exported.cancel();
    expect(await reading).toMatchObject({ code: "INVALID_OPTION" });
    expect(cancelled()).toBe(1);
  });

  it("ends the reading of an attachment whose body stops and ignores the signal", async () => {
    const { fhir, isStalled, cancelled } = stalling();
    const attachment = await fhir.attachment("1");
    const reading = errorOf(attachment.bytes());
    await isStalled;
    attachment.cancel();
    expect(await reading).toMatchObject({ code: "INVALID_OPTION" });
    expect(cancelled()).toBe(1);
  });

  it("ends the body of an attachment that is not read", async () => {
    const { fhir, cancelled } = stalling();
    const attachment = await fhir.attachment("1");
    attachment.cancel();
    expect(cancelled()).toBe(1);
  });
});
