import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { exportFolder, type ExportWriter } from "oneup-lifecycle";
import { createTestLifecycle } from "oneup-lifecycle/testing";
import { describe, expect, it } from "vitest";
import { afterwards, folder } from "../support/scene.ts";

describe("offboardMany({ onlyAfterExport })", () => {
  it.each(["offboarded", "forgotten", "exported in part"])(
    "purges the new data of a user that was %s and signed up again only once it is exported",
    async (how) => {
      const { lifecycle, sandbox } = await createTestLifecycle({ sandbox: { limit: { calls: Infinity } } });
      afterwards(() => lifecycle.close());
      await lifecycle.onboard("user-0");
      sandbox.addResources("user-0", "r4", [{ resourceType: "Patient" }]);
      const [receipts, write] = [join(folder("receipts"), "receipts.ndjson"), folder("export")];
      const exporting = {
        name: "spring",
        write,
        types: ["Patient", "Observation"],
        versions: ["r4"],
      } as const;
      const stops = { ...exporting, write: stoppingAt("Observation", write) };
      if (how === "exported in part")
        await expect(lifecycle.exportMany("all", stops)).rejects.toThrow("the machine stops");
      else await lifecycle.exportMany("all", exporting);
      await lifecycle.offboard("user-0", { purge: true });
      if (how === "forgotten") await lifecycle.forget("user-0");
      await lifecycle.onboard("user-0");
      sandbox.addResources("user-0", "r4", [{ resourceType: "Patient", gender: "female" }]);
      const leave = { name: "leave", onlyAfterExport: "spring", allowPartialExport: true };
      expect(await lifecycle.offboardMany("all", leave)).toMatchObject({ count: 1, unexported: 1 });
      const early = await lifecycle.offboardMany("all", { ...leave, count: 1, receipts });
      expect(early).toMatchObject({ receipts: 0, waiting: 1, closed: false });
      expect(await lifecycle.exportMany("all", exporting)).toMatchObject({ exported: 1, resources: 1 });
      const late = await lifecycle.offboardMany("all", { ...leave, count: 1, receipts });
      expect(late).toMatchObject({ receipts: 1, closed: true });
      const kept = readdirSync(write, { recursive: true, encoding: "utf8" });
      const files = kept.filter((file) => file.endsWith("r4.Patient.ndjson"));
      const lines = files.map((file) => readFileSync(join(write, file), "utf8").split("\n").slice(0, -1));
      expect(lines.map(({ length }) => length)).toEqual([1, 1]); // the old one, and the new one beside it
      expect(lines.flat().filter((line) => line.includes('"female"'))).toHaveLength(1);
    },
  );
});

/** The writer for a folder, on a machine that stops when it comes to this type. */
function stoppingAt(type: string, path: string): ExportWriter {
  const writer = exportFolder(path);
  return {
    ...writer,
    async open(file) {
      if (file.type === type) throw new Error("the machine stops");
      return writer.open(file);
    },
  };
}
