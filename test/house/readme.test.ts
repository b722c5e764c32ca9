import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { mermaid } from "oneup-lifecycle/machines";
import { describe, expect, it } from "vitest";
import { folder } from "../support/scene.ts";
import { read, root } from "./repository.ts";

const readme = read("README.md");
const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");

describe("README.md", () => {
  it("shows the lifecycle as the machine draws it", () => {
    expect(/```mermaid\n([\s\S]*?)\n```/.exec(readme)?.[1]).toBe(mermaid());
  });

  it("holds code that compiles", () => {
    const path = folder("readme");
    blocks.forEach((code, index) => writeFileSync(join(path, `${index}.ts`), code));
    const compilerOptions = { typeRoots: [join(root, "node_modules/@types")], rootDir: "/" };
    writeFileSync(join(path, "package.json"), JSON.stringify({ type: "module" }));
    symlinkSync(join(root, "node_modules"), join(path, "node_modules")); // a test of an application imports vitest
    writeFileSync(
      join(path, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"] }),
    );
    const tsc = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", path], { encoding: "utf8" });
    expect(tsc.stdout).toBe("");
    expect(blocks).toHaveLength(5);
  });

  it("shows a test of at most 12 lines that runs here", () => {
    const test = read("test/testing/interrupted.test.ts");
    expect(blocks).toContain(test);
    expect(test.trimEnd().split("\n").length).toBeLessThanOrEqual(12);
  });

  it("begins with ten lines that work", () => {
    const path = folder("readme");
    writeFileSync(join(path, "package.json"), JSON.stringify({ type: "module" }));
    writeFileSync(join(path, "lines.ts"), blocks[0] ?? "");
    const args =
      "Deno" in globalThis
        ? ["run", "-A", "--config", join(root, "deno.json"), "--node-modules-dir=manual", "lines.ts"]
        : ["--import", join(root, "node_modules/tsx/dist/esm/index.mjs"), "lines.ts"];
    const ran = spawnSync(process.execPath, args, {
      cwd: path,
      encoding: "utf8",
      env: { ...process.env, TSX_TSCONFIG_PATH: join(root, "tsconfig.json") },
    });
    expect(ran.stderr).toBe("");
    expect(ran.stdout).toMatch(/^tokenActive [0-9a-f]{12} 40 1\n$/);
  });
});
