/**
 * Whatever is lost on the way of a walk's pages, a walk yields each resource once, in order, and the next one goes on from its
 * cursor without a gap: random pages, connections and readers.
 */
import fc from "fast-check";
import { TransportError, type FhirClient, type Transport, type TransportResponse } from "oneup-lifecycle";
import { expect, it } from "vitest";
import { thorough } from "../support/effort.ts";
import { hurriedClient } from "./exporting.ts";

const base = "https://api.example/r4";

/** What becomes of a request for a page. */
const fate = fc.oneof(
  { weight: 3, arbitrary: fc.constant("none") },
  { weight: 4, arbitrary: fc.constantFrom("unsent", "lost", "busy", "later", "refused", "page of HTML") },
  { weight: 2, arbitrary: fc.record({ cutAt: fc.double({ min: 0, max: 0.99, noNaN: true }) }) },
);

const story = fc.record({
  /** How many resources each page holds. */
  pages: fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }),
  /** The form of a link to the next page. */
  link: fc.constantFrom("absolute", "relative", "opaque"),
  fates: fc.array(fate, { maxLength: 12 }),
  /** After how many resources each reader leaves. */
  readers: fc.array(fc.nat(8), { maxLength: 4 }),
  verb: fc.constantFrom("searchAll", "searchPages", "everythingOf", "historyAll"),
});

type Of<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Each> ? Each : never;
type Story = Of<typeof story>;

function transportOf({ pages, link, fates }: Story): Transport {
  const left = [...fates];
  const firsts = pages.map((_, page) => pages.slice(0, page).reduce((sum, count) => sum + count, 0));
  let isRefused = false;
  return {
    async send({ url, onSending }): Promise<TransportResponse> {
      const its = left.shift() ?? "none";
      if (its === "unsent") throw new TransportError("Refused", { sent: false, code: "ECONNREFUSED" });
      onSending();
      if (its === "lost") throw new TransportError("Lost", { sent: true, code: "ECONNRESET" });
      const headers = { "content-type": "application/fhir+json" };
      if (its === "busy" || its === "later")
        return { status: its === "busy" ? 503 : 429, headers: { "retry-after": "0" }, text: "{}" };
      if (its === "refused" && !isRefused) {
        isRefused = true; // once, as a token that has just been replaced is not replaced again
        return { status: 401, headers, text: "{}" };
      }
      if (its === "page of HTML")
        return { status: 502, headers: { "content-type": "text/html" }, text: "<html>Bad gateway</html>" };
      const { pathname, searchParams } = new URL(url);
      const page = Number(searchParams.get("page") ?? searchParams.get("_getpages")?.slice(1) ?? 0);
      const next = {
        absolute: `${base}${pathname.slice("/r4".length)}?page=${page + 1}`,
        relative: `${pathname.slice("/r4/".length)}?page=${page + 1}`,
        opaque: `${base}?_getpages=x${page + 1}&_bundletype=searchset`,
      }[link];
      const entry = Array.from({ length: pages[page] ?? 0 }, (_, index) => ({
        fullUrl: `${base}/Patient/${(firsts[page] ?? 0) + index}`,
        resource: {
          resourceType: "Patient",
          id: String((firsts[page] ?? 0) + index),
          meta: { versionId: String(index) },
        },
      }));
      const links = page + 1 < pages.length ? [{ relation: "next", url: next }] : [];
      const text = JSON.stringify({ resourceType: "Bundle", type: "searchset", link: links, entry });
      return {
        status: 200,
        headers,
        text: typeof its === "string" ? text : text.slice(0, Math.floor(its.cutAt * text.length)),
      };
    },
  };
}

/** Reads at most so many resources, from a cursor. */
async function read(
  fhir: FhirClient<"r4">,
  verb: Story["verb"],
  cursor: string | undefined,
  most: number,
): Promise<{ readonly ids: readonly string[]; readonly cursor: string | undefined }> {
  const how = { waitMs: 3_600_000, ...(cursor !== undefined && { cursor }) };
  const ids: string[] = [];
  if (verb === "searchPages") {
    const walk = fhir.searchPages("Patient", {}, how);
    if (most === 0) return { ids, cursor: walk.cursor };
    for await (const { resources } of walk) {
      ids.push(...resources.map(({ id = "" }) => id));
      if (ids.length >= most) break;
    }
    return { ids, cursor: walk.cursor };
  }
  const walk =
    verb === "searchAll"
      ? fhir.searchAll("Patient", {}, how)
      : verb === "everythingOf"
        ? fhir.everythingOf("Patient", how)
        : fhir.historyAll("Patient", undefined, how);
  if (most === 0) return { ids, cursor: walk.cursor };
  for await (const { id = "" } of walk) {
    ids.push(id);
    if (ids.length >= most) break;
  }
  return { ids, cursor: walk.cursor };
}

it("a walk yields each resource once, and the next one leaves no gap", () =>
  fc.assert(
    fc.asyncProperty(story, async (told) => {
      const { pages, readers, verb } = told;
      const transport = transportOf(told);
      const total = pages.reduce((sum, count) => sum + count, 0);
      let cursor: string | undefined;
      let end = 0;
      for (const most of [...readers, Infinity]) {
        const part = await read(hurriedClient(transport), verb, cursor, most);
        const first = Number(part.ids[0] ?? end);
        expect(part.ids).toEqual(part.ids.map((_, index) => String(first + index)));
        expect(first).toBeLessThanOrEqual(end);
        end = Math.max(end, first + part.ids.length);
        ({ cursor } = part);
        if (cursor === undefined && most === Infinity) break;
      }
      expect(end).toBe(total);
    }),
    { numRuns: thorough ? 2_000 : 200 },
  ));
