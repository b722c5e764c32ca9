/** Attachments of servers that send them in any form, cut, wrong or endless. */
import type { RequestListener } from "node:http";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { errorOf } from "./ada.ts";
import { against, contentType, data, read } from "./attaching.ts";

function binary(type: string, text: string): string {
  const encoded = Buffer.from(text).toString("base64");
  return JSON.stringify({ resourceType: "Binary", id: "1", contentType: type, data: encoded });
}

describe("a server", () => {
  const json = (text: string, type = "application/json"): RequestListener => {
    const bytes = Buffer.from(text);
    return (_, response) => {
      response.writeHead(200, { "content-type": type });
      let at = 0;
      const next = (): void => {
        if (at >= bytes.length) return void response.end();
        response.write(bytes.subarray(at, ++at), () => setImmediate(next)); // byte by byte
      };
      next();
    };
  };

  it.each([
    ['{"resourceType":"Binary","id":"1","contentType":"text/plain","data":"aGVsbG8="}', "hello"],
    ['\uFEFF { "id" : "1", "resourceType" : "Binary", "data" : "aGVs\\nbG8=" , "meta" : {} }', "hello"],
    ['{"data":"aGVsbG8=","id":"1","resourceType":"Binary"}', "hello"],
    [
      '{"resourceType":"Binary","x":{"data":"no"},"y":["data","content",{}],"data":"\\u002f\\/+/","id":"1"}',
      "ÿÿ¿",
    ],
    ['{"resourceType":"Binary","id":"1","data":""}', ""],
    [
      '{"resourceType":"Bundle","id":"1","data":"aGVsbG8="}',
      '{"resourceType":"Bundle","id":"1","data":"aGVsbG8="}',
    ],
    ['{"data":"aGVsbG8="}', '{"data":"aGVsbG8="}'],
    ['[{"resourceType":"Binary","data":"aGVsbG8="}]', '[{"resourceType":"Binary","data":"aGVsbG8="}]'],
    ["", ""],
  ])("may send JSON in any form: %s", async (text, expected) => {
    const { fhir } = await against(json(text));
    const found = await read(await fhir.attachment("1"));
    expect(found.toString(expected === "ÿÿ¿" ? "latin1" : "utf8")).toBe(expected);
  });

  it.each([
    ['{"resourceType":"Binary","id":"2","data":"aGVsbG8="}', "has another id", false],
    ['{"resourceType":"Binary","id":"1","data":"aGVsbG8"}', "no base64", false],
    ['{"resourceType":"Binary","id":"1","data":"aG\\"sbG8="}', "no base64", false],
    ['{"resourceType":"Binary","id":"1","data":"YQ==","data":"YQ=="}', "its data twice", false],
    ['{"resourceType":"Binary","id":"1"}', "holds no data", false],
    ['{"resourceType":"Binary","id":"1","da', "was cut", true],
    ['{"resourceType":"Binary","id":"1","data":"aGVsbG8=', "was cut", true],
    ['{"resourceType":"Binary","id":"1","data":"aGVsbG8="', "was cut", true],
    ['{"resourceType":"OperationOutcome","issue":[]}', "an OperationOutcome came", false],
  ])("that sends something else fails: %s", async (text, message, retryable) => {
    const { fhir } = await against(json(text));
    const error = await errorOf((async () => read(await fhir.attachment("1")))());
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable });
    expect(error.message).toContain(message);
  });

  it.each(["{", '{"resourceType":"Bin'])(
    "that cuts a resource before it shows its type fails: %s",
    async (text) => {
      const { fhir } = await against(json(text, "application/fhir+json"));
      const error = await errorOf((async () => read(await fhir.attachment({ url: "Binary/1", size: 1 })))());
      expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
      expect(error.message).toContain("was cut");
    },
  );

  it("that drips its error is not waited for longer than for an answer", async () => {
    const drip: RequestListener = (_, response) => {
      response.writeHead(503, { "content-type": "text/plain" });
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    };
    const { fhir } = await against(drip, 300);
    expect(await errorOf(fhir.attachment("1", { retries: 0 }))).toMatchObject({
      code: "UNAVAILABLE",
      status: 503,
    });
  });

  it("that sends a page of HTML, XML or a coding that was not asked for fails", async () => {
    const types = ["text/html", "application/fhir+xml"];
    for (const type of types) {
      const { fhir } = await against(json("<a/>", type));
      const error = await errorOf(fhir.attachment({ url: "Binary/1", contentType }));
      expect(error.code).toBe("BAD_ANSWER");
      expect((await read(await fhir.attachment({ url: "Binary/1", contentType: type }))).toString()).toBe(
        "<a/>",
      );
    }
    const { fhir } = await against((_, response) =>
      response.writeHead(200, { "content-encoding": "br" }).end("x"),
    );
    expect((await errorOf(fhir.attachment("1"))).message).toContain("compressed");
  });

  it.each([
    ["application/pdf", "application/json", '{"errorMessage":"Task timed out after 30.03 seconds"}'],
    ["application/pdf", "application/problem+json", '{"status":504}'],
    ["image/png", "text/plain; charset=utf-8", "upstream request timeout"],
    ["application/vnd.openxmlformats-officedocument.wordprocessingml.document", "text/plain", "timeout"],
    ["text/plain", "application/json", '{"message":"Endpoint request timed out"}'],
    ["application/xml", "text/html; charset=utf-8", "<html>We will be back soon</html>"],
  ])("that was to send %s, and sends %s, is asked again", async (announced, type, text) => {
    const { fhir } = await against((_, response) =>
      response.writeHead(200, { "content-type": type }).end(text),
    );
    const error = await errorOf(fhir.attachment({ url: "Binary/1", contentType: announced }));
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(error.message).toMatch(/came instead$/);
  });

  it.each([
    ["application/pdf", "application/octet-stream", "%PDF"],
    ["application/pdf", "application/x-pdf", "%PDF"],
    ["application/xml", "text/xml; charset=utf-8", "<ClinicalDocument/>"],
    ["application/hl7-v3+xml", "text/plain", "<ClinicalDocument/>"],
    ["text/csv; charset=utf-8", "text/plain", "a,b"],
    ["application/json", "application/fhir+json", '{"resourceType":"Bundle"}'],
    ["application/fhir+json;fhirVersion=4.0", "application/json", '{"resourceType":"Bundle"}'],
    ["application/xhtml+xml", "text/html", "<html/>"],
    ["application/pdf", "application/fhir+json", binary("text/plain", "%PDF")],
    [undefined, "application/json", '{"a":1}'],
    [undefined, "text/plain", "hello"],
  ])("may be asked for %s, and send %s", async (announced, type, text) => {
    const { fhir } = await against((_, response) =>
      response.writeHead(200, { "content-type": type }).end(text),
    );
    const file = await fhir.attachment({ url: "Binary/1", contentType: announced });
    expect((await read(file)).toString()).toBe(text.includes('"Binary"') ? "%PDF" : text);
  });

  it("that redirects to nowhere fails at once", async () => {
    let asked = 0;
    const { fhir } = await against((_, response) => {
      asked++;
      response.writeHead(302).end();
    });
    const error = await errorOf(fhir.attachment("1", { retries: 0 }));
    expect(error.message).toContain("a redirect (302) must name its target");
    expect(asked).toBe(1);
  });

  it("that never ends is left, and so is one whose reader stops", async () => {
    let open = 0;
    let written = 0;
    const { fhir } = await against((_, response) => {
      open++;
      response.on("close", () => open--);
      response.writeHead(200, { "content-type": contentType });
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536))) written += 65_536;
      };
      response.on("drain", more);
      more();
    });
    const closed = async (): Promise<void> => expect.poll(() => open, { timeout: 10_000 }).toBe(0);
    const error = await errorOf((async () => read(await fhir.attachment("1", { maxBytes: 1_000_000 })))());
    expect(error.code).toBe("ANSWER_TOO_BIG");
    await closed();

    for await (const piece of await fhir.attachment("1")) if (piece.length > 0) break;
    await closed();

    const reader = (await fhir.attachment("1")).stream().getReader();
    await reader.read();
    await reader.cancel();
    await closed();

    await (await fhir.attachment("1")).stream().cancel();
    await closed();

    const unread = await fhir.attachment("1");
    unread.cancel();
    await closed();
    expect((await errorOf(read(unread))).message).toContain("it was cancelled");

    const caller = new AbortController();
    const pieces = (await fhir.attachment("1", { signal: caller.signal }))[Symbol.asyncIterator]();
    await pieces.next();
    caller.abort(new Error("enough"));
    await expect(pieces.next()).rejects.toThrow("enough");
    await closed();

    // Back-pressure: what is not read is not sent, beyond the buffers on the way.
    written = 0;
    let length = 0;
    for await (const piece of await fhir.attachment("1", { maxBytes: Infinity })) {
      await new Promise(setImmediate);
      if ((length += piece.length) > 1_000_000) break;
    }
    expect(written - length).toBeLessThan(64 * 1024 * 1024);
    await closed();
  });

  it("whose content is not read for a minute is left", async () => {
    const { lifecycle, sandbox, clock } = await createTestLifecycle();
    await lifecycle.onboard("ada");
    const [id = ""] = sandbox.addResources("ada", "r4", [{ resourceType: "Binary", contentType, data }]);
    const file = await lifecycle.fhir("ada", "r4").attachment(id);
    await clock.advance("61s");
    expect(await errorOf(read(file))).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  });
});
