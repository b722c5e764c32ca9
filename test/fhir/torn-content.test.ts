/**
 * Whatever a server sends in parts and whatever is lost on the way, a reader gets each byte and each resource once, in order:
 * random servers, connections and readers, which go on from their cursors.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { TransportError, type Transport } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { thorough } from "../support/effort.ts";
import { hurriedClient, part } from "./exporting.ts";

/** How a server sends content. */
const server = fc.record({
  ranges: fc.constantFrom("none", "all", "short"),
  etag: fc.constantFrom(undefined, '"strong"', 'W/"weak"'),
  hasLength: fc.boolean(),
  namesTotal: fc.boolean(),
  pieces: fc.integer({ min: 1, max: 40 }),
});

/** What becomes of a request: an error, or an answer that is cut after a part of its bytes, from 0 to 1. */
const fate = fc.oneof(
  fc.constantFrom("none", "lost", "busy", "later", "expired"),
  fc.record({ tornAt: fc.double({ min: 0, max: 1, noNaN: true }) }),
  fc.record({ endsAt: fc.double({ min: 0, max: 1, noNaN: true }) }),
);
const fates = fc.array(fate, { maxLength: 8 });

type Of<Arbitrary> = Arbitrary extends fc.Arbitrary<infer Each> ? Each : never;
type Server = Of<typeof server>;
type Fate = Of<typeof fate>;

/** Of a server that sends less than is asked for, in bytes: more than a line. */
const longestPart = 250;

/** A transport to that server: `list` is what it answers for a list of files, `content` anything else. */
function transportTo(
  { ranges, etag, hasLength, namesTotal, pieces }: Server,
  fated: readonly Fate[],
  { content, type, list }: { readonly content: Buffer; readonly type: string; readonly list?: () => string },
): Transport {
  const left = [...fated];
  /** The end of a connection is taken for the end of content if it is where it was before. */
  let hasEnded = false;
  /** A link that is refused although it is new is an error. */
  let hasExpired = list === undefined;
  return {
    send: async ({ onSending }) => {
      onSending();
      return { status: 200, headers: { "content-type": "application/json" }, text: list?.() ?? "" };
    },
    stream: async ({ onSending, headers: { range, "if-range": ifRange } }) => {
      onSending();
      const its = left.shift() ?? "none";
      const status = { none: 200, lost: 200, busy: 503, later: 429, expired: hasExpired ? 503 : 403 };
      hasExpired ||= its === "expired";
      if (its === "lost") throw new TransportError("Lost", { sent: true, code: "ECONNRESET" });
      if (typeof its === "string" && its !== "none")
        return { status: status[its], headers: { "retry-after": "0" }, body: piecesOf(Buffer.from("{}")) };
      const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? Number.NaN);
      const isPart = ranges !== "none" && !Number.isNaN(from) && (ifRange === undefined || ifRange === etag);
      if (isPart && from >= content.length)
        return {
          status: 416,
          headers: { "content-range": `bytes */${content.length}` },
          body: piecesOf(Buffer.alloc(0)),
        };
      const end =
        isPart && ranges === "short" ? Math.min(content.length, from + longestPart) : content.length;
      const sent = content.subarray(isPart ? from : 0, end);
      const total = namesTotal ? String(content.length) : "*";
      const headers = {
        "content-type": type,
        ...(etag !== undefined && { etag }),
        ...(hasLength && { "content-length": String(sent.length) }),
        ...(isPart && { "content-range": `bytes ${from}-${end - 1}/${total}` }),
      };
      const isQuiet = typeof its === "object" && "endsAt" in its && !hasLength && !hasEnded;
      hasEnded ||= isQuiet;
      const at = typeof its === "string" ? 1 : "tornAt" in its ? its.tornAt : its.endsAt;
      const cut = typeof its === "string" ? sent : sent.subarray(0, Math.floor(at * sent.length));
      const isTorn = typeof its === "object" && !isQuiet;
      return {
        status: isPart ? 206 : 200,
        headers,
        body: piecesOf(cut, isTorn),
        endsWithConnection: !hasLength,
      };
    },
  };

  async function* piecesOf(bytes: Buffer, isTorn = false): AsyncGenerator<Uint8Array, void, undefined> {
    const length = Math.max(1, Math.ceil(bytes.length / pieces));
    for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
    if (isTorn) throw new TransportError("Torn", { sent: true, code: "ECONNRESET" });
  }
}

/** Its answers tell where a part ends, and not where the content does. */
const ofParts: Server = { ranges: "short", etag: undefined, hasLength: true, namesTotal: false, pieces: 1 };
const isOpen = { isCounted: false, isEnded: false };
const runs = { numRuns: thorough ? 3_000 : 300 };

describe("whatever is cut", () => {
  it("an attachment is read whole", () =>
    fc.assert(
      fc.asyncProperty(
        server,
        fates,
        fc.uint8Array({ minLength: 1, maxLength: 400 }),
        fc.constantFrom("size", "hash", undefined),
        fc.boolean(),
        async (of, fated, bytes, known, isBinary) => {
          const content = isBinary
            ? Buffer.from(
                JSON.stringify({
                  resourceType: "Binary",
                  id: "1",
                  data: Buffer.from(bytes).toString("base64"),
                }),
              )
            : Buffer.from(bytes);
          const type = isBinary ? "application/fhir+json" : "application/pdf";
          const fhir = hurriedClient(transportTo(of, fated, { content, type }));
          const hash = createHash("sha1").update(bytes).digest("base64");
          const source = {
            url: "Binary/1",
            ...(known === "size" && { size: bytes.length }),
            ...(known === "hash" && { hash }),
          };
          const attachment = await fhir.attachment(source, { waitMs: 3_600_000 });
          expect(Buffer.from(await attachment.bytes()).equals(Buffer.from(bytes))).toBe(true);
        },
      ),
      runs,
    ));

  it("a bulk export is read once, by readers that go on from their cursors", () =>
    fc.assert(
      fc.asyncProperty(
        server,
        fates,
        fc.array(fc.constantFrom<string[]>("", "short", "a longer name that takes several pieces"), {
          minLength: 1,
          maxLength: 9,
        }),
        fc.record({ isCounted: fc.boolean(), isEnded: fc.boolean() }),
        fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
        async (of, fated, texts, { isCounted, isEnded }, readers) => {
          const ids = texts.flatMap((text, index) => (text === "" ? [] : [String(index)]));
          const lines = texts.map((text, index) =>
            text === ""
              ? ""
              : JSON.stringify({ resourceType: "Patient", id: String(index), name: [{ text }] }),
          );
          const content = Buffer.from(lines.join("\n") + (isEnded ? "\n" : ""));
          const count = isCounted ? ids.length : undefined;
          const list = (): string =>
            JSON.stringify({
              transactionTime: "2026-01-01T00:00:00Z",
              output: [{ type: "Patient", url: "https://api.example/file?signed=1", count }],
            });
          const transport = transportTo(of, fated, { content, type: "application/fhir+ndjson", list });
          const seen: string[] = [];
          let cursor: string | undefined;
          for (const most of [...readers, Infinity]) {
            const read = await part(hurriedClient(transport), cursor === undefined ? {} : { cursor }, most);
            seen.push(...read.ids);
            ({ cursor } = read);
            if (cursor === undefined) break;
          }
          expect(seen).toEqual(ids);
        },
      ),
      {
        ...runs,
        // A part that ends where a line does, behind others and with the line before the cursor alone.
        examples: [
          [ofParts, [], ["short", "", "", "short", "short", "short", "short"], isOpen, [1]],
          [ofParts, [], ["x".repeat(193), "short"], isOpen, [1]],
        ],
      },
    ));
});
