import { stringifyFhirJson, type BulkExportOptions } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { all, errorOf, withAda } from "./ada.ts";
import { exporting } from "./exporting.ts";

type Options = BulkExportOptions<"Patient" | "Observation">;

describe("bulkExport()", () => {
  it("reads all files one resource after the other, with their digits", async () => {
    const { fhir, ids, sent } = await exporting();
    const exported = fhir.bulkExport();
    expect(exported.progress).toMatchObject({ phase: "new", files: undefined, resources: 0 });
    const resources = await all(exported);
    expect(resources.map(({ id }) => id)).toEqual(ids);
    expect(resources.slice(0, 3).map(stringifyFhirJson).join()).toMatch(/:0\.50.*:1\.50.*:2\.50/);
    expect(JSON.stringify(resources)).toContain("Ünal 4 😀");
    expect(exported.cursor).toBeUndefined();
    const bytes = resources.map((one) => Buffer.byteLength(stringifyFhirJson(one) ?? "") + 1);
    expect(exported.progress).toEqual({
      phase: "done",
      server: undefined,
      files: 5,
      filesRead: 5,
      resources: 8,
      bytes: bytes.reduce((sum, one) => sum + one),
    });
    expect(sent.map(({ url }) => url.origin)).toEqual(sent.map(() => "https://analytics.1up.health"));
    expect(sent.every(({ headers }) => headers.get("authorization")?.startsWith("Bearer ") === true)).toBe(
      true,
    );
    expect(await all(exported)).toEqual([]);
  });

  it("asks for types, a time, patients, and a group with the client's credentials", async () => {
    const { fhir, world, sent, another } = await exporting();
    const since = new Date(world.clock.now() + 1).toISOString();
    expect(await all(fhir.bulkExport({ types: ["Patient", "Observation"], since }))).toEqual([]);
    expect(sent[0]?.url.search).toBe(`?_type=Patient%2CObservation&_since=${encodeURIComponent(since)}`);
    expect(await all(fhir.bulkExport({ of: "patients", types: ["Patient"] }))).toHaveLength(5);
    const [{ id: patient = "" } = {}] = (await fhir.search("Patient")).resources;
    const [group = ""] = world.sandbox.addResources("ada", "r4", [
      `{"resourceType":"Group","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/${patient}"}}]}`,
    ]);
    const of = { group };
    expect(await errorOf(all(fhir.bulkExport({ of })))).toMatchObject({ code: "FORBIDDEN" });
    const { clientId, clientSecret } = world.sandbox.credentials;
    const client = another({
      token: undefined,
      client: { get: async () => ({ clientId, clientSecret, oneupUserId: "client" }) },
    });
    expect((await all(client.bulkExport({ of, types: ["Patient"] }))).map(({ id }) => id)).toEqual([patient]);
    const unknown = await errorOf(all(client.bulkExport({ of: { group: "none" } })));
    expect(unknown).toMatchObject({ code: "FHIR_REFUSED", status: 404 });
  });

  it("waits after a kick-off that is refused with 429, and repeats none that may have started an export", async () => {
    const { fhir, world, sent } = await exporting();
    world.sandbox.fail({ call: "fhir.export", status: 429, headers: { "retry-after": "7" } });
    const begun = world.clock.now();
    expect(await all(fhir.bulkExport({ types: ["Patient"] }))).toHaveLength(5);
    expect(world.clock.now() - begun).toBeGreaterThanOrEqual(7_000);
    world.sandbox.fail({ call: "fhir.export", status: 429 });
    expect(await errorOf(fhir.bulkExport({ retries: 0 }).start())).toMatchObject({ code: "RATE_LIMITED" });
    const before = sent.length;
    world.sandbox.fail({ call: "fhir.export", status: 503 });
    expect(await errorOf(fhir.bulkExport().start())).toMatchObject({ code: "UNAVAILABLE", status: 503 });
    expect(sent.length).toBe(before + 1);
  });

  it("lists the files, and reads what the server could not export", async () => {
    const { fhir } = await exporting({ exportOutcomes: true });
    const exported = fhir.bulkExport();
    const files = await exported.files();
    expect(files.map(({ list, type, count }) => [list, type, count])).toEqual([
      ["output", "Observation", 2],
      ["output", "Observation", 1],
      ["error", "OperationOutcome", undefined],
      ["output", "Patient", 2],
      ["output", "Patient", 2],
      ["output", "Patient", 1],
    ]);
    expect((await all(exported.outcomes())).map((one) => one.resourceType)).toEqual(["OperationOutcome"]);
    expect(await all(exported)).toHaveLength(8);
  });

  it.each([
    [{ types: [] }, "types must be a list of resource types"],
    [{ types: ["../x"] }, "resourceType must match"],
    [{ since: "yesterday" }, "since must be a FHIR instant"],
    [{ of: "group" }, "of must be"],
    [{ of: { group: ".." } }, "an id must match"],
    [{ retries: -1 }, "retries must be"],
    [{ waitMs: -1 }, "waitMs must be"],
    [{ cursor: "x" }, "a cursor must be one that an export gave"],
    [{ every: 1 }, "an option must be one of"],
  ])("refuses %j, and sends nothing", async (options, message) => {
    const { fhir, sent } = await exporting();
    expect(() => fhir.bulkExport(options as Options)).toThrow(message); // what a program without types may pass
    expect(sent).toEqual([]);
  });

  it.each([
    "http://analytics.1up.health/x",
    "https://a:b@c.example/x",
    "file:///x",
    "x",
    "https://a.example/?x",
  ])("takes no analytics host like %s, and none is the default", async (base) => {
    const { another, world } = await exporting();
    expect(() => another({ analytics: base })).toThrow("analytics must be an https URL");
    expect(() => world.lifecycle.fhir("ada", "r4", { analytics: base })).toThrow("analytics must be");
    expect(() => another({ analytics: undefined }).bulkExport()).toThrow("analytics must be the address");
  });

  it("is there for a lifecycle's user, on a real connection", async () => {
    const { lifecycle, sandbox, server } = await withAda("r4", { exportFileSize: 2 });
    sandbox.addResources(
      "ada@example.org",
      "r4",
      Array.from({ length: 5 }, () => ({ resourceType: "Patient" })),
    );
    const fhir = lifecycle.fhir("ada@example.org", "r4", { analytics: `${server.url}/bulk-data` });
    expect(await all(fhir.bulkExport())).toHaveLength(5);
  });
});

it("an export ends with its lifecycle, also one with an open file", async () => {
  const { lifecycle, sandbox, server } = await withAda("r4");
  const note = "x".repeat(10_000);
  const many = Array.from({ length: 900 }, () => ({ resourceType: "Basic", code: { text: note } }));
  sandbox.addResources("ada@example.org", "r4", many);
  const fhir = lifecycle.fhir("ada@example.org", "r4", { analytics: `${server.url}/bulk-data` });
  const reading = fhir.bulkExport()[Symbol.asyncIterator]();
  expect((await reading.next()).value).toMatchObject({ resourceType: "Basic" });
  await lifecycle.close();
  const rest = (async () => {
    while ((await reading.next()).done !== true);
  })();
  expect(await errorOf(rest)).toMatchObject({ code: "CLOSED" });
});

describe("a job", () => {
  const job = { exportKickOff: "job", exportMs: 100_000, retryAfter: "seconds" } as const;

  it.each(["seconds", "date"] as const)(
    "is asked for its state when it wants to be (%s)",
    async (retryAfter) => {
      const { fhir, world, ids } = await exporting({ ...job, retryAfter });
      const exported = fhir.bulkExport();
      const start = world.clock.now();
      await exported.start();
      expect(exported.progress.phase).toBe("preparing");
      expect((await all(exported)).map(({ id }) => id)).toEqual(ids);
      expect(exported.progress.server).toMatch(/^\d+%$/);
      expect(world.clock.now() - start).toBeGreaterThanOrEqual(100_000);
      expect(world.clock.now() - start).toBeLessThan(105_000);
      expect(world.sandbox.journal.count("fhir.exportState")).toBe(5);
      expect(world.sandbox.journal.count("fhir.export")).toBe(1);
    },
  );

  it("is not asked more often than every second, and ever less often, if it names no time", async () => {
    const { fhir, world } = await exporting({ ...job, retryAfter: false, exportMs: 3_600_000 });
    await all(fhir.bulkExport());
    expect(world.sandbox.journal.count("fhir.exportState")).toBeLessThan(100);
  });

  it("is waited for in another process, from the cursor", async () => {
    const { fhir, another, ids, world } = await exporting(job);
    const first = fhir.bulkExport();
    await first.start();
    const { cursor = "" } = first;
    expect(Buffer.from(cursor, "base64url").toString()).not.toMatch(/Bearer|token/);
    expect((await all(another().bulkExport({ cursor }))).map(({ id }) => id)).toEqual(ids);
    expect(world.sandbox.journal.count("fhir.export")).toBe(1);
  });

  it("that never ends is given up after waitMs, and can be waited for again", async () => {
    const { fhir, world } = await exporting({ ...job, exportMs: Infinity });
    const exported = fhir.bulkExport({ waitMs: 60_000 });
    const error = await errorOf(all(exported));
    expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
    expect(error.message).toContain(
      "would not be ready within 60000 ms, because the next look at them would be later; continue",
    );
    world.sandbox.behave({ exportMs: 0 });
    expect(await all(fhir.bulkExport({ cursor: exported.cursor }))).toHaveLength(8);
  });

  it.each([404, 410])("that is gone (%i) is an error that tells so", async (status) => {
    const { fhir, world } = await exporting(job);
    world.sandbox.fail({ call: "fhir.exportState", skip: 1, status });
    const error = await errorOf(all(fhir.bulkExport()));
    expect(error).toMatchObject({ code: "FHIR_REFUSED", status, retryable: false });
    expect(error.message).toContain("does not have it any more");
  });

  it("is started once, however many ask for it", async () => {
    const { fhir, world } = await exporting(job);
    const exported = fhir.bulkExport();
    await Promise.all([exported.start(), exported.files(), all(exported)]);
    expect(world.sandbox.journal.count("fhir.export")).toBe(1);
  });

  it("can be cancelled, more than once", async () => {
    const { fhir, world } = await exporting({ ...job, exportMs: Infinity });
    const exported = fhir.bulkExport();
    await exported.cancel(); // nothing to cancel yet
    await exported.start();
    await exported.cancel();
    await exported.cancel();
    expect(world.sandbox.journal.count("fhir.exportEnd")).toBe(2);
    for (const later of [() => all(exported), () => exported.files(), () => exported.start()])
      expect(await errorOf(later())).toMatchObject({
        code: "INVALID_OPTION",
        message: "Cannot go on with the export: it was cancelled; start another one",
      });
    const another = fhir.bulkExport({ cursor: exported.cursor });
    expect(await errorOf(another.files())).toMatchObject({ code: "FHIR_REFUSED", status: 404 });
  });

  it("that is cancelled meanwhile waits no longer, asks no more, and hands out nothing more", async () => {
    const { fhir, world } = await exporting({ ...job, exportMs: Infinity });
    const exported = fhir.bulkExport();
    const waiting = [errorOf(exported.files()), errorOf(all(exported)), errorOf(all(exported.outcomes()))];
    await expect.poll(() => world.sandbox.journal.count("fhir.exportState")).toBeGreaterThan(1);
    await exported.cancel();
    for (const error of await Promise.all(waiting)) expect(error.message).toContain("it was cancelled");
    const asked = world.sandbox.journal.count("fhir.exportState");
    await world.clock.advance("1h");
    expect(world.sandbox.journal.count("fhir.exportState")).toBe(asked);

    const early = fhir.bulkExport();
    const starting = early.start();
    await early.cancel(); // once the kick-off has an answer
    await starting;
    // A token may end while the first job waits, so that its end is asked for twice.
    const ended = world.sandbox.journal
      .entries()
      .filter(({ call, status }) => call === "fhir.exportEnd" && Number(status) < 300);
    expect(ended).toHaveLength(2);
    expect((await errorOf(early.files())).message).toContain("it was cancelled");

    world.sandbox.behave({ exportMs: 0 });
    const read = fhir.bulkExport({ types: ["Patient"] });
    const found: unknown[] = [];
    const error = await errorOf(
      (async () => {
        for await (const one of read) if (found.push(one) === 1) await read.cancel();
      })(),
    );
    expect(error.message).toContain("it was cancelled");
    expect(found).toHaveLength(1);
  });

  it("survives failures that pass, and tokens that expire", async () => {
    const { fhir, world, ids } = await exporting(job);
    world.sandbox.fail({ call: "fhir.exportState", status: 503, retryAfterMs: 5_000 });
    world.sandbox.fail({ call: "fhir.exportState", skip: 1, drop: "body" });
    const exported = fhir.bulkExport();
    await exported.start();
    world.sandbox.revokeGrant("ada");
    expect((await all(exported)).map(({ id }) => id)).toEqual(ids);
  });

  it("is not gone where a gateway answers 404, and is ended all the same", async () => {
    const { fhir, world, ids } = await exporting(job);
    const page = { status: 404, body: "<html>404 Not Found</html>" } as const;
    world.sandbox.fail({ call: "fhir.exportState", ...page });
    const exported = fhir.bulkExport();
    expect((await all(exported)).map(({ id }) => id)).toEqual(ids);
    world.sandbox.fail({ call: "fhir.exportEnd", ...page });
    await exported.cancel();
    const ends = world.sandbox.journal.entries().filter(({ call }) => call === "fhir.exportEnd");
    expect(ends.map(({ status }) => status)).toEqual([404, 202]);
  });

  it("is not started twice when the answer is lost", async () => {
    const { fhir, world } = await exporting(job);
    world.sandbox.fail({ call: "fhir.export", drop: "after" });
    expect(await errorOf(fhir.bulkExport().start())).toMatchObject({ code: "UNAVAILABLE" });
    expect(world.sandbox.journal.count("fhir.export")).toBe(1);
  });

  it.each([
    ["https://evil.example/jobs/1", "must lead to the analytics host"],
    ["https://u:p@analytics.1up.health/jobs/1", "must carry no credentials"],
    ["http://analytics.1up.health/jobs/1", "must lead to the analytics host"],
    ["", "must name its state"],
    [" ", "must not be empty or that of the kick-off"],
    ["/bulk-data/r4/$export", "must not be empty or that of the kick-off"],
  ])("whose state is at %j is refused, and nothing is sent there", async (location, message) => {
    const { fhir, world, sent } = await exporting(job);
    const headers: Record<string, string> = location === "" ? {} : { "content-location": location };
    world.sandbox.fail({ call: "fhir.export", status: 202, headers });
    const error = await errorOf(fhir.bulkExport().start());
    expect([error.code, error.message]).toEqual(["BAD_ANSWER", expect.stringContaining(message)]);
    expect(sent).toHaveLength(1);
  });
});
