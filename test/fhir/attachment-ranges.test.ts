/** Attachments that are cut go on where they were cut, if what follows is a part of the same content. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FhirAttachment } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { errorOf } from "./ada.ts";
import { against, content, contentType, data, hash, read, withBinary } from "./attaching.ts";

interface Sent {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** After so many bytes. */
  readonly cutAfter?: number;
}

type Serve = (request: IncomingMessage, from: number | null, time: number) => Sent;

/** What a client finds at a server, and the ranges that it asked for. */
async function through(
  serve: Serve,
  use: (file: FhirAttachment) => Promise<Uint8Array> = read,
  attachment: object = {},
  retries = 3,
): Promise<{ readonly found: Promise<Uint8Array>; readonly asked: (string | undefined)[][] }> {
  const asked: (string | undefined)[][] = [];
  const { fhir } = await against((request: IncomingMessage, response: ServerResponse) => {
    const { range, "if-range": condition } = request.headers;
    asked.push([range, ...(condition === undefined ? [] : [String(condition)])]);
    const from = /^bytes=(\d+)-$/.exec(range ?? "")?.[1];
    const sent = serve(request, from === undefined ? null : Number(from), asked.length);
    response.writeHead(sent.status, { "content-type": contentType, ...sent.headers });
    const { cutAfter } = sent;
    if (cutAfter === undefined) response.end(sent.body);
    else response.write(sent.body.subarray(0, cutAfter), () => setTimeout(() => response.destroy(), 20));
  });
  const found = (async () =>
    use(await fhir.attachment({ url: "Binary/1", contentType, ...attachment }, { retries })))();
  return { found, asked };
}

const whole = (headers: Sent["headers"], cutAfter?: number): Sent => ({
  status: 200,
  headers: { "content-length": String(content.length), ...headers },
  body: content,
  ...(cutAfter !== undefined && { cutAfter }),
});

const rest = (from: number, headers: Sent["headers"] = {}, total = content.length): Sent => ({
  status: 206,
  headers: { "content-range": `bytes ${from}-${content.length - 1}/${total}`, ...headers },
  body: content.subarray(from),
});

const strong = { etag: '"v1"' };
const weak = { etag: 'W/"1"' };

describe("an attachment that is cut", () => {
  it.each([
    ["a strong ETag", strong, {}, [["bytes=1000-", '"v1"']]],
    ["the same length and a hash", {}, { hash }, [["bytes=1000-"]]],
  ] as const)("goes on at that byte with %s", async (_, headers, attachment, ranges) => {
    const serve: Serve = (_, from) => (from === null ? whole(headers, 1000) : rest(from, headers));
    const { found, asked } = await through(serve, read, { size: content.length, ...attachment });
    expect(content.equals(await found)).toBe(true);
    expect(asked).toEqual([[undefined], ...ranges]);
  });

  it("goes on without a length, again and again, where it was cut each time", async () => {
    const serve: Serve = (_, from, time) => {
      const part = from === null ? { ...whole(strong), headers: strong } : rest(from, strong);
      return time < 4 ? { ...part, cutAfter: 70_000 } : part;
    };
    const { found, asked } = await through(serve);
    expect(content.equals(await found)).toBe(true);
    expect(asked.map(([range]) => range)).toEqual([
      undefined,
      "bytes=70000-",
      "bytes=140000-",
      "bytes=210000-",
    ]);
  });

  it("goes on inside of base64 too", async () => {
    const json = Buffer.from(JSON.stringify({ resourceType: "Binary", id: "1", contentType, data }));
    const headers = { "content-type": "application/fhir+json", ...strong };
    const serve: Serve = (_, from) =>
      from === null
        ? { status: 200, headers, body: json, cutAfter: 100_001 }
        : {
            status: 206,
            headers: { ...headers, "content-range": `bytes ${from}-${json.length - 1}/*` },
            body: json.subarray(from),
          };
    const { found } = await through(serve, read, { hash });
    expect(content.equals(await found)).toBe(true);
  });

  it("goes on with a part that names no length of the whole, if it ends where that does", async () => {
    const range = { "content-range": `bytes 1000-${content.length - 1}/*` };
    const serve: Serve = (_, from) =>
      from === null ? whole(strong, 1000) : { ...rest(1000), headers: { ...strong, ...range } };
    expect(content.equals(await (await through(serve)).found)).toBe(true);
  });

  it("does not end with a part that is shorter than what was asked for, where no length tells that", async () => {
    const serve: Serve = (_, from) => {
      if (from === null) return { ...whole(strong), headers: strong, cutAfter: 70_000 };
      const headers = { ...strong, "content-range": `bytes ${from}-99999/${content.length}` };
      return { status: 206, headers, body: content.subarray(from, 100_000) };
    };
    const failed = await errorOf((await through(serve)).found);
    expect(failed).toMatchObject({ code: "BAD_ANSWER", retryable: true });
  });

  it("is read again up to that byte from a server without ranges", async () => {
    const { found, asked } = await through((_, from) => whole(strong, from === null ? 100_000 : undefined));
    expect(content.equals(await found)).toBe(true);
    expect(asked).toHaveLength(2);
  });

  const other = Buffer.from(content.map((byte) => byte ^ 1));
  it.each([
    ["has another ETag", rest(1000, { etag: '"v2"' })],
    ["has no ETag any more", rest(1000)],
    ["is that of longer content", rest(1000, strong, content.length + 1)],
    [
      "begins elsewhere",
      { ...rest(1000, strong), headers: { ...strong, "content-range": "bytes 999-300006/300007" } },
    ],
    [
      "ends too early",
      { ...rest(1000, strong), headers: { ...strong, "content-range": "bytes 1000-2000/300007" } },
    ],
    ["names no range", { ...rest(1000, strong), headers: strong }],
    ["is compressed", rest(1000, { ...strong, "content-encoding": "gzip" })],
    ["is all of other content", { ...whole({ etag: '"v2"' }), body: other }],
    [
      "is no part",
      { status: 416, headers: { "content-range": "bytes */10", ...strong }, body: Buffer.alloc(0) },
    ],
  ] as const)("does not go on with a rest that %s, and bytes() begins anew", async (_, answer: Sent) => {
    const serve: Serve = (_, from, time) => {
      if (from !== null) return answer;
      return time === 1 ? whole(strong, 1000) : { ...whole({ etag: '"v2"' }), body: other };
    };
    const failed = await errorOf((await through(serve)).found);
    expect(failed).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    const { found } = await through(serve, async (file) => file.bytes());
    expect(other.equals(await found)).toBe(true);
  });

  it.each([
    ["nothing shows that the rest is of the same content", {}, {}, 3],
    ["a weak ETag shows nothing about bytes", weak, {}, 3],
    ["the server has no ranges", { ...strong, "accept-ranges": "none" }, {}, 3],
    ["no repetition is allowed", strong, {}, 0],
  ] as const)("fails as before if %s", async (_, headers, attachment, retries) => {
    const { found, asked } = await through(() => whole(headers, 1000), read, attachment, retries);
    expect(await errorOf(found)).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(asked).toEqual([[undefined]]);
  });

  it("is checked as a whole: a rest of the same length that is another one is noticed by its hash", async () => {
    const serve: Serve = (_, from) =>
      from === null ? whole({}, 1000) : { ...rest(from), body: other.subarray(from) };
    const error = await errorOf((await through(serve, read, { hash })).found);
    expect(error).toMatchObject({ code: "BAD_ANSWER", message: expect.stringContaining("hash") });
    expect(error.retryable, "the whole of one of the two may come").toBe(true);
    const sound: Serve = (_, from, time) => (time < 3 ? serve(_, from, time) : whole({}));
    const { found } = await through(sound, async (file) => file.bytes(), { hash });
    expect(content.equals(await found)).toBe(true);
  });

  it("is not requested for ever by a server that sends a byte each time", async () => {
    const serve: Serve = (_, from) => ({
      ...(from === null ? whole(strong) : rest(from, strong)),
      cutAfter: 1,
    });
    const { found, asked } = await through(serve);
    expect((await errorOf(found)).code).toBe("UNAVAILABLE");
    expect(asked).toHaveLength(4);
  });

  it("waits for a server that throttles meanwhile, and renews its token", async () => {
    const serve: Serve = ({ headers }, from, time) => {
      if (from === null) return whole(strong, 1000);
      if (time === 2) return { status: 429, headers: { "retry-after": "0" }, body: Buffer.alloc(0) };
      return headers.authorization === "Bearer new" ? rest(from, strong) : { ...whole({}), status: 401 };
    };
    expect(content.equals(await (await through(serve)).found)).toBe(true);
  });
});

describe("the sandbox", () => {
  it.each(["json", "raw"] as const)("sends a Binary in parts (%s)", async (binary) => {
    const { fhir, id, sandbox, sent } = await withBinary({ binary, binaryRanges: true });
    sandbox.fail({ call: "fhir.read", drop: "body", times: 2 });
    const file = await fhir.attachment({ url: `Binary/${id}`, size: content.length, hash }, { retries: 2 });
    expect(content.equals(await read(file))).toBe(true);
    expect(sent.map(({ headers }) => headers.has("range"))).toEqual([false, true, true]);
    expect(sandbox.journal.entries().filter(({ call }) => call === "fhir.read")).toHaveLength(3);
  });

  it("has attachments of a lifecycle's user go on with another token", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle({ sandbox: { binaryRanges: true } });
    await lifecycle.onboard("ada");
    await clock.advance("2m");
    const [id = ""] = sandbox.addResources("ada", "r4", [{ resourceType: "Binary", contentType, data }]);
    sandbox.fail({ call: "fhir.read", drop: "body" });
    sandbox.fail({ call: "fhir.read", status: 401 });
    const file = await lifecycle.fhir("ada", "r4").attachment(id);
    const found = read(file);
    await clock.advance("1m");
    expect(content.equals(await found)).toBe(true);
    expect(sandbox.journal.count("refreshToken")).toBe(1);
  });
});
