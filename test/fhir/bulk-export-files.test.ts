/** The files of a bulk export, their links and lists, as servers send them. */
import { createServer } from "node:http";
import { createFhirClient, undiciTransport, type BulkExportOptions } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { all, errorOf } from "./ada.ts";
import { analytics, exporting, part } from "./exporting.ts";

type Options = BulkExportOptions<"Patient" | "Observation">;

describe("a file", () => {
  const ways = [true, false];

  describe.each(ways)("of a server that sends parts: %s", (exportRanges) => {
    it.each(["files", "job"] as const)(
      "is continued from any cursor, in another process (%s)",
      async (kickOff) => {
        const { another, ids } = await exporting({ exportRanges, exportKickOff: kickOff, exportFileSize: 3 });
        for (let most = 0; most <= ids.length; most++) {
          const first = await part(another(), {}, most);
          const rest =
            first.cursor === undefined ? [] : (await part(another(), { cursor: first.cursor }, 99)).ids;
          expect([...first.ids, ...rest]).toEqual(ids);
        }
      },
    );

    it.each([
      { drop: "body" },
      { response: "truncated" },
      { drop: "before" },
      { status: 503, retryAfterMs: 1_000 },
    ] as const)("is read to its end though it is cut again and again: %j", async (how) => {
      const { fhir, world, ids, sent } = await exporting({ exportRanges, exportFileSize: 5 });
      for (let skip = 0; skip < 4; skip += 2) world.sandbox.fail({ call: "fhir.exportFile", skip, ...how });
      expect((await all(fhir.bulkExport())).map(({ id }) => id)).toEqual(ids);
      const wasBegun = "drop" in how ? how.drop === "body" : "response" in how;
      expect(sent.some(({ headers }) => headers.has("range"))).toBe(wasBegun);
    });
  });

  it("that stays cut is an error after as many attempts as retries allow, and goes on from the cursor", async () => {
    const { fhir, world, ids, another } = await exporting({ exportFileSize: 5 });
    world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, response: "truncated" });
    const exported = fhir.bulkExport({ retries: 2 });
    const seen: string[] = [];
    const error = await errorOf(
      (async () => {
        for await (const { id = "" } of exported) seen.push(id);
      })(),
    );
    expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
    expect(error.message).toMatch(/it was cut; tried 3 times/);
    world.sandbox.clearFaults();
    const rest = (await part(another(), { cursor: exported.cursor }, 99)).ids;
    expect([...seen, ...rest]).toEqual(ids);
  });

  it("that ends between two lines is noticed by its count", async () => {
    const { fhir, world, ids } = await exporting({ exportFileSize: 5, exportKickOff: "job" });
    const exported = fhir.bulkExport();
    await exported.files();
    const [, , , ...patients] = ids;
    world.sandbox.fail({
      call: "fhir.exportFile",
      status: 200,
      body: `{"resourceType":"Observation","id":"${ids[0]}"}\n`,
    });
    const error = await errorOf(all(exported));
    expect(patients).toHaveLength(5);
    expect(error.code).toBe("BAD_ANSWER"); // cut, and then not the same file any more
  });

  it("that was cut just before a line end goes on there", async () => {
    const { fhir, world } = await exporting();
    const lines = ["a", "b", "c"].map((id) => `{"resourceType":"Observation","id":"${id}"}`);
    const output = [{ type: "Observation", url: `${analytics}/r4/$export/Observation/x.ndjson`, count: 3 }];
    world.sandbox.fail({ call: "fhir.export", status: 200, body: { output } });
    world.sandbox.fail({ call: "fhir.exportFile", status: 200, body: lines.slice(0, 2).join("\n") });
    world.sandbox.fail({ call: "fhir.exportFile", status: 200, body: lines.join("\n") });
    expect((await part(fhir, { types: ["Observation"] }, 9)).ids).toEqual(["a", "b", "c"]);
  });

  it("that is read from its start again is read to its end, though it is cut there, too", async () => {
    const { fhir, world } = await exporting({ exportRanges: false });
    const body = ["a", "b", "c"].map((id) => `{"resourceType":"Observation","id":"${id}"}\n`).join("");
    const line = body.length / 3;
    const output = [{ type: "Observation", url: `${analytics}/r4/$export/Observation/x.ndjson` }];
    world.sandbox.fail({ call: "fhir.export", status: 200, body: { output } });
    for (const end of [2 * line + 5, line + 5, line - 5])
      world.sandbox.fail({ call: "fhir.exportFile", status: 200, body: body.slice(0, end) });
    world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, status: 200, body });
    expect((await part(fhir, { types: ["Observation"] }, 9)).ids).toEqual(["a", "b", "c"]);
  });

  it("with empty lines is noticed to be cut by its count of resources", async () => {
    const { fhir, world } = await exporting();
    const output = [{ type: "Observation", url: `${analytics}/r4/$export/Observation/x.ndjson`, count: 3 }];
    const line = (id: string): string => `{"resourceType":"Observation","id":"${id}"}\n`;
    world.sandbox.fail({ call: "fhir.export", status: 200, body: { output } });
    world.sandbox.fail({ call: "fhir.exportFile", status: 200, body: `${line("a")}\n${line("b")}` });
    world.sandbox.fail({
      call: "fhir.exportFile",
      status: 200,
      body: `${line("a")}\n${line("b")}${line("c")}`,
    });
    expect((await part(fhir, { types: ["Observation"] }, 9)).ids).toEqual(["a", "b", "c"]);
  });

  it("with empty lines is noticed to be cut by its count, also from a cursor on", async () => {
    const { fhir, another, world } = await exporting();
    const output = [{ type: "Observation", url: `${analytics}/r4/$export/Observation/x.ndjson`, count: 4 }];
    const lines = ["a", "b", "c", "d"].map((id) => `{"resourceType":"Observation","id":"${id}"}\n\n`);
    world.sandbox.fail({ call: "fhir.export", times: Infinity, status: 200, body: { output } });
    world.sandbox.fail({ call: "fhir.exportFile", status: 200, body: lines.join("") });
    const { cursor } = await part(fhir, {}, 2);
    const body = lines.slice(0, 3).join("");
    world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, status: 200, body });
    expect((await errorOf(part(another(), { cursor, retries: 1 }, 9))).message).toContain("it was cut");
  });

  it.each([
    ["whose last line stays cut", '\n{"resourceType":"Obs', undefined],
    ["that has fewer resources than its count", "\n", 2],
  ])(
    "%s is an error after as many attempts as retries allow, also behind an empty line",
    async (_, end, count) => {
      const { fhir, world } = await exporting();
      const output = [{ type: "Observation", url: `${analytics}/r4/$export/Observation/x.ndjson`, count }];
      world.sandbox.fail({ call: "fhir.export", status: 200, body: { output } });
      const body = `{"resourceType":"Observation","id":"a"}\n${end}`;
      const headers = { "content-length": String(body.length) };
      world.sandbox.fail({ call: "fhir.exportFile", times: 9, status: 200, body, headers });
      const error = await errorOf(all(fhir.bulkExport({ retries: 2 })));
      expect(error).toMatchObject({ code: "BAD_ANSWER", retryable: true });
      expect(error.message).toContain("it was cut; tried 3 times");
      expect(world.sandbox.journal.count("fhir.exportFile")).toBe(3);
    },
  );

  it("may have empty lines, spaces and no line end at its end", async () => {
    const { fhir, another, world } = await exporting();
    const line = (id: string): string => `{"resourceType":"Observation","id":"${id}"}`;
    const body = `\n${line("a")}\r\n\n \n${line("b")}\n\n${line("c")}`;
    const options: Options = { types: ["Observation"] };
    const output = [{ type: "Observation", url: `${analytics}/r4/$export/Observation/x.ndjson` }];
    world.sandbox.fail({ call: "fhir.export", times: Infinity, status: 200, body: { output } });
    world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, status: 200, body });
    for (let most = 0; most <= 3; most++) {
      const first = await part(fhir, options, most);
      const rest =
        first.cursor === undefined
          ? []
          : (await part(another(), { ...options, cursor: first.cursor }, 9)).ids;
      expect([...first.ids, ...rest]).toEqual(["a", "b", "c"]);
    }
  });

  it("is read across tokens that expire", async () => {
    const { fhir, world, ids } = await exporting({ exportFileSize: 1 });
    const seen: string[] = [];
    for await (const { id = "" } of fhir.bulkExport()) {
      seen.push(id);
      if (seen.length === 2) await world.clock.advance("3h");
      if (seen.length === 4) world.sandbox.revokeGrant("ada");
    }
    expect(seen).toEqual(ids);
  });

  it("that has changed since is an error, and lists that have changed expire the cursor", async () => {
    const { fhir, another, world } = await exporting({ exportFileSize: 5 });
    const { cursor } = await part(fhir, { types: ["Patient"] }, 2);
    const [one] = (await fhir.search("Patient")).resources;
    await fhir.update({ ...one, resourceType: "Patient", gender: "female" });
    await world.clock.advance("1s"); // now the export has it
    const options: Options = { types: ["Patient"], cursor };
    expect(await errorOf(part(another(), options, 99))).toMatchObject({
      code: "BAD_ANSWER",
      message: "Cannot read the file of an export: it has changed since it was begun",
    });
    world.sandbox.addResources("ada", "r4", [{ resourceType: "Patient" }]);
    expect(await errorOf(part(another(), options, 99))).toMatchObject({ code: "CURSOR_EXPIRED" });
    expect(() => fhir.bulkExport({ types: ["Observation"], cursor })).toThrow(
      "this cursor belongs to another export; use the same options",
    );
  });

  it.each([
    ["{\n", "must be JSON"],
    ['{"resourceType":"Basic"}\n', "must be a Observation"],
    ["[]\n", "must be a Observation"],
    [`{"resourceType":"Observation","x":${"[".repeat(600)}${"]".repeat(600)}}\n`, "too many values"],
  ])("with a line like %.20j is refused", async (body, message) => {
    const { fhir, world } = await exporting();
    world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, status: 200, body });
    const error = await errorOf(all(fhir.bulkExport()));
    expect(error.message).toContain(message);
    expect(error.retryable).toBe(false);
  });

  it("with a line longer than maxAnswerBytes, or compressed, is refused", async () => {
    const { another, world } = await exporting();
    world.sandbox.fail({ call: "fhir.exportFile", status: 200, body: "x".repeat(5_000) });
    expect(await errorOf(all(another({ maxAnswerBytes: 2_048 }).bulkExport()))).toMatchObject({
      code: "ANSWER_TOO_BIG",
    });
    world.sandbox.fail({
      call: "fhir.exportFile",
      status: 200,
      body: "x",
      headers: { "content-encoding": "zstd" },
    });
    expect((await errorOf(all(another().bulkExport()))).message).toContain("compressed");
  });
});

it("of a server that sends less than was asked for is read to its end", async () => {
  const lines = Array.from({ length: 9 }, (_, n) => `{"resourceType":"Patient","id":"${n}"}\n`);
  const file = Buffer.from(lines.join(""));
  const shorter = [lines.slice(0, 4).join("").length, lines.slice(0, 7).join("").length - 5];
  const server = createServer((request, response) => {
    if (request.url?.endsWith("/$export") === true)
      return void response.end(JSON.stringify({ output: [{ type: "Patient", url: "/file" }] }));
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const end = shorter.shift() ?? file.length;
    const range = `bytes ${from}-${end - 1}/${file.length}`;
    if (from > 0) response.writeHead(206, { etag: '"v1"', "content-range": range });
    else response.writeHead(200, { etag: '"v1"', "content-length": file.length });
    response.write(file.subarray(from, end), () => (from > 0 ? response.end() : request.socket.destroy()));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const analytics = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  const fhir = createFhirClient({ version: "r4", token: { get: async () => "hush" }, analytics });
  const read = await all(fhir.bulkExport());
  expect(read.map(({ id }) => id).join("")).toBe("012345678");
  await new Promise((resolve) => server.close(resolve));
});

describe("a link", () => {
  const origin = "https://files.example.net";

  it("to another host is followed without token and secret, and again when it has expired", async () => {
    const { fhir, sent, ids, world } = await exporting({
      exportLinks: { origin },
      exportLinkMs: 3_600_000,
      exportFileSize: 1,
    });
    const seen: string[] = [];
    for await (const { id = "" } of fhir.bulkExport()) {
      seen.push(id);
      if (seen.length === 2 || seen.length === 4) await world.clock.advance("2h");
    }
    expect(seen).toEqual(ids);
    const there = sent.filter(({ url }) => url.origin === origin);
    expect(there.length).toBe(ids.length + 2);
    for (const { headers } of there)
      for (const name of ["authorization", "client_id", "client_secret", "x-oneup-user-id", "cookie"])
        expect(headers.get(name)).toBeNull();
    expect(sent.filter(({ url }) => url.pathname.endsWith("/r4/$export"))).toHaveLength(3);
  });

  it("to the state of a job is stored and asked for without a token that stands in it", async () => {
    const { fhir, world, sent } = await exporting({});
    const headers = { "content-location": `${analytics}/job/7?access_token=hush&page=1` };
    world.sandbox.fail({ call: "fhir.export", status: 202, headers });
    const exported = fhir.bulkExport();
    await exported.start();
    expect(Buffer.from(exported.cursor ?? "", "base64url").toString()).toContain('/job/7?page=1"');
    await errorOf(exported.files());
    expect(sent.at(-1)?.url.href).toBe(`${analytics}/job/7?page=1`);
  });

  it("to the state of a job may have two slashes, as a joined base does, and its cursor is accepted", async () => {
    const { fhir, world, another, sent } = await exporting({});
    const { origin } = new URL(analytics);
    const headers = { "content-location": `${origin}//bulk-data/job/7` };
    world.sandbox.fail({ call: "fhir.export", status: 202, headers });
    const exported = fhir.bulkExport();
    await exported.start();
    await errorOf(another().bulkExport({ cursor: exported.cursor }).files());
    expect(sent.at(-1)?.url.href).toBe(`${origin}//bulk-data/job/7`);
  });

  it.each([
    "file:///etc/passwd",
    "ftp://files.example.net/x",
    "data:text/plain,x",
    "http://files.example.net/x",
    "https://localhost/x",
    "https://a.localhost/x",
    "https://127.0.0.1/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://10.0.0.1/x",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://[fd00::1]/x",
    "https://metadata.google.internal/x",
    "https://intranet/x",
    "https://user:pass@files.example.net/x",
    "https://",
    `https://files.example.net/${"a".repeat(16_000)}`,
  ])("like %.60s is refused, and nothing is sent there", async (url) => {
    const { fhir, sent } = await exporting({ exportLinks: { url } });
    const error = await errorOf(all(fhir.bulkExport()));
    expect([error.code, error.retryable]).toEqual(["BAD_ANSWER", false]);
    expect(error.message).toMatch(/nothing was sent there$/);
    expect(sent).toHaveLength(1);
  });

  it("that redirects is followed a few times, without the token to another host, and never to a private one", async () => {
    const circle = await exporting({ exportLinks: "circle" });
    expect((await errorOf(all(circle.fhir.bulkExport()))).message).toContain("more than 5 redirects");
    for (const [location, error] of [
      [`${origin}/signed/x`, "FORBIDDEN"],
      ["https://10.0.0.1/x", "BAD_ANSWER"],
    ]) {
      const { fhir, world, sent } = await exporting();
      world.sandbox.fail({
        call: "fhir.exportFile",
        times: 9,
        status: 307,
        headers: { location: location ?? "" },
      });
      await errorOf(all(fhir.bulkExport()));
      const there = sent.filter(({ url }) => url.host !== "analytics.1up.health");
      expect(there.every(({ headers }) => headers.get("authorization") === null)).toBe(true);
      expect(there.length > 0).toBe(error === "FORBIDDEN");
    }
  });
});

describe("a list of files", () => {
  it("whose links differ in their query alone is read from each", async () => {
    const { fhir, world, sent } = await exporting();
    const at = (id: number): string => `${analytics}/r4/download?file=${id}`;
    const output = [1, 2].map((id) => ({ type: "Patient", url: at(id) }));
    world.sandbox.fail({ call: "fhir.export", status: 200, body: { output } });
    world.sandbox.fail({ call: "unknown", times: 2, status: 200, body: '{"resourceType":"Patient"}' });
    expect(await all(fhir.bulkExport())).toHaveLength(2);
    expect(sent.slice(1).map(({ url }) => url.href)).toEqual([at(1), at(2)]);
  });

  it("that names each twice is read once", async () => {
    const { fhir, ids } = await exporting({ exportList: "twice" });
    expect((await all(fhir.bulkExport())).map(({ id }) => id)).toEqual(ids);
  });

  it.each([
    ["wrongTypes", "BAD_ANSWER"],
    ["noList", "BAD_ANSWER"],
    ["huge", "ANSWER_TOO_BIG"],
  ] as const)("that is %s is refused as a whole", async (exportList, code) => {
    const { fhir, sent } = await exporting({ exportList });
    expect(await errorOf(all(fhir.bulkExport()))).toMatchObject({ code });
    expect(sent).toHaveLength(1);
  });

  it.each(["2", -1, "many", 1.5])(
    "that counts %j resources in a file of one is not read as whole",
    async (count) => {
      const { fhir, world } = await exporting();
      const output = [{ type: "Patient", url: `${analytics}/r4/$export/Patient/x.ndjson`, count }];
      world.sandbox.fail({ call: "fhir.export", status: 200, body: { output } });
      const body = '{"resourceType":"Patient"}\n';
      world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, status: 200, body });
      expect(await errorOf(all(fhir.bulkExport()))).toMatchObject({ code: "BAD_ANSWER" });
    },
  );

  it("that goes on in another page is not read as whole", async () => {
    const { fhir, world } = await exporting();
    const output = [{ type: "Patient", url: `${analytics}/r4/$export/Patient/x.ndjson` }];
    const link = [{ relation: "next", url: `${analytics}/r4/$export/jobs/1?page=2` }];
    world.sandbox.fail({ call: "fhir.export", status: 200, body: { output, link } });
    const error = await errorOf(all(fhir.bulkExport()));
    expect(error).toMatchObject({ code: "BAD_ANSWER" });
    expect(error.message).toContain("must hold all files, and it is the first page of a list");
  });

  it("of a server that exports all types gives those that were asked for", async () => {
    const { fhir, world } = await exporting();
    const output = ["Observation", "Patient"].map((type) => ({
      type,
      url: `${analytics}/r4/$export/${type}/x.ndjson`,
    }));
    world.sandbox.fail({ call: "fhir.export", status: 200, body: { output } });
    const body = '{"resourceType":"Patient"}\n';
    world.sandbox.fail({ call: "fhir.exportFile", times: Infinity, status: 200, body });
    const exported = fhir.bulkExport({ types: ["Patient"] });
    expect(await all(exported)).toEqual([{ resourceType: "Patient" }]);
    expect(exported.progress).toMatchObject({ files: 1, filesRead: 1 });
  });

  it("that wants no token for its files gets none", async () => {
    const { fhir, world, sent } = await exporting();
    const url = `${analytics}/r4/$export/Patient/x.ndjson`;
    const body = { output: [{ type: "Patient", url }], requiresAccessToken: false };
    world.sandbox.fail({ call: "fhir.export", times: 2, status: 200, body });
    await errorOf(all(fhir.bulkExport()));
    expect(
      sent.filter((one) => one.url.href === url).map(({ headers }) => headers.has("authorization")),
    ).toContain(false);
    expect(
      sent.filter((one) => one.url.href === url).some(({ headers }) => headers.has("authorization")),
    ).toBe(false);
  });
});

it("a client on undici reads a file without end piece by piece, and ends the connection when the loop is left", async () => {
  let noteClosed = (): void => {};
  const closed = new Promise<void>((resolve) => (noteClosed = resolve));
  const server = createServer((request, response) => {
    if (request.url?.endsWith("/$export") === true)
      return void response.end(JSON.stringify({ output: [{ type: "Patient", url: "/file" }] }));
    const line = `{"resourceType":"Patient","text":"${"x".repeat(10_000)}"}\n`;
    const more = (): void => {
      while (response.write(line));
    };
    response.on("drain", more).on("close", noteClosed);
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const transport = undiciTransport();
  const fhir = createFhirClient({
    version: "r4",
    token: { get: async () => "hush" },
    transport,
    analytics: `http://127.0.0.1:${port}`,
  });
  const exported = fhir.bulkExport();
  for await (const _ of exported) if (exported.progress.resources === 10_000) break;
  await closed;
  expect(exported.progress.resources).toBe(10_000);
  await transport.close?.();
  await new Promise((resolve) => server.close(resolve));
});

it("a client on undici keeps no connection of a file that it refuses", async () => {
  let isCompressed = true;
  const server = createServer((request, response) => {
    if (request.url?.endsWith("/$export") === true)
      return void response.end(JSON.stringify({ output: [{ type: "Patient", url: "/file" }] }));
    if (isCompressed) response.setHeader("content-encoding", "gzip");
    response.end(isCompressed ? Buffer.alloc(2_000_000) : '{"resourceType":"Patient","id":"1"}\n');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const connections = 2;
  const transport = undiciTransport({ connections });
  const fhir = createFhirClient({
    version: "r4",
    token: { get: async () => "hush" },
    transport,
    analytics: `http://127.0.0.1:${port}`,
  });
  for (let refused = 0; refused <= connections; refused++)
    expect((await errorOf(all(fhir.bulkExport({ retries: 0 })))).message).toContain("it is compressed");
  isCompressed = false;
  expect((await all(fhir.bulkExport({ retries: 0 }))).map(({ id }) => id)).toEqual(["1"]);
  await transport.close?.();
  await new Promise((resolve) => server.close(resolve));
});
