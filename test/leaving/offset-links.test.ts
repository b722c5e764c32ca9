import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createLifecycle, exportFolder, fetchTransport, type ExportWriter } from "oneup-lifecycle";
import { memory } from "oneup-lifecycle/adapters/memory";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

const how = { name: "leaving", versions: ["r4"], types: ["Observation"] } as const;

type Bundle = { total?: number };

/** A user with 350 observations at a server whose links name offsets, or what `link` makes of them. */
async function world(change: (page: Bundle, skip: number) => void = () => {}, link = "_skip") {
  const sandbox = createSandbox();
  let calls = 0;
  const transport = fetchTransport(async (url, init) => {
    const answer = await sandbox.fetch(url, init);
    const { pathname, searchParams } = new URL(new Request(url).url);
    if (!pathname.endsWith("/r4/Observation") || answer.status !== 200) return answer;
    calls++;
    const skip = Number(searchParams.get("_skip") ?? 0);
    const text = await answer.text();
    const to = skip + Number(searchParams.get("_count") ?? 10);
    const page = JSON.parse(link === "_skip" ? text.replace(/_after=\d+/g, `_skip=${to}`) : text) as Bundle;
    change(page, skip);
    return Response.json(page, { headers: { "content-type": "application/fhir+json" } });
  });
  const lifecycle = await createLifecycle({ credentials: sandbox.credentials, store: memory(), transport });
  afterwards(() => lifecycle.close());
  await lifecycle.onboard("ada");
  const observation = { resourceType: "Observation", status: "final", code: { text: "x" } };
  sandbox.addResources(
    "ada",
    "r4",
    Array.from({ length: 350 }, () => observation),
  );
  const fhir = lifecycle.fhir("ada", "r4");
  const path = join(folder("export"), "e");

  /** Calls `then` with the ids of each page that is written. */
  function writer(then: (ids: readonly string[], page: number) => Promise<void>): ExportWriter {
    const inner = exportFolder(path);
    let pages = 0;
    return {
      ...inner,
      async open(named) {
        const file = await inner.open(named);
        const append = file.append.bind(file);
        return Object.assign(file, {
          async append(lines: string, cursor: string | null) {
            await append(lines, cursor);
            await then(idsIn(lines), ++pages);
          },
        });
      },
    };
  }

  /** How many live resources are in no file. */
  async function lost(): Promise<number> {
    const [user = ""] = readdirSync(path).filter((name) => name !== "export.json");
    const written = new Set(idsIn(readFileSync(join(path, user, "r4.Observation.ndjson"), "utf8")));
    let missing = 0;
    for await (const { id = "" } of fhir.searchAll("Observation")) if (!written.has(id)) missing++;
    return missing;
  }

  const remove = async (ids: readonly string[]): Promise<void> => {
    for (const id of ids) await fhir.delete("Observation", id);
  };
  return { lifecycle, path, writer, remove, lost, calls: () => calls };
}

function idsIn(lines: string): readonly string[] {
  const all = lines.split("\n").filter((line) => line !== "");
  return all.map((line) => (JSON.parse(line) as { id: string }).id);
}

it("a file is read again if resources are deleted while it is read over offsets", async () => {
  const { lifecycle, writer, remove, lost, calls } = await world();
  const write = writer(async (ids, page) => (page === 1 ? remove(ids.slice(0, 5)) : undefined));
  const summary = await lifecycle.exportMany("all", { ...how, write });
  expect(summary).toMatchObject({ exported: 1, short: 0, unfinished: [] });
  expect(calls()).toBeLessThanOrEqual(8); // twice at most
  expect(await lost()).toBe(0);
});

it("a file is not read again if the links name the last resource", async () => {
  const { lifecycle, writer, remove, lost, calls } = await world(undefined, "_after");
  const write = writer(async (ids, page) => (page === 1 ? remove(ids.slice(0, 5)) : undefined));
  await lifecycle.exportMany("all", { ...how, write });
  expect(calls()).toBe(4);
  expect(await lost()).toBe(0);
});

it("a file is read again if resources were deleted while no process read it", async () => {
  const { lifecycle, path, writer, remove, lost } = await world();
  let first: readonly string[] = [];
  const dies = writer(async (ids, page) => {
    if (page === 1) first = ids;
    else throw new Error("the process ends");
  });
  await expect(lifecycle.exportMany("all", { ...how, write: dies })).rejects.toThrow("the process ends");
  await remove(first.slice(0, 5));
  await lifecycle.exportMany("all", { ...how, write: path });
  expect(await lost()).toBe(0);
});

it("a total that only the first page names is remembered by the process that goes on", async () => {
  const { lifecycle, path, writer } = await world((page, skip) => {
    if (skip > 0) delete page.total;
    if (skip === 200) Object.assign(page, { entry: [] });
  });
  const dies = writer(async (_, page) => {
    if (page === 2) throw new Error("the process ends");
  });
  await expect(lifecycle.exportMany("all", { ...how, write: dies })).rejects.toThrow("the process ends");
  expect(await lifecycle.exportMany("all", { ...how, write: path, allowShort: true })).toMatchObject({
    exported: 1,
    short: 1,
  });
});

it("a file whose total changes in a second reading too is finished with allowShort only, as a short one", async () => {
  let total = 300;
  const { lifecycle, path } = await world((page) => (page.total = --total));
  const summary = await lifecycle.exportMany("all", { ...how, write: path, allowShort: true });
  expect(summary).toMatchObject({ exported: 1, short: 1, resources: 350, unfinished: [] });
});
