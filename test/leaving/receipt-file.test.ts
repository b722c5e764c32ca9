import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { receiptFile } from "oneup-lifecycle";
import { describe, expect, it } from "vitest";
import { folder } from "../support/scene.ts";

const line = (number: number): string =>
  `{"number":${number},"type":"${number === 0 ? "opened" : "receipt"}","signature":"${"a".repeat(86)}"}`;

async function linesOf(path: string): Promise<readonly string[]> {
  const log = receiptFile(path);
  const lines: string[] = [];
  try {
    for await (const each of await log.open()) lines.push(each);
    return lines;
  } finally {
    await log.close();
  }
}

describe("receiptFile()", () => {
  it.each([
    ["a key", "ab".repeat(32)],
    ["one byte", "x"],
    ["other lines", '{"a":1}\n{"b":2}\n'],
  ])("leaves a file as it is that holds %s", async (_, content) => {
    const root = folder("receipts");
    const path = join(root, "file");
    writeFileSync(path, content);
    await expect(linesOf(path)).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(readdirSync(root)).toEqual(["file"]);
    expect(readFileSync(path, "utf8")).toBe(content);
  });

  it("leaves a folder and a link as they are", async () => {
    const root = folder("receipts");
    mkdirSync(join(root, "store"));
    writeFileSync(join(root, "store", "data"), "1");
    symlinkSync("nowhere", join(root, "link"));
    for (const name of ["store", "link"])
      await expect(linesOf(join(root, name))).rejects.toMatchObject({ code: "INVALID_OPTION" });
    expect(readdirSync(root).toSorted()).toEqual(["link", "store"]);
    expect(readFileSync(join(root, "store", "data"), "utf8")).toBe("1");
  });

  it("gives receipts their name back where the reader refuses them", async () => {
    const root = folder("receipts");
    const path = join(root, "file");
    const content = `${line(0)}\n${line(1)}\n`;
    writeFileSync(path, content);
    const log = receiptFile(path);
    for await (const each of await log.open()) if (each === line(1)) break;
    await log.close();
    expect(readdirSync(root)).toEqual(["file"]);
    expect(readFileSync(path, "utf8")).toBe(content);
  });

  it.each([
    ["empty", "", []],
    ["cut off in its first line", line(0).slice(0, 20), []],
    ["cut off later", `${line(0)}\n${line(1).slice(0, -1)}`, [line(0)]],
    ["without its last line feed", `${line(0)}\n${line(1)}`, [line(0), line(1)]],
  ])("goes on with a file that is %s", async (_, content, lines) => {
    const path = join(folder("receipts"), "file");
    writeFileSync(path, content);
    expect(await linesOf(path)).toEqual(lines);
    expect(readFileSync(path, "utf8")).toBe(lines.map((each) => `${each}\n`).join(""));
  });
});
