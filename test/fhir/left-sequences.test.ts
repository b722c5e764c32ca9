/** Sequences of a FHIR client that are left while `next()` is pending: it is the end at once, and no further call is made. */
import { createFhirClient, fetchTransport, type FhirClient } from "oneup-lifecycle";
import { manualClock } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";

const analytics = "https://analytics.1up.health/bulk-data";
const over = { done: true, value: undefined };

/** A client of a server that answers in this way, and what it has been asked for. */
function clientOf(answer: (url: string) => Response) {
  const clock = manualClock();
  const calls: string[] = [];
  const fhir = createFhirClient({
    version: "r4",
    token: { get: () => "token" },
    transport: fetchTransport(async (input) => {
      const { url } = new Request(input);
      calls.push(url);
      return answer(url);
    }),
    analytics,
    clock,
  });
  return { fhir, clock, calls };
}

type Begin = (fhir: FhirClient<"r4">) => AsyncIterator<unknown>;

const begun = (items: AsyncIterable<unknown>): AsyncIterator<unknown> => items[Symbol.asyncIterator]();

/** Leaves the sequence while it waits. */
async function leave(sequence: AsyncIterator<unknown>, isWaiting: () => boolean): Promise<void> {
  const pending = [sequence.next(), sequence.next()];
  await vi.waitFor(() => expect(isWaiting()).toBe(true));
  await new Promise(setImmediate);
  const leaving = sequence.return?.();
  expect(await Promise.all([...pending, leaving])).toEqual([over, over, over]);
  expect(await sequence.next()).toEqual(over);
}

const waiting: readonly (readonly [what: string, begin: Begin, callsUntilItWaits: number])[] = [
  ["bulkExport(), whose files are prepared", (fhir) => begun(fhir.bulkExport()), 2],
  ["outcomes() of a bulk export", (fhir) => fhir.bulkExport().outcomes(), 2],
  ["searchAll() of a server that is down", (fhir) => begun(fhir.searchAll("Patient")), 1],
  ["searchPages() of a server that is down", (fhir) => begun(fhir.searchPages("Patient")), 1],
  ["pages() of a server that is down", (fhir) => fhir.searchAll("Patient").pages(), 1],
];

it.each(waiting)("%s makes no call once it is left", async (_, begin, count) => {
  const { fhir, clock, calls } = clientOf((url) => {
    if (!url.startsWith(analytics)) return new Response("", { status: 503 });
    return new Response("", { status: 202, headers: { "content-location": `${analytics}/jobs/1` } });
  });
  await leave(begin(fhir), () => calls.length >= count);
  await clock.advance(3_600_000);
  expect(calls).toHaveLength(count);
});

const reading: readonly (readonly [
  what: string,
  begin: (fhir: FhirClient<"r4">) => Promise<ReturnType<Begin>>,
])[] = [
  ["a file of bulkExport()", async (fhir) => begun(fhir.bulkExport())],
  ["a file of outcomes()", async (fhir) => fhir.bulkExport().outcomes()],
  ["an attachment", async (fhir) => begun(await fhir.attachment("1"))],
];

describe.each(reading)("%s", (_, begin) => {
  it("closes its connection once it is left", async () => {
    let [isWaiting, isClosed] = [false, false];
    const { fhir } = clientOf((url) => {
      const files = [{ type: "Patient", url: `${analytics}/r4/1.ndjson` }];
      if (url.includes("$export"))
        return Response.json({
          output: files,
          error: files.map((file) => ({ ...file, url: `${file.url}2` })),
        });
      const pull = (): Promise<void> => {
        isWaiting = true;
        return new Promise(() => {});
      };
      const body = new ReadableStream({ pull, cancel: () => void (isClosed = true) }, { highWaterMark: 0 });
      const type = url.includes("ndjson") ? "application/fhir+ndjson" : "application/pdf";
      return new Response(body, { headers: { "content-type": type } });
    });
    await leave(await begin(fhir), () => isWaiting);
    expect(isClosed).toBe(true);
  });
});

it("searchAll() goes on with the page at which it was left", async () => {
  let isUp = false;
  const { fhir } = clientOf(() => {
    if (!isUp) return new Response("", { status: 503 });
    const entry = [{ resource: { resourceType: "Patient", id: "1" } }];
    return Response.json({ resourceType: "Bundle", type: "searchset", entry });
  });
  const walk = fhir.searchAll("Patient");
  await leave(begun(walk), () => true);
  isUp = true;
  expect(await begun(walk).next()).toMatchObject({ done: false, value: { id: "1" } });
  expect(walk.cursor).toEqual(expect.any(String));
});
