/** Binary resources and Attachments, as bytes. */
import { systemClock, type Clock } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { scene } from "../support/scene.ts";
import { errorOf } from "./ada.ts";
import { base, content, contentType, data, hash, read, withBinary } from "./attaching.ts";

describe("attachment()", () => {
  it.each(["negotiated", "json", "raw"] as const)("reads a Binary that comes %s", async (binary) => {
    const { fhir, id, sent } = await withBinary({ binary });
    const attachments = [id, { url: `Binary/${id}` }, { url: `${base}/Binary/${id}`, size: 300_007, hash }];
    for (const one of attachments) {
      const file = await fhir.attachment(one);
      expect(file.contentType).toBe(contentType);
      expect((await read(file)).equals(content)).toBe(true);
      expect(Buffer.from(await (await fhir.attachment(one)).bytes()).equals(content)).toBe(true);
    }
    expect(new Set(sent.map(({ url }) => url))).toEqual(new Set([`${base}/Binary/${id}`]));
  });

  it.each(["json", "raw"] as const)("reads it over a socket, of a lifecycle's user (%s)", async (binary) => {
    const { sandbox, open } = await scene({ binary });
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    const [id = ""] = sandbox.addResources("ada", "r4", [{ resourceType: "Binary", contentType, data }]);
    const fhir = lifecycle.fhir("ada", "r4", { strict: true });
    const response = new Response((await fhir.attachment(id)).stream());
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    sandbox.revokeGrant("ada");
    sandbox.clock.advance(120_000);
    expect((await read(await fhir.attachment(id))).equals(content)).toBe(true); // with another token
  });

  it("keeps no timer for a reader that has not come once the lifecycle is closed", async () => {
    const timers = new Set<object>();
    const clock: Clock = {
      ...systemClock,
      timer(ms, task) {
        const timer = {};
        const cancel = systemClock.timer(ms, () => (timers.delete(timer), task()));
        timers.add(timer);
        return () => (timers.delete(timer), cancel());
      },
    };
    const { sandbox, open } = await scene({ binary: "raw" });
    const lifecycle = await open({ clock });
    await lifecycle.onboard("ada");
    const [id = ""] = sandbox.addResources("ada", "r4", [{ resourceType: "Binary", contentType, data }]);
    const fhir = lifecycle.fhir("ada", "r4");
    await fhir.attachment(id);
    await (await fhir.attachment(id)).stream().getReader().read();
    await lifecycle.close();
    expect(timers.size).toBe(0);
  });

  it.each(["dstu2", "stu3"] as const)("reads the content of a Binary of %s", async (version) => {
    const { lifecycle, sandbox } = await createTestLifecycle({ sandbox: { binary: "json" } });
    await lifecycle.onboard("ada");
    const binary = { resourceType: "Binary", contentType, content: data };
    const [id = ""] = sandbox.addResources("ada", version, [binary]);
    const file = await lifecycle.fhir("ada", version).attachment(id);
    expect(file.contentType).toBe(contentType);
    expect((await read(file)).equals(content)).toBe(true);
  });

  it("reads data in an Attachment, without a call", async () => {
    const { fhir, sent } = await withBinary();
    const lines = data.replaceAll(/(.{76})/g, "$1\r\n");
    const file = await fhir.attachment({ data: lines, contentType, hash, size: content.length });
    expect([file.contentType, file.size]).toEqual([contentType, content.length]);
    expect((await read(file)).equals(content)).toBe(true);
    expect((await (await fhir.attachment({ data: "" })).bytes()).length).toBe(0);
    for (const other of ["é", "YQ", "YQ==YQ==", "Y===", "YQ=a", "-_-_"])
      expect(await errorOf(read(await fhir.attachment({ data: other })))).toMatchObject({
        code: "INVALID_RESOURCE",
      });
    expect(sent).toEqual([]);
  });

  it("reads what a url leads to if the data beside it are empty", async () => {
    const { fhir, id, sent } = await withBinary();
    const empty = { data: "", contentType };
    expect((await read(await fhir.attachment({ ...empty, url: `Binary/${id}` }))).equals(content)).toBe(true);
    expect(sent).toHaveLength(1);
    expect(await read(await fhir.attachment(empty))).toHaveLength(0);
    expect(sent).toHaveLength(1);
  });

  it("reads it with a transport that has no stream(), if the server sends JSON", async () => {
    const { fhir, id } = await withBinary({}, true);
    expect((await read(await fhir.attachment(id))).equals(content)).toBe(true);
    const { fhir: other, id: one } = await withBinary({ binary: "raw" }, true);
    expect((await errorOf(other.attachment(one))).message).toContain("this transport has no stream()");
  });

  it("sends nothing outside the base of the version", async () => {
    const { fhir, sent } = await withBinary();
    const links = [
      "https://elsewhere.example/r4/Binary/1",
      "//elsewhere.example/r4/Binary/1",
      "https://api.1up.health.elsewhere.example/r4/Binary/1",
      "https://ada@api.1up.health/r4/Binary/1",
      "http://api.1up.health/r4/Binary/1",
      "https://api.1up.health:8443/r4/Binary/1",
      "https://api.1up.health/stu3/Binary/1",
      "https://api.1up.health/r4",
      "https://api.1up.health/r42/Binary/1",
      "../stu3/Binary/1",
      "%2e%2e/stu3/Binary/1",
      "..%2fstu3/Binary/1",
      "Binary/..\\..\\..\\x",
      "Binary/%5c..",
      "data:text/plain,x",
      "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
      "file:///etc/passwd",
      "http://[",
      `Binary/${"1".repeat(20_000)}`,
    ];
    for (const url of links) {
      const error = await errorOf(fhir.attachment({ url }));
      expect(error.code).toBe("INVALID_RESOURCE");
      expect(error.message).toMatch(
        /must stay under https:\/\/api.1up.health\/r4\/, got .*nothing was sent there/,
      );
    }
    expect(sent).toEqual([]);
  });

  it.each([
    ["https://elsewhere.example/r4/Binary/1", "another origin"],
    ["https://api.1up.health/login", "another path"],
    ["/stu3/Binary/1", "another path"],
    ["https://api.1up.health/r4/Binary/1?a=b", null],
  ])("follows a redirect only under the base: %s", async (redirect, refusal) => {
    const { fhir, id, sent } = await withBinary({ binary: { redirect } });
    const error = await errorOf(fhir.attachment(id));
    const urls = sent.map(({ url }) => url);
    expect(urls).toEqual([`${base}/Binary/${id}`, ...(refusal === null ? [redirect] : [])]);
    expect(error).toMatchObject(
      refusal === null
        ? { code: "FHIR_REFUSED", status: 404 }
        : { code: "BAD_ANSWER", message: expect.stringContaining(`got one with ${refusal}`) },
    );
  });

  it("takes the base by its other name, and sends its call to its own", async () => {
    const { fhir, id, sent } = await withBinary();
    const file = await fhir.attachment({ url: `https://api.1up.health/fhir/r4/Binary/${id}` });
    expect((await read(file)).equals(content)).toBe(true);
    expect(sent.map(({ url }) => url)).toEqual([`${base}/Binary/${id}`]);
    for (const url of ["/fhir/stu3/Binary/1", "/fhir/r4", "/fhir/r4x/Binary/1", "/x/r4/Binary/1"])
      expect((await errorOf(fhir.attachment({ url }))).code).toBe("INVALID_RESOURCE");
  });

  it("follows redirects to the content, but in no circle", async () => {
    const { fhir, id, sent, sandbox } = await withBinary({ binary: { redirect: "?part=1" } });
    expect((await read(await fhir.attachment(id))).equals(content)).toBe(true);
    sandbox.behave({ binary: { redirect: `/r4/Binary/${id}` } });
    expect((await errorOf(fhir.attachment(id))).message).toContain("more than 5 redirects");
    expect(sent.every(({ headers }) => headers.get("authorization")?.startsWith("Bearer "))).toBe(true);
  });

  it.each([
    ["changed", { hash }, "its hash is another one", false],
    ["changed", { hash, size: content.length }, "its hash is another one", false],
    ["short", { size: content.length }, `its size is ${content.length - 1} bytes`, true],
    ["short", { hash }, "its hash is another one", true],
    ["negotiated", { size: 10 }, "its size is more than 10 bytes", false],
  ] as const)("checks the content at its end: %s, %j", async (binary, announced, message, isShort) => {
    const { fhir, id } = await withBinary({ binary });
    const attachment = { url: `Binary/${id}`, ...announced };
    const error = await errorOf((async () => read(await fhir.attachment(attachment)))());
    expect(error.code).toBe("BAD_ANSWER");
    expect(error.message).toContain(message);
    if (isShort) expect(error.retryable).toBe(true); // without a content-length it may have been cut
    const file = await fhir.attachment(attachment, { verify: false });
    expect((await read(file)).length).toBe(binary === "short" ? content.length - 1 : content.length);
  });

  it("refuses values that cannot be checked, and options that cannot be", async () => {
    const { fhir, sent } = await withBinary();
    const url = "Binary/1";
    for (const wrong of [{ url, hash: "0f1e" }, { url, size: -1 }, { title: "x" }, null, 7, "a/b"])
      expect((await errorOf(fhir.attachment(wrong as { url: string }))).code).toBe("INVALID_RESOURCE");
    for (const options of [{ maxBytes: -1 }, { verify: 1 }, { what: 1 }])
      expect((await errorOf(fhir.attachment(url, options as object))).code).toMatch(/^INVALID_/);
    expect((await errorOf(fhir.attachment({ url, size: 11 }, { maxBytes: 10 }))).code).toBe("ANSWER_TOO_BIG");
    expect(sent).toEqual([]);
  });

  it.each(["json", "raw"] as const)("reads no more than maxBytes (%s)", async (binary) => {
    const { fhir, id } = await withBinary({ binary });
    const most = { maxBytes: content.length - 1 };
    expect(await errorOf((async () => read(await fhir.attachment(id, most)))())).toMatchObject({
      code: "ANSWER_TOO_BIG",
      retryable: false,
    });
    expect((await read(await fhir.attachment(id, { maxBytes: content.length }))).length).toBe(content.length);
  });

  it.each(["json", "raw"] as const)("tells that it was cut, and bytes() goes on (%s)", async (binary) => {
    const { fhir, id, sandbox } = await withBinary({ binary });
    sandbox.fail({ call: "fhir.read", drop: "body", times: 2 });
    expect(await errorOf((async () => read(await fhir.attachment(id)))())).toMatchObject({
      code: "UNAVAILABLE",
      retryable: true,
    });
    const file = await fhir.attachment(id, { retries: 1 });
    expect(Buffer.from(await file.bytes()).equals(content)).toBe(true);
  });

  it("is requested again like a read", async () => {
    const { fhir, id, sandbox } = await withBinary();
    sandbox.fail({ call: "fhir.read", status: 503 });
    expect((await read(await fhir.attachment(id, { retries: 1 }))).equals(content)).toBe(true);
    expect(await errorOf(fhir.attachment("none"))).toMatchObject({ code: "FHIR_REFUSED", status: 404 });
  });

  it("is no answer of a function that has timed out, where it was announced as another type", async () => {
    const { fhir, id, sandbox } = await withBinary({ binary: "timedOut" });
    const attachment = { url: `Binary/${id}`, contentType };
    expect(await errorOf(fhir.attachment(attachment))).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    sandbox.behave({ binary: "negotiated" });
    expect((await read(await fhir.attachment(attachment))).equals(content)).toBe(true);
  });

  it("is read once", async () => {
    const { fhir, id } = await withBinary();
    const file = await fhir.attachment(id);
    await read(file);
    expect(() => file.stream()).toThrow("twice");
    expect((await errorOf(file.bytes())).code).toBe("INVALID_OPTION");
  });
});
