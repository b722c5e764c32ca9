import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportFolder, type ExportProgress, type ExportWriter, type OpenExportFile } from "oneup-lifecycle";
import type { Fault } from "oneup-lifecycle/sandbox";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it, vi } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

const types = ["Observation", "Patient"];

/** Users with so many observations each, and one patient with a decimal. */
async function withData(users: number, observations: number): Promise<TestLifecycle> {
  const test = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  for (let number = 0; number < users; number++) {
    await test.lifecycle.onboard(`user-${number}`);
    test.sandbox.addResources(`user-${number}`, "r4", resources(observations));
  }
  return test;
}

/** U+2028 is a line's end for some readers, and not in NDJSON. */
function* resources(observations: number): Generator<string> {
  for (let number = 0; number < observations; number++)
    yield `{"resourceType":"Observation","status":"final","valueQuantity":{"value":${number}.50,"unit":"a\u2028b"}}`;
  yield `{"resourceType":"Patient","multipleBirthInteger":2}`;
}

/** The files below a folder, with their lines. */
function filesIn(path: string): Record<string, readonly string[]> {
  const found: Record<string, readonly string[]> = {};
  for (const user of readdirSync(path)) {
    if (user === "export.json") continue;
    for (const file of readdirSync(join(path, user)))
      found[`${user}/${file}`] = readFileSync(join(path, user, file), "utf8")
        .split("\n")
        .slice(0, -1);
  }
  return found;
}

/** The ids in all files. */
function idsIn(files: Record<string, readonly string[]>): readonly string[] {
  return Object.values(files).flatMap((lines) =>
    lines.map((line) => (JSON.parse(line) as { id: string }).id),
  );
}

const warning = {
  search: { mode: "outcome" },
  resource: { resourceType: "OperationOutcome", issue: [{ severity: "warning", code: "incomplete" }] },
};

function page(bundle: object): Fault {
  return { status: 200, body: { resourceType: "Bundle", ...bundle } };
}

describe("exportMany()", () => {
  it("writes one file a user and type, for the owner only, each resource once, with the digits of decimals", async () => {
    const { lifecycle, sandbox } = await withData(3, 120);
    const write = join(folder("export"), "deep", "inside");
    const summary = await lifecycle.exportMany("all", { name: "spring", write, versions: ["r4"], types });
    expect(summary).toMatchObject({
      of: 3,
      exported: 3,
      failed: 0,
      waiting: 0,
      resources: 363,
      files: 6,
      unfinished: [],
    });
    const files = filesIn(write);
    const numbers = sandbox.users().map(({ oneupUserId }) => oneupUserId);
    expect(new Set(Object.keys(files))).toEqual(
      new Set(numbers.flatMap((number) => types.map((type) => `${number}/r4.${type}.ndjson`))),
    );
    const ids = idsIn(files);
    expect(ids).toHaveLength(363);
    expect(new Set(ids).size).toBe(363);
    expect(files[`${numbers[0]}/r4.Observation.ndjson`]?.[7]).toContain('"value":7.50');
    if (process.platform === "win32") return;
    const modeOf = (...path: string[]): number => statSync(join(write, ...path)).mode & 0o777;
    expect([modeOf(), modeOf(String(numbers[0]))]).toEqual([0o700, 0o700]);
    expect(modeOf(String(numbers[0]), "r4.Patient.ndjson")).toBe(0o600);
  });

  it("leaves finished users as they are, makes no call for them, and exports those that came since", async () => {
    const { lifecycle, sandbox } = await withData(2, 1);
    const write = folder("export");
    const options = { name: "spring", write, types };
    const seen: unknown[] = [];
    const onProgress = ({ of, exported, present, failed }: ExportProgress): number =>
      seen.push([of, exported, present, failed]);
    const twice = ["user-0", "", "user-0", "", "unknown", "unknown", "user-0"];
    const counted = { of: 3, exported: 1, present: 0, failed: 2 };
    expect(
      await lifecycle.exportMany(twice, { ...options, concurrency: 1, everyMs: 10, onProgress }),
    ).toMatchObject(counted);
    expect(seen).toContainEqual([3, 1, 0, 2]);
    expect(await lifecycle.offboardMany(twice, { name: "leave" })).toMatchObject({ count: 1, unusable: 2 });
    const calls = sandbox.journal.count("fhir.search");
    expect(await lifecycle.exportMany(["user-0"], options)).toMatchObject({ exported: 0, present: 1 });
    expect(sandbox.journal.count("fhir.search")).toBe(calls);
    expect(await lifecycle.exportMany("all", options)).toMatchObject({
      exported: 1,
      present: 1,
      resources: 2,
    });
  });

  it("names the users that it cannot export, and ends though one failed before it was created", async () => {
    const { lifecycle, arrange } = await withData(2, 1);
    await lifecycle.offboard("user-1");
    await arrange("cyd", "failed");
    const summary = await lifecycle.exportMany("all", { name: "spring", write: folder("export"), types });
    expect(summary).toMatchObject({ exported: 1, failed: 2 });
    expect(summary.unfinished.map(({ appUserId, code }) => [appUserId, code])).toEqual(
      expect.arrayContaining([["user-1", "USER_OFFBOARDED"]]),
    );
  });

  it("misses nothing of users whose data were erased before it began, and names those that left otherwise", async () => {
    const { lifecycle, clock } = await withData(5, 1);
    const exporting = (name: string) =>
      lifecycle.exportMany("all", { name, write: folder("export"), types, versions: ["r4", "stu3"] });
    await lifecycle.offboard("user-0", { purge: ["r4", "stu3"] });
    await lifecycle.offboard("user-1", { purge: ["r4"] });
    await lifecycle.offboard("user-2");
    await clock.advance("1h");
    await lifecycle.offboard("user-3", { purge: ["r4", "stu3"] });
    const night = await exporting("night");
    expect(night).toMatchObject({ exported: 1, present: 1, failed: 3 });
    const left = night.unfinished.map(({ appUserId }) => appUserId).sort();
    expect(left).toEqual(["user-1", "user-2", "user-3"]);
    await lifecycle.forget("user-1");
    await lifecycle.forget("user-2");
    await clock.advance("1h");
    expect(await exporting("next")).toMatchObject({ exported: 1, present: 2, failed: 0, unfinished: [] });
  });

  it("names a user that was purged meanwhile, also once it goes on a day later", async () => {
    const { lifecycle, clock } = await withData(2, 1);
    const options = { name: "spring", write: folder("export"), types, versions: ["r4"] } as const;
    await lifecycle.exportMany(["user-0"], options);
    await lifecycle.offboard("user-1", { purge: ["r4"] });
    await clock.advance("1d");
    const summary = await lifecycle.exportMany("all", options);
    expect(summary).toMatchObject({ present: 1, failed: 1, unfinished: [{ appUserId: "user-1" }] });
  });

  it.each([undefined, null, 7, {}])("refuses a writer that names its place %s", async (place) => {
    const { lifecycle } = await withData(1, 1);
    const write = { ...exportFolder(folder("export")), begin: async () => place as string };
    await expect(lifecycle.exportMany("all", { name: "spring", write, types })).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/what begin\(\) of write resolves with must be a text that names/),
    });
  });

  it("goes on where it stopped when the disk was full, and leaves nothing else behind", async () => {
    const { lifecycle, sandbox } = await withData(1, 350);
    const write = folder("export");
    const options = { name: "spring", versions: ["r4"], types } as const;
    const full = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    let appends = 0;
    const writer = altered(exportFolder(write), (file) => ({
      ...file,
      append(lines, cursor) {
        if (++appends === 3) throw full;
        return file.append(lines, cursor);
      },
    }));
    await expect(lifecycle.exportMany("all", { ...options, write: writer })).rejects.toBe(full);
    const before = sandbox.journal.count("fhir.search");
    expect(await lifecycle.exportMany("all", { ...options, write })).toMatchObject({ exported: 1 });
    expect(sandbox.journal.count("fhir.search") - before).toBe(3); // the third page, the last one, and the patient
    const files = filesIn(write);
    expect(Object.keys(files)).toHaveLength(2);
    expect(new Set(idsIn(files)).size).toBe(351);
    expect(idsIn(files)).toHaveLength(351);
  });

  it("does not take for exported what 1upHealth shows in part, unless that is allowed", async () => {
    const { lifecycle, sandbox } = await withData(1, 3);
    const options = { name: "spring", write: folder("export"), versions: ["r4"], types } as const;
    const leave = { name: "leave", onlyAfterExport: "spring", allowPartialExport: true };

    sandbox.fail({ call: "fhir.search", response: "incompletePage", times: 10_000 });
    expect(await lifecycle.exportMany("all", options)).toMatchObject({
      exported: 0,
      unfinished: [
        { appUserId: "user-0", code: "BAD_ANSWER", why: expect.stringContaining("reports an error") },
      ],
    });
    sandbox.clearFaults();

    const resource = { resourceType: "Observation", id: "one" };
    const body = { resourceType: "Bundle", type: "searchset", total: 5, entry: [{ resource }] };
    sandbox.fail({ call: "fhir.search", status: 200, body, times: 10_000 });
    expect(await lifecycle.exportMany("all", options)).toMatchObject({
      exported: 0,
      unfinished: [{ why: expect.stringContaining("counts 5 resources for a file and shows 1") }],
    });
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ unexported: 1 });
    expect(idsIn(filesIn(options.write))).toEqual([]);

    sandbox.clearFaults();
    sandbox.fail({ call: "fhir.search", status: 200, body, times: 2 });
    const allowed = await lifecycle.exportMany("all", { ...options, allowShort: true });
    expect(allowed).toMatchObject({ exported: 1, short: 1, resources: 2, unfinished: [] });
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ unexported: 0 });
  });

  it.each<[string, Fault]>([
    ["a warning that the search timed out", { response: "unfinishedPage" }],
    ["the type of another Bundle", page({ type: "collection", entry: [] })],
    ["a warning that it is incomplete", page({ type: "searchset", entry: [warning] })],
  ])("takes no page for a proof that has %s, and no purge erases what it lacks", async (_, fault) => {
    const { lifecycle, sandbox } = await withData(1, 5);
    const options = { name: "spring", write: folder("export"), versions: ["r4"], types } as const;
    const leave = { name: "leave", onlyAfterExport: "spring", allowPartialExport: true };
    sandbox.fail({ call: "fhir.search", ...fault, times: 10_000 });
    for (const allowShort of [false, true])
      expect(await lifecycle.exportMany("all", { ...options, allowShort })).toMatchObject({
        exported: 0,
        waiting: 1,
        unfinished: [{ code: "BAD_ANSWER", why: expect.stringMatching(/must be (complete|answered with)/) }],
      });
    expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ unexported: 1 });
    sandbox.clearFaults();
    sandbox.fail({ call: "fhir.search", ...fault });
    expect(await lifecycle.exportMany("all", options)).toMatchObject({ exported: 1, resources: 6 });
  });

  it("writes matches that are marked as included, and no included resource of another type", async () => {
    const { lifecycle, sandbox } = await withData(1, 0);
    const search = { mode: "include" };
    const entry = ["Patient", "Observation"].map((resourceType) => ({
      search,
      resource: { resourceType, id: "1" },
    }));
    sandbox.fail({ call: "fhir.search", ...page({ type: "searchset", entry }) });
    const options = {
      name: "spring",
      write: folder("export"),
      versions: ["r4"],
      types: ["Patient"],
    } as const;
    expect(await lifecycle.exportMany("all", options)).toMatchObject({ exported: 1, resources: 1 });
    expect(Object.values(filesIn(options.write))).toEqual([['{"resourceType":"Patient","id":"1"}']]);
  });

  it("tells what to do where Node's permission model allows no sync, and leaves nothing behind", async () => {
    const path = folder("export");
    const handle = await open(fileURLToPath(import.meta.url));
    const denied = Object.assign(new Error("fdatasync API is disabled"), { code: "ERR_ACCESS_DENIED" });
    vi.spyOn(Object.getPrototypeOf(handle) as typeof handle, "datasync").mockRejectedValueOnce(denied);
    afterwards(() => void vi.restoreAllMocks());
    await handle.close();
    await expect(exportFolder(path).begin("spring")).rejects.toMatchObject({
      code: "INVALID_OPTION",
      message: expect.stringMatching(/permission model.* export in a process without it$/),
    });
    expect(readdirSync(path)).toEqual([]);
  });

  it("leaves nothing behind of a process that was killed while it wrote its cursor", async () => {
    const { lifecycle, sandbox } = await withData(1, 3);
    const write = folder("export");
    await exportFolder(write).begin("spring");
    const user = join(write, String(sandbox.users()[0]?.oneupUserId));
    mkdirSync(user);
    for (const name of ["part", "cursor", "cursor.new"])
      writeFileSync(join(user, `r4.Observation.ndjson.0123456789abcdef.${name}`), "{");
    await lifecycle.exportMany("all", { name: "spring", write, versions: ["r4"], types });
    expect(readdirSync(user).sort()).toEqual(["r4.Observation.ndjson", "r4.Patient.ndjson"]);
  });

  it("holds no resource twice though a page brings it again, and none is missing after a deletion", async () => {
    const { lifecycle, sandbox } = await withData(1, 250);
    const write = folder("export");
    let page = 0;
    const ids: string[] = [];
    const writer = altered(exportFolder(write), (file) => ({
      ...file,
      async append(lines, cursor) {
        await file.append(lines, cursor);
        for (const line of lines.split("\n").slice(0, -1)) ids.push((JSON.parse(line) as { id: string }).id);
        if (++page === 1) await lifecycle.fhir("user-0", "r4").delete("Observation", ids[0] ?? "");
      },
    }));
    await lifecycle.exportMany("all", { name: "spring", write: writer, versions: ["r4"], types });
    const files = filesIn(write);
    const found = idsIn(files);
    expect(new Set(found).size).toBe(found.length);
    const walk = lifecycle.fhir("user-0", "r4").searchAll("Observation");
    for await (const { id } of walk) expect(found).toContain(id);
    expect(sandbox.journal.count("fhir.search")).toBeGreaterThan(3);
  });

  it("ends when another process begins it, without a word in the files of that one", async () => {
    const { lifecycle } = await withData(2, 350);
    const write = folder("export");
    const options = { name: "spring", versions: ["r4"], types } as const;
    let second: Promise<unknown> | undefined;
    const writer = altered(exportFolder(write), (file) => ({
      ...file,
      async append(lines, cursor) {
        await file.append(lines, cursor);
        second ??= lifecycle.exportMany("all", { ...options, write });
        await second;
      },
    }));
    await expect(
      lifecycle.exportMany("all", { ...options, write: writer, concurrency: 1 }),
    ).rejects.toMatchObject({
      code: "TAKEN_OVER",
    });
    expect(await second).toMatchObject({ exported: 2 });
    const ids = idsIn(filesIn(write));
    expect([ids.length, new Set(ids).size]).toEqual([702, 702]);
  });

  it("does not mark a user that is offboarded meanwhile", async () => {
    const { lifecycle } = await withData(1, 10);
    const writer = altered(exportFolder(folder("export")), (file) => ({
      ...file,
      async finish() {
        await file.finish();
        await lifecycle.offboard("user-0");
      },
    }));
    const options = { name: "spring", versions: ["r4"], types: ["Patient"] } as const;
    const summary = await lifecycle.exportMany("all", { ...options, write: writer });
    expect(summary).toMatchObject({ exported: 0, failed: 1 });
  });

  it("does not mark a user that starts over meanwhile, and exports what it has then", async () => {
    const { lifecycle, sandbox } = await withData(1, 0);
    const write = folder("export");
    let isFirst = true;
    const writer = altered(exportFolder(write), (file) => ({
      ...file,
      async finish() {
        await file.finish();
        if (!isFirst) return;
        isFirst = false;
        await lifecycle.offboard("user-0", { purge: true });
        await lifecycle.onboard("user-0");
        sandbox.addResources("user-0", "r4", [{ resourceType: "Patient", gender: "female" }]);
      },
    }));
    const options = { name: "spring", versions: ["r4"], types: ["Patient"] } as const;
    expect(await lifecycle.exportMany("all", { ...options, write: writer })).toMatchObject({ exported: 1 });
    const files = filesIn(write);
    expect(Object.values(files).map((lines) => lines.length)).toEqual([1, 1]);
    expect(JSON.stringify(files)).toContain("female");
  });

  it("leaves a user exported that is renamed", async () => {
    const { lifecycle } = await withData(1, 0);
    const options = { name: "spring", write: folder("export"), types };
    await lifecycle.exportMany("all", options);
    await lifecycle.rename("user-0", "eve");
    expect(await lifecycle.exportMany("all", options)).toMatchObject({ exported: 0, present: 1 });
  });

  it("puts users off whose token is not there yet, and exports them once it is", async () => {
    const { lifecycle, sandbox, clock } = await withData(2, 1);
    await clock.advance(3 * 3_600_000);
    sandbox.fail({ call: "refreshToken", appUserId: "user-0", status: 503, times: 3 });
    const seen: number[] = [];
    const onProgress = ({ waiting }: { readonly waiting: number }): void => void seen.push(waiting);
    const summary = await lifecycle.exportMany("all", {
      name: "spring",
      write: folder("export"),
      types,
      onProgress,
    });
    expect(summary).toMatchObject({ exported: 2, waiting: 0 });
  });

  it.each([
    { types: ["../Patient"] },
    { types: ["Patient/.."] },
    { types: [] },
    { versions: ["r5"] },
    { name: "a/b" },
    { write: "" },
    { concurrency: 0 },
  ])("refuses %o", async (wrong) => {
    const { lifecycle } = await createTestLifecycle();
    const options = { name: "spring", write: "nowhere", ...wrong } as Parameters<
      typeof lifecycle.exportMany
    >[1];
    await expect(lifecycle.exportMany("all", options)).rejects.toMatchObject({ code: "INVALID_OPTION" });
  });

  it("refuses a folder with something else in it, that of another export, and another folder", async () => {
    const { lifecycle } = await withData(1, 1);
    const [used, spring, other] = [folder("export"), folder("export"), folder("export")];
    writeFileSync(join(used, "letter.txt"), "");
    const refused = { code: "INVALID_OPTION" };
    const exporting = (name: string, write: string): Promise<unknown> =>
      lifecycle.exportMany("all", { name, write, types });
    await expect(exporting("spring", used)).rejects.toMatchObject(refused);
    await exporting("spring", spring);
    await expect(exporting("summer", spring)).rejects.toMatchObject(refused);
    await expect(exporting("spring", other)).rejects.toMatchObject(refused);
    expect(await exporting("autumn", other), "as the refusal tells to do").toMatchObject({ exported: 1 });
    if (process.platform === "win32") return;
    chmodSync(spring, 0o755);
    await expect(exporting("spring", spring)).rejects.toMatchObject(refused);
  });

  it("refuses to write a file that would lie elsewhere", async () => {
    const path = folder("export");
    mkdirSync(join(path, "inside"));
    const writer = exportFolder(join(path, "inside"));
    await writer.begin("spring");
    for (const file of [
      { oneupUserId: 1, version: "r4", type: "../../Patient", restarted: null },
      { oneupUserId: "../1", version: "r4", type: "Patient", restarted: null },
      { oneupUserId: 1, version: "../r4", type: "Patient", restarted: null },
      { oneupUserId: 1, version: "r4", type: "Patient", restarted: "/.." },
      { oneupUserId: 1, version: "r4", type: "Patient" },
    ])
      await expect(writer.open(file as never)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(readdirSync(path)).toEqual(["inside"]);
  });
});

/** The same writer with other files. */
function altered(writer: ExportWriter, alter: (file: OpenExportFile) => OpenExportFile): ExportWriter {
  return { ...writer, open: async (file) => alter(await writer.open(file)) };
}
