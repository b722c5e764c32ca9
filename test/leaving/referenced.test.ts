import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  exportFolder,
  isLifecycleError,
  LifecycleError,
  type ExportProgress,
  type ExportWriter,
} from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { announcements, referenceFinder } from "../../src/fhir/attachment/reference-finder.ts";
import { referencedReader } from "../../src/runtime/fhir/referenced-reader.ts";
import { afterwards, folder, scene } from "../support/scene.ts";

async function withAda(): Promise<TestLifecycle> {
  const test = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  await test.lifecycle.onboard("ada");
  return test;
}

/** Adds Binaries and returns their ids. */
function binaries(
  { sandbox }: Pick<TestLifecycle, "sandbox">,
  count: number,
  version: "dstu2" | "r4" = "r4",
): string[] {
  const binary = { resourceType: "Binary", contentType: "application/pdf", data: "aGVsbG8=" };
  return [
    ...sandbox.addResources(
      "ada",
      version,
      Array.from({ length: count }, () => binary),
    ),
  ];
}

function letter(url: string, contentType?: string): object {
  const attachment = { url, ...(contentType !== undefined && { contentType }) };
  return { resourceType: "DocumentReference", status: "current", content: [{ attachment }] };
}

function sha1(text: string): string {
  return createHash("sha1").update(text).digest("base64");
}

/** The ids in the file of a type. */
function idsIn(path: string, file: string): readonly string[] {
  const [user = ""] = readdirSync(path).filter((name) => name !== "export.json");
  if (!readdirSync(join(path, user)).includes(file)) return [];
  const lines = readFileSync(join(path, user, file), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => (JSON.parse(line) as { readonly id: string }).id);
}

const types = ["DocumentReference", "Patient", "Binary", "Provenance"];
const name = "spring";

describe("exportMany() of types that no search lists", () => {
  it("writes what other resources refer to, and what those refer to, once each", async () => {
    const test = await withAda();
    const { lifecycle, sandbox } = test;
    const [pdf = "", scan = "", deep = "", alone = ""] = binaries(test, 4);
    const [product = ""] = sandbox.addResources("ada", "r4", [
      { resourceType: "BiologicallyDerivedProduct", request: [{ reference: `Binary/${deep}` }] },
    ]);
    sandbox.addResources("ada", "r4", [
      letter(`Binary/${pdf}`),
      letter(`Binary/${pdf}`),
      { resourceType: "Media", content: { url: `https://api.1up.health/fhir/r4/Binary/${scan}/_history/1` } },
      { resourceType: "Basic", subject: { reference: `BiologicallyDerivedProduct/${product}` } },
    ]);
    const write = folder("export");
    const summary = await lifecycle.exportMany("all", { name, write, versions: ["r4"] });
    expect(summary).toMatchObject({ exported: 1, resources: 8, files: 5, dangling: 0 });
    expect(idsIn(write, "r4.Binary.ndjson").toSorted()).toEqual([pdf, scan, deep].toSorted());
    expect(idsIn(write, "r4.BiologicallyDerivedProduct.ndjson")).toEqual([product]);
    expect(sandbox.journal.count("fhir.read")).toBe(4);
    expect(summary.unlistable.r4).toEqual(
      expect.arrayContaining(["Binary", "BiologicallyDerivedProduct", "Provenance"]),
    );
    // What nothing refers to is in no file, and the dry run of the purge names its type.
    expect(idsIn(write, "r4.Binary.ndjson")).not.toContain(alone);
    const leave = { name: "leave", onlyAfterExport: name };
    expect(await lifecycle.offboardMany("all", { ...leave, purge: ["r4"] })).toMatchObject({
      count: 1,
      unexported: 0,
      unlistable: summary.unlistable,
    });
  });

  it("goes on where it stopped, and reads nothing twice", async () => {
    const test = await withAda();
    const { lifecycle, sandbox } = test;
    const ids = binaries(test, 5);
    sandbox.addResources(
      "ada",
      "r4",
      ids.map((id) => letter(`Binary/${id}`)),
    );
    const write = folder("export");
    const options = { name, write, versions: ["r4"], types } as const;
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    for (const most of [2, 1]) {
      const stopping = lifecycle.exportMany("all", { ...options, write: fullAfter(most, write, full) });
      await expect(stopping).rejects.toBe(full);
    }
    expect(await lifecycle.exportMany("all", options)).toMatchObject({ exported: 1 });
    expect(idsIn(write, "r4.Binary.ndjson")).toEqual(ids);
    expect(sandbox.journal.count("fhir.read")).toBe(5 + 2); // those that the disk had no space for
  });

  it("counts references that lead nowhere, and does not take a user for exported of whom a resource is refused", async () => {
    const test = await withAda();
    const { lifecycle, sandbox } = test;
    const [erased = "", refused = ""] = binaries(test, 2);
    sandbox.addResources(
      "ada",
      "r4",
      ["missing", erased, refused].map((id) => letter(`Binary/${id}`)),
    );
    sandbox.fail({ call: "fhir.read", status: 410, times: 1 });
    sandbox.fail({ call: "fhir.read", status: 422, times: 10_000 });
    const options = { name, write: folder("export"), versions: ["r4"], types } as const;
    expect(await lifecycle.exportMany("all", options)).toMatchObject({
      exported: 0,
      unfinished: [{ code: "FHIR_REFUSED" }],
    });
    const leave = { name: "leave", onlyAfterExport: name, allowPartialExport: true };
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ unexported: 1 });
    const allowed = await lifecycle.exportMany("all", { ...options, allowShort: true });
    expect(allowed).toMatchObject({ exported: 1, dangling: 3 });
  });

  it.each([
    ["page", "<html>404 Not Found</html>"],
    ["text", "default backend - 404"],
    ["JSON", { message: "no Route matched with those values" }],
  ])(
    "takes a gateway's 404 (%s) for no dangling reference, and no purge erases what it hides",
    async (_, body) => {
      const test = await withAda();
      const { lifecycle, sandbox } = test;
      const [pdf = ""] = binaries(test, 1);
      sandbox.addResources("ada", "r4", [letter(`Binary/${pdf}`)]);
      sandbox.fail({ call: "fhir.read", status: 404, body, times: Infinity });
      const write = folder("export");
      const options = { name, write, versions: ["r4"], types } as const;
      for (const allowShort of [false, true])
        expect(await lifecycle.exportMany("all", { ...options, allowShort })).toMatchObject({
          exported: 0,
          dangling: 0,
          unfinished: [{ code: "BAD_ANSWER" }],
        });
      const leave = {
        name: "leave",
        purge: ["r4"],
        onlyAfterExport: name,
        allowPartialExport: true,
      } as const;
      expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ unexported: 1 });
      sandbox.clearFaults();
      sandbox.fail({ call: "fhir.read", status: 404, body });
      expect(await lifecycle.exportMany("all", options)).toMatchObject({ exported: 1, dangling: 0 });
      expect(idsIn(write, "r4.Binary.ndjson")).toEqual([pdf]);
    },
  );

  it.each([
    ["writes no page of a gateway as a document", "application/pdf", "hello"],
    ["writes the HTML that an Attachment announces", "text/html", "<html>A page</html>"],
  ])("%s", async (_, contentType, written) => {
    const { sandbox, open } = await scene({ limit: { calls: Infinity } }); // a real connection, which brings bytes
    const lifecycle = await open();
    await lifecycle.onboard("ada");
    const letters = binaries({ sandbox }, 2).map((id) => letter(`Binary/${id}`, contentType));
    sandbox.addResources("ada", "r4", letters);
    const pdf = { status: 200, headers: { "content-type": "application/pdf" }, body: "%PDF-1.4" };
    // Four reads and the one of the bytes, after which the export asks for bytes at once.
    sandbox.fail({ call: "fhir.read", ...pdf, times: 5 });
    sandbox.fail({ call: "fhir.read", status: 200, body: "<html>A page</html>" });
    const write = folder("export");
    const options = { name, write, versions: ["r4"], types } as const;
    expect(await lifecycle.exportMany("all", options)).toMatchObject({ exported: 1 });
    const [user = ""] = readdirSync(write).filter((one) => one !== "export.json");
    const lines = readFileSync(join(write, user, "r4.Binary.ndjson"), "utf8")
      .trimEnd()
      .split("\n");
    const contents = lines.map((line) => (JSON.parse(line) as { readonly data: string }).data);
    expect(contents.map((data) => Buffer.from(data, "base64").toString())).toEqual([pdf.body, written]);
  });

  it.each([
    ["application/pdf", {}, "application/json", '{"errorMessage":"Task timed out after 30.03 seconds"}'],
    ["application/pdf", {}, "text/plain", "upstream request timeout"],
    [undefined, {}, "application/json", '{"message":"Endpoint request timed out"}'],
    [undefined, {}, "text/plain", "upstream request timeout"],
    ["application/pdf", {}, "application/pdf", ""],
    ["text/plain", { size: 5 }, "text/plain", "upstream request timeout"],
    ["text/plain", { size: 7, hash: sha1("hello") }, "text/plain", "upstream request timeout"],
  ])(
    "no purge erases a document (%s %j) while an answer of %s comes in its place: %s",
    async (contentType, more, type, body) => {
      const { sandbox, open } = await scene({ limit: { calls: Infinity } }); // a real connection, which brings bytes
      const lifecycle = await open();
      await lifecycle.onboard("ada");
      const [id = ""] = binaries({ sandbox }, 1);
      const attachment = { url: `Binary/${id}`, ...(contentType !== undefined && { contentType }), ...more };
      sandbox.addResources("ada", "r4", [
        { resourceType: "DocumentReference", status: "current", content: [{ attachment }] },
      ]);
      const ill = { call: "fhir.read", status: 200, body, times: Infinity } as const;
      sandbox.fail({ ...ill, headers: { "content-type": type } });
      const write = folder("export");
      const options = { name, write, versions: ["r4"], types } as const;
      const stop = new AbortController();
      let seen = 0;
      const onProgress = ({ waiting, exported }: ExportProgress): void => {
        seen = Math.max(seen, exported);
        if (waiting > 0) stop.abort(new Error("it waits"));
      };
      const waiting = { ...options, onProgress, everyMs: 10, allowShort: true, signal: stop.signal };
      await expect(lifecycle.exportMany("all", waiting)).rejects.toThrow("it waits");
      expect(seen).toBe(0);
      const leave = {
        name: "leave",
        purge: ["r4"],
        onlyAfterExport: name,
        allowPartialExport: true,
      } as const;
      expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ unexported: 1 });
      sandbox.clearFaults();
      expect(await lifecycle.exportMany("all", options)).toMatchObject({ exported: 1 });
      const [user = ""] = readdirSync(write).filter((one) => one !== "export.json");
      expect(readFileSync(join(write, user, "r4.Binary.ndjson"), "utf8")).toContain('"data":"aGVsbG8="');
    },
  );

  it("searches them where 1upHealth can, and reads nothing there", async () => {
    const test = await withAda();
    const { lifecycle, sandbox } = test;
    const ids = binaries(test, 2, "dstu2");
    const write = folder("export");
    const options = { name, write, versions: ["dstu2", "stu3"], types: ["Binary"] } as const;
    const summary = await lifecycle.exportMany("all", options);
    expect(summary).toMatchObject({ exported: 1, resources: 2, unlistable: {} });
    expect(new Set(idsIn(write, "dstu2.Binary.ndjson"))).toEqual(new Set(ids));
    expect(sandbox.journal.count("fhir.read")).toBe(0);
    const leave = { name: "leave", onlyAfterExport: name, allowPartialExport: true };
    const dry = await lifecycle.offboardMany("all", { ...leave, purge: ["dstu2", "stu3"] });
    expect(dry.unlistable).toEqual({});
  });

  it("refuses types that only others lead to, without one that is searched", async () => {
    const { lifecycle } = await withAda();
    for (const alone of [["Binary"], ["Binary", "Provenance"]])
      await expect(
        lifecycle.exportMany("all", { name, write: folder("export"), types: alone }),
      ).rejects.toMatchObject({ code: "INVALID_OPTION", message: expect.stringContaining("in r4") });
  });
});

/** A folder on a disk that is full after so many Binaries. */
function fullAfter(most: number, path: string, full: Error): ExportWriter {
  const writer = exportFolder(path);
  let appends = 0;
  return {
    ...writer,
    async open(file) {
      const opened = await writer.open(file);
      if (file.type !== "Binary") return opened;
      return {
        ...opened,
        async append(lines, cursor) {
          if (++appends > most) throw full;
          await opened.append(lines, cursor);
        },
      };
    },
  };
}

describe("referenceFinder()", () => {
  const apis = ["https://proxy.example/up", "https://api.1up.health"];
  const places = apis.map((api) => ({ api, version: "r4" as const }));
  const find = referenceFinder(["Binary", "Provenance"], places);

  it.each([
    "Binary/1",
    "./Binary/1",
    "Binary/1/_history/2",
    "Binary/1?_format=json",
    "Binary/1#page",
    "https://api.1up.health/r4/Binary/1",
    "https://api.1up.health/fhir/r4/Binary/1",
    "https://proxy.example/up/r4/Binary/1",
  ])("finds %s", (url) => {
    expect(find(JSON.stringify({ a: [{ url }, { text: `<img src="${url}"/>` }] }))).toEqual([
      "Binary/1",
      "Binary/1",
    ]);
  });

  it.each([
    "https://elsewhere.example/r4/Binary/1",
    "//elsewhere.example/r4/Binary/1",
    "https://api.1up.health/stu3/Binary/1",
    "MyBinary/1",
    "Binary/..",
    "Patient/1",
    "Patient/1/Binary/2",
    "Binary/1/page/2",
    "Binary/1 is a scan",
    `${"A/".repeat(20_000)}Binary/1`,
  ])("does not find %s", (url) => {
    expect(find(JSON.stringify({ url }))).toEqual([]);
  });

  it("tells what an Attachment announces, as far as that can be checked", () => {
    const [contentType, size, hash] = ["text/html", 5, "2jmj7l5rSw0yVb/vlWAYkK/YBwk="];
    const all = [
      { url: "https://api.1up.health/r4/Binary/1/_history/2", contentType, size, hash },
      { url: "Binary/2" },
      { url: "https://elsewhere.example/r4/Binary/3", contentType },
      { url: "Binary/4", contentType, size, hash },
      { url: "Binary/5", contentType: "a page", size, hash: "da39a3ee5e6b4b0d3255bfef95601890afd80709" },
      { url: "Binary/6", size: 0, hash: 7 },
    ];
    const content = all.map((attachment) => ({ attachment }));
    expect(Object.fromEntries(announcements(JSON.stringify({ content, other: null }), find))).toEqual({
      "Binary/1": { contentType },
      "Binary/2": {},
      "Binary/4": { contentType, hash },
      "Binary/5": { size },
      "Binary/6": {},
    });
  });

  it("reads a Binary sixteen times as long in about sixteen times the CPU", () => {
    const cpuOf = (times: number): number => {
      const text = JSON.stringify({ data: "Binary/".repeat(times) });
      const rounds = [1, 2, 3].map(() => {
        const before = process.cpuUsage();
        expect(find(text)).toEqual([]);
        const { user, system } = process.cpuUsage(before);
        return user + system;
      });
      return Math.min(...rounds);
    };
    const short = cpuOf(150_000);
    expect(cpuOf(2_400_000) / Math.max(short, 1_000)).toBeLessThan(100); // with the square of the length it were 256
  });
});

describe("referencedReader()", () => {
  const how = { refusedAsNone: false, maxBytes: 10, signal: new AbortController().signal };
  const pdf = { contentType: "application/pdf" };

  /** A client that makes these errors, or contents, or a Binary, of its calls one after the other. */
  function client(...outcomes: (LifecycleError | string | null)[]) {
    const calls: unknown[] = [];
    const next = async (call: string) => {
      calls.push(call);
      const outcome = outcomes.shift() ?? null;
      if (isLifecycleError(outcome)) throw outcome;
      if (outcome === null) return { resourceType: "Binary" };
      const [contentType = "", text = ""] = outcome.split(" ");
      return { contentType, bytes: async () => Buffer.from(text), cancel: () => calls.push("cancel") };
    };
    const fhir = {
      read: () => next("read"),
      attachment: ({ url, ...announced }: { readonly url: string }) => (calls.push(announced), next(url)),
    };
    return { calls, fhir: fhir as unknown as Parameters<typeof referencedReader>[0] }; // the part that it uses
  }

  const wrong = (): LifecycleError => new LifecycleError("BAD_ANSWER", "Cannot read the Binary");

  it("makes a Binary of bytes, and reads the next one as bytes at once", async () => {
    const { calls, fhir } = client(wrong(), "application/pdf hello", "application/pdf hello");
    const read = referencedReader(fhir, how);
    for (const id of ["1", "2"])
      expect(await read("Binary", id, pdf)).toEqual({
        resourceType: "Binary",
        id,
        contentType: "application/pdf",
        data: "aGVsbG8=",
      });
    expect(calls).toEqual(["read", pdf, "Binary/1", pdf, "Binary/2"]);
  });

  it.each(["text/html page", "application/json {}", "text/plain timeout", "application/pdf"])(
    "takes %s for no Binary that nothing announces, nor for another resource",
    async (answer) => {
      const { fhir } = client(wrong(), answer, wrong());
      const read = referencedReader(fhir, how);
      await expect(read("Binary", "1")).rejects.toMatchObject({ code: "BAD_ANSWER", retryable: true });
      await expect(read("Provenance", "1")).rejects.toMatchObject({ code: "BAD_ANSWER", retryable: true });
    },
  );

  it("asks for the resource where bytes came before and now something else does", async () => {
    const { calls, fhir } = client(wrong(), "application/pdf hello", wrong(), null);
    const read = referencedReader(fhir, how);
    await read("Binary", "1", pdf);
    calls.length = 0;
    expect(await read("Binary", "2", pdf)).toEqual({ resourceType: "Binary" });
    expect(calls).toEqual([pdf, "Binary/2", "read"]);
  });

  it("takes text for a Binary that is announced as text, unless the server sends resources", async () => {
    const html = { contentType: "text/html; charset=utf-8" };
    const read = referencedReader(client(wrong(), "text/html page").fhir, how);
    expect(await read("Binary", "1", html)).toMatchObject({ contentType: "text/html" });
    const other = referencedReader(client(null, wrong(), "text/html page").fhir, how);
    await other("Binary", "1", html);
    await expect(other("Binary", "2", html)).rejects.toMatchObject({ code: "BAD_ANSWER", retryable: true });
  });
});
