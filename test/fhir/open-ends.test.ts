/** A body without a length and without chunks ends with its connection, so a cut one looks whole: its end is asked for. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { createFhirClient, fetchTransport, undiciTransport, type FhirClient } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { afterwards } from "../support/scene.ts";
import { all, errorOf } from "./ada.ts";
import { content, data, hash } from "./attaching.ts";

interface Sent {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Chunks without the last one. */
  readonly isTorn?: boolean;
}

interface Here {
  readonly fhir: FhirClient<"r4">;
  /** The ranges that were asked for. */
  readonly asked: (string | undefined)[];
}

type Serve = (from: number | null, time: number) => Sent;

/** A server whose connections end with each body. An export lists one file, of patients. */
async function serving(
  transport: ReturnType<typeof fetchTransport>,
  serve: Serve,
  count?: number,
): Promise<Here> {
  const asked: (string | undefined)[] = [];
  const server = createServer(({ url = "", headers: { range } }, response) => {
    response.useChunkedEncodingByDefault = false;
    if (url.includes("$export")) {
      const output = [{ type: "Patient", url: `${origin}/file`, count }];
      response.end(JSON.stringify({ output }));
      return;
    }
    asked.push(range);
    const from = /^bytes=(\d+)-$/.exec(range ?? "")?.[1];
    const {
      status = 200,
      headers,
      body = "",
      isTorn = false,
    } = serve(from === undefined ? null : Number(from), asked.length);
    const chunks = isTorn ? { "transfer-encoding": "chunked" } : {};
    const usual = { connection: "close", "content-type": "application/pdf" };
    response.writeHead(status, { ...usual, ...chunks, ...headers });
    response.flushHeaders();
    if (isTorn && body === "") response.socket?.end();
    else if (isTorn) response.write(body, () => response.socket?.end()); // a reset could overtake the body
    else response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  afterwards(() => void server.close());
  afterwards(async () => transport.close?.());
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
  const token = { get: () => "token" };
  return {
    fhir: createFhirClient({ version: "r4", api: origin, analytics: origin, token, transport, retries: 0 }),
    asked,
  };
}

const rest = (of: Buffer, from: number, headers: object = {}): Sent => ({
  status: 206,
  headers: { "content-range": `bytes ${from}-${of.length - 1}/${of.length}`, ...headers },
  body: of.subarray(from),
});
const none = (total: number): Sent => ({ status: 416, headers: { "content-range": `bytes */${total}` } });
const other = Buffer.from(content.map((byte) => byte ^ 1));
const strong = { etag: '"v1"' };

describe.each([
  ["fetch", () => fetchTransport()], // first, as undici replaces the dispatcher of a `fetch` that was not used yet
  ["undici", () => undiciTransport()],
])("with %s", (_, transport) => {
  const attached = async (serve: Serve, source: object = {}) => {
    const { fhir, asked } = await serving(transport(), serve);
    const read = async () => Buffer.concat(await all(await fhir.attachment({ url: "Binary/1", ...source })));
    return { fhir, asked, read };
  };

  it.each<[string, Sent]>([
    ["there is no such range", none(content.length)],
    ["there is no such range, and no length is named", { status: 416 }],
    [
      "the range is empty, and names the same length",
      { status: 206, headers: { "content-range": `bytes */${content.length}` } },
    ],
    ["the same comes once more", { body: content }],
  ])("an attachment is whole if %s", async (_, behind) => {
    const { asked, read } = await attached((from) => (from === null ? { body: content } : behind));
    expect(content.equals(await read())).toBe(true);
    expect(asked).toEqual([undefined, `bytes=${content.length}-`]);
  });

  it.each<[string, (from: number) => Sent]>([
    ["more is behind it", (from) => rest(content, from)],
    ["the range lies in something longer", () => none(content.length)],
    ["what is behind it is cut before its first byte", (from) => ({ ...rest(content, from), body: "" })],
    [
      "what is behind it is cut before its first byte, and no length is named",
      (from) => ({ status: 206, headers: { "content-range": `bytes ${from}-${from + 4}/*` } }),
    ],
    ["an empty range names nothing", () => ({ status: 206 })],
    ["more comes without ranges", () => ({ body: content })],
    ["less comes without ranges", () => ({ body: content.subarray(0, 999) })],
    ["as much of other content comes", () => ({ body: other.subarray(0, 1000) })],
  ])("an attachment was cut if %s, and bytes() begins anew", async (_, behind) => {
    const { fhir } = await attached((from, time) => {
      if (from === null) return { body: time === 1 || time === 3 ? content.subarray(0, 1000) : content };
      return from === 1000 ? behind(from) : none(from);
    });
    const error = await errorOf(all(await fhir.attachment("1")));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(error.message).toContain("the answer was cut");
    const whole = await (await fhir.attachment("1", { retries: 1 })).bytes();
    expect(content.equals(whole)).toBe(true);
  });

  it("an attachment goes on where a strong ETag shows that it is the same", async () => {
    const { fhir, asked } = await attached((from) => {
      if (from === null) return { body: content.subarray(0, 1000), headers: strong };
      return from < content.length ? rest(content, from, strong) : none(content.length);
    });
    const whole = await all(await fhir.attachment("1", { retries: 1 }));
    expect(content.equals(Buffer.concat(whole))).toBe(true);
    expect(asked).toEqual([undefined, "bytes=1000-", "bytes=1000-", `bytes=${content.length}-`]);
  });

  it("the rest of an attachment that was cut may be cut too, and have no length", async () => {
    const { fhir, asked } = await attached((from, time) => {
      if (from === null) return { body: content.subarray(0, 1000), headers: strong, isTorn: true };
      if (from === content.length) return none(content.length);
      const sent = rest(content, from, strong);
      return time < 4 && from === 1000 ? { ...sent, body: content.subarray(1000, 1100) } : sent;
    });
    const whole = await all(await fhir.attachment("1", { retries: 2 }));
    expect(content.equals(Buffer.concat(whole))).toBe(true);
    expect(new Set(asked)).toEqual(
      new Set([undefined, "bytes=1000-", "bytes=1100-", `bytes=${content.length}-`]),
    );
  });

  it("a body with a transfer coding that is no chunked one ends with its connection, too", async () => {
    const headers = { "transfer-encoding": "identity" };
    const { read } = await attached((from) =>
      from === null ? { body: content.subarray(0, 1000), headers } : rest(content, from),
    );
    expect(await errorOf(read())).toMatchObject({ code: "BAD_ANSWER", retryable: true });
  });

  it("a body whose last chunk is missing was cut, also where nothing shows that it can go on", async () => {
    const { read } = await attached((from) =>
      from === null ? { body: content.subarray(0, 1000), isTorn: true } : rest(content, from),
    );
    expect(await errorOf(read())).toMatchObject({ retryable: true });
  });

  it.each([400, 404, 409, 412])("an error %d that lost its page is none of 1upHealth", async (status) => {
    const { fhir } = await attached(() => ({ status, isTorn: true }));
    expect(await errorOf(fhir.read("Patient", "1"))).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    const created = errorOf(fhir.create({ resourceType: "Patient" }));
    expect(await created).toMatchObject({ code: "IN_DOUBT" });
  });

  it("an answer 200 that lost its page is no yes", async () => {
    const { fhir } = await attached(() => ({ status: 200, isTorn: true }));
    expect(await errorOf(fhir.delete("Patient", "1"))).toMatchObject({ code: "UNAVAILABLE" });
  });

  it.each<[string, object, Sent]>([
    ["its size", { size: content.length }, { body: content }],
    ["its hash", { hash }, { body: content }],
    [
      "the length of the answer",
      {},
      { body: content, headers: { "content-length": String(content.length) } },
    ],
    [
      "the JSON around it",
      {},
      {
        body: JSON.stringify({ resourceType: "Binary", id: "1", data }),
        headers: { "content-type": "application/fhir+json" },
      },
    ],
  ])("the end of an attachment is not asked for where %s shows it", async (_, source, sent) => {
    const { asked, read } = await attached(() => sent, source);
    expect(content.equals(await read())).toBe(true);
    expect(asked).toEqual([undefined]);
  });

  const lines = ["1", "2", "3", "4", "5"].map((id) => `{"resourceType":"Patient","id":"${id}"}`);
  const text = `${lines.join("\n")}\n`;
  const file = Buffer.from(text);
  const exported = async (serve: Serve, count?: number) => {
    const { fhir, asked } = await serving(transport(), serve, count);
    const read = async () => (await all(fhir.bulkExport())).map(({ id }) => id);
    return { asked, read };
  };
  const ids = ["1", "2", "3", "4", "5"];

  it.each<[string, Buffer, (from: number) => Sent]>([
    ["nothing is behind it", file, (from) => rest(file, from)],
    [
      "nothing is behind it, and it has no last line end",
      file.subarray(0, -1),
      (from) => rest(file.subarray(0, -1), from),
    ],
    ["it ends there once more", file, () => ({ body: file })],
    [
      "it ends there once more, after empty lines",
      Buffer.from(`${text}\n\n`),
      () => ({ body: `${text}\n\n` }),
    ],
  ])("a file of an export is whole if %s", async (_, body, again) => {
    const { asked, read } = await exported((from) => (from === null ? { body } : again(from)));
    expect(await read()).toEqual(ids);
    expect(asked).toHaveLength(2);
  });

  const cuts = [lines[0]?.length ?? 0, 2 * 38, 2 * 38 + 10, 0];
  it.each(cuts.flatMap((at) => [true, false].map((ranges) => [at, ranges] as const)))(
    "a file of an export that was cut after %i bytes is read to its end (ranges: %s)",
    async (at, ranges) => {
      const { read } = await exported((from, time) => {
        if (time === 1) return { body: file.subarray(0, at) };
        return ranges && from !== null ? rest(file, from) : { body: file };
      });
      expect(await read()).toEqual(ids);
    },
  );

  it("a file of an export that ends elsewhere each time was cut", async () => {
    const { read } = await exported((_, time) => ({ body: file.subarray(0, time === 1 ? 80 : 78) }));
    expect(await errorOf(read())).toMatchObject({ code: "BAD_ANSWER", retryable: true });
  });

  it("the end of a file is not asked for where its count shows it", async () => {
    const { asked, read } = await exported(() => ({ body: file }), 5);
    expect(await read()).toEqual(ids);
    expect(asked).toEqual([undefined]);
  });
});

it("a coded body is never taken for the document: it was not asked for, and fetch misses that it was cut", async () => {
  const body = gzipSync(content);
  const headers = { "content-encoding": "gzip", "content-length": String(body.length) };
  const { fhir } = await serving(fetchTransport(), () => ({ body, headers }));
  expect(await errorOf(fhir.attachment("1").then(all))).toMatchObject({ code: "BAD_ANSWER" });
});
