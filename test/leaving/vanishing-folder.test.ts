import { readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { exportFolder, type ExportFile, type ExportWriter, type OpenExportFile } from "oneup-lifecycle";
import { createTestLifecycle, type TestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

const users = 4;
const patients = 3;

async function withUsers(): Promise<TestLifecycle> {
  const test = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
  afterwards(() => test.lifecycle.close());
  for (let number = 0; number < users; number++) {
    await test.lifecycle.onboard(`user-${number}`);
    const some = Array.from({ length: patients }, () => ({ resourceType: "Patient" }));
    test.sandbox.addResources(`user-${number}`, "r4", some);
  }
  return test;
}

/** The folder, and `meet` before each of these. */
function meeting(path: string, meet: (what: "open" | "append" | "finish") => void): ExportWriter {
  const writer = exportFolder(path);
  return {
    begin: (name) => writer.begin(name),
    async open(file: ExportFile): Promise<OpenExportFile> {
      meet("open");
      const opened = await writer.open(file);
      return {
        isWhole: opened.isWhole,
        cursor: opened.cursor,
        lines: () => opened.lines(),
        append: async (lines, cursor) => (meet("append"), opened.append(lines, cursor)),
        restart: () => opened.restart(),
        finish: async () => (meet("finish"), opened.finish()),
        close: () => opened.close(),
      };
    },
  };
}

function countLines(path: string): number {
  return readdirSync(path, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ndjson"))
    .reduce((sum, name) => sum + readFileSync(join(path, name), "utf8").split("\n").length - 1, 0);
}

const exporting = { name: "spring", versions: ["r4"], types: ["Patient"], concurrency: 1 } as const;

describe("exportMany() into a folder that fails on the way", () => {
  it.each(["open", "append", "finish"] as const)(
    "ends with the cause if the folder vanishes before %s, and goes on once it is back",
    async (moment) => {
      const { lifecycle } = await withUsers();
      const path = join(folder("export"), "export");
      const away = `${path}.away`;
      let met = 0;
      const write = meeting(path, (what) => {
        if (what === moment && ++met === 2) renameSync(path, away);
      });
      await expect(lifecycle.exportMany("all", { ...exporting, write })).rejects.toMatchObject({
        code: "ENOENT",
      });
      rmSync(path, { recursive: true, force: true });
      renameSync(away, path);
      const rest = await lifecycle.exportMany("all", { ...exporting, write: path });
      expect(rest).toMatchObject({ waiting: 0, failed: 0 });
      expect(rest.exported + rest.present).toBe(users);
      expect(countLines(path)).toBe(users * patients);
    },
  );

  it.each(["ENOSPC", "EROFS"])("ends with %s, and goes on once that is mended", async (code) => {
    const { lifecycle } = await withUsers();
    const path = join(folder("export"), "export");
    let met = 0;
    const write = meeting(path, (what) => {
      if (what === "append" && ++met === 3) throw Object.assign(new Error(code), { code, syscall: "write" });
    });
    await expect(lifecycle.exportMany("all", { ...exporting, write })).rejects.toMatchObject({ code });
    const rest = await lifecycle.exportMany("all", { ...exporting, write: path });
    expect(rest.exported + rest.present).toBe(users);
    expect(countLines(path)).toBe(users * patients);
  });
});
