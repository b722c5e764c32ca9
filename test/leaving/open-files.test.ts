import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { exportFolder } from "oneup-lifecycle";
import { expect, it } from "vitest";
import { folder } from "../support/scene.ts";

/** The open files of this process in a folder. */
function openIn(path: string): readonly string[] {
  const names = readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ""; // closed meanwhile
    }
  });
  return names.filter((name) => name.startsWith(path));
}

it.runIf(existsSync("/proc/self/fd"))(
  "exportFolder() closes what it opened where an earlier part cannot be copied",
  async () => {
    const path = folder("export");
    const writer = exportFolder(path);
    await writer.begin("spring");
    const file = { oneupUserId: 7, version: "r4", type: "Patient", restarted: null } as const;
    const opened = await writer.open(file);
    await opened.append("{}\n", "a cursor");
    await opened.close();
    const [user = ""] = readdirSync(path).filter((name) => name !== "export.json");
    const of = join(path, user);
    const [part = ""] = readdirSync(of).filter((name) => name.endsWith(".part"));
    rmSync(join(of, part));
    mkdirSync(join(of, part)); // which no system reads as a file
    for (let time = 0; time < 3; time++) await expect(writer.open(file)).rejects.toThrow();
    expect(openIn(path)).toEqual([]);
    expect(readdirSync(of).filter((name) => name.endsWith(".part"))).toHaveLength(1);
  },
);
