import type { Patient } from "fhir/r4.js";
import { createFhirClient, fetchTransport, type Transport } from "oneup-lifecycle";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { all, errorOf, withAda } from "./ada.ts";

/** Six patients on three pages. */
async function withPages() {
  const here = await withAda("r4");
  const patient: Patient = { resourceType: "Patient" };
  for (let index = 0; index < 6; index++) await here.fhir.create(patient);
  const walk = here.fhir.searchAll("Patient", { _count: 2 });
  const fetched = (): number => here.sandbox.journal.count("fhir.search");
  return { ...here, walk, fetched };
}

describe("a walk", () => {
  it("fetches the next page while the caller works on this one, and none beyond it", async () => {
    const { walk, fetched } = await withPages();
    const steps = walk[Symbol.asyncIterator]();
    await steps.next();
    await vi.waitFor(() => expect(fetched()).toBe(2));
    await steps.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fetched()).toBe(2);
    await steps.next();
    await vi.waitFor(() => expect(fetched()).toBe(3));
  });

  it("costs a caller who stops early at most one page more, which is aborted", async () => {
    const signals: AbortSignal[] = [];
    let answered = 0;
    const next = "https://api.1up.health/r4/Basic?_after=1";
    const entry = [{ resource: { resourceType: "Basic", id: "1" } }];
    const page = JSON.stringify({ resourceType: "Bundle", link: [{ relation: "next", url: next }], entry });
    const transport: Transport = {
      send({ signal }) {
        signals.push(signal);
        if (answered++ === 0) return Promise.resolve({ status: 200, headers: {}, text: page });
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("gone"))));
      },
    };
    const fhir = createFhirClient({ version: "r4", token: { get: () => "hush" }, transport });
    for await (const _ of fhir.searchAll("Basic")) break;
    await vi.waitFor(() => expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]));
    signals.length = answered = 0;
    for await (const _ of fhir.searchPages("Basic")) break;
    await vi.waitFor(() => expect(signals.map(({ aborted }) => aborted)).toEqual([false, true]));
  });

  it("throws an error of the page ahead where that page would come, and its cursor is never ahead", async () => {
    const { fhir, sandbox, walk, fetched } = await withPages();
    sandbox.fail({ call: "fhir.search", skip: 1, status: 404, body: { error: "no such page" } });
    const seen: (string | undefined)[] = [];
    const cursors = new Set<string | undefined>();
    const error = await errorOf(
      (async () => {
        for await (const { id } of walk) {
          await vi.waitFor(() => expect(fetched()).toBe(2)); // the next page was refused
          cursors.add(walk.cursor);
          seen.push(id);
        }
      })(),
    );
    expect(error).toMatchObject({ code: "FHIR_REFUSED", status: 404 });
    expect(seen).toHaveLength(2);
    expect([...cursors]).toEqual([walk.cursor]);
    const again = await all(fhir.searchAll("Patient", { _count: 2 }, { cursor: walk.cursor }));
    expect(again.map(({ id }) => id).slice(0, 2)).toEqual(seen);
    expect(again).toHaveLength(6);
  });

  it("requests the page ahead once, and again when the caller gets there", async () => {
    const { sandbox, walk, fetched } = await withPages();
    sandbox.fail({ call: "fhir.search", skip: 1, status: 503, retryAfterMs: 0 });
    const steps = walk[Symbol.asyncIterator]();
    await steps.next();
    await vi.waitFor(() => expect(fetched()).toBe(2));
    await new Promise((resolve) => setTimeout(resolve, 600)); // longer than the first pause
    expect(fetched()).toBe(2);
    await steps.next();
    expect((await steps.next()).done).toBe(false);
    expect(fetched()).toBeGreaterThanOrEqual(3);
  });

  it("raises no unhandled rejection if it is left where it stands", async () => {
    const { sandbox, walk, fetched } = await withPages();
    const unhandled = vi.fn<() => void>();
    process.on("unhandledRejection", unhandled);
    onTestFinished(() => void process.off("unhandledRejection", unhandled));
    sandbox.fail({ call: "fhir.search", skip: 1, status: 404, body: "gone" });
    await walk[Symbol.asyncIterator]().next();
    await vi.waitFor(() => expect(fetched()).toBe(2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(unhandled).not.toHaveBeenCalled();
  });

  it("hands out no page that came before its signal aborted or its lifecycle closed", async () => {
    const { fhir, lifecycle, walk, fetched } = await withPages();
    const stop = new AbortController();
    const [mine, others] = [
      fhir.searchAll("Patient", { _count: 2 }, { signal: stop.signal })[Symbol.asyncIterator](),
      walk[Symbol.asyncIterator](),
    ];
    for (const steps of [mine, others]) for (let index = 0; index < 2; index++) await steps.next();
    await vi.waitFor(() => expect(fetched()).toBe(4));
    await new Promise((resolve) => setTimeout(resolve, 50));
    stop.abort("enough");
    await expect(mine.next()).rejects.toBe("enough");
    expect(await mine.next()).toEqual({ done: true, value: undefined });
    await lifecycle.close();
    await expect(others.next()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("hands out no resource of its page after its signal aborted or its lifecycle closed", async () => {
    const { fhir, lifecycle } = await withPages();
    const stop = new AbortController();
    const mine = fhir.searchAll("Patient", {}, { signal: stop.signal })[Symbol.asyncIterator]();
    const others = fhir.searchAll("Patient", { _count: 2 }).pages();
    const another = fhir.searchAll("Patient")[Symbol.asyncIterator]();
    for (const steps of [mine, another]) await steps.next(); // one of six that are here
    await others.next();
    stop.abort("enough");
    await expect(mine.next()).rejects.toBe("enough");
    await lifecycle.close();
    for (const steps of [another, others])
      await expect(steps.next()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("fetches nothing ahead of need after a page of more than a million characters", async () => {
    const { fhir, sandbox } = await withAda("r4");
    const text = `{"resourceType":"Basic","code":{"text":"${"a".repeat(600_000)}"}}`;
    sandbox.addResources("ada@example.org", "r4", [text, text, text, text]);
    const steps = fhir.searchAll("Basic", { _count: 2 })[Symbol.asyncIterator]();
    await steps.next();
    await steps.next();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(sandbox.journal.count("fhir.search")).toBe(1);
    await steps.next();
    expect(sandbox.journal.count("fhir.search")).toBe(2);
  });

  it("answers calls of next() in order, however many wait", async () => {
    const { walk, fhir } = await withPages();
    const inTurn = (await all(fhir.searchAll("Patient"))).map(({ id }) => id);
    const steps = walk[Symbol.asyncIterator]();
    const results = await Promise.all(Array.from({ length: 8 }, () => steps.next()));
    expect(results.map(({ value }) => (value as Patient | undefined)?.id)).toEqual([
      ...inTurn,
      undefined,
      undefined,
    ]);
    expect(walk.cursor).toBeUndefined();
  });
});

describe("searchPages()", () => {
  it("yields pages, with what was included, and goes on from its cursor", async () => {
    const { fhir } = await withPages();
    const pages = fhir.searchPages("Patient", { _count: 4 });
    const sizes: number[] = [];
    let cursor: string | undefined;
    for await (const { resources, bundle } of pages) {
      sizes.push(resources.length);
      cursor = pages.cursor;
      expect(bundle.type).toBe("searchset");
    }
    expect(sizes).toEqual([4, 2]);
    expect(pages.cursor).toBeUndefined();
    const last = await all(fhir.searchPages("Patient", { _count: 4 }, { cursor }));
    expect(last.map(({ resources }) => resources.length)).toEqual([2]);
  });

  it("refuses what searchAll() refuses", async () => {
    const transport = fetchTransport(async () => new Response("{}"));
    const fhir = createFhirClient({ version: "r4", token: { get: async () => "hush" }, transport });
    expect(() => fhir.searchPages<"Basic">("Basic", { _count: 101 })).toThrow(
      expect.objectContaining({ code: "INVALID_OPTION" }),
    );
  });
});
