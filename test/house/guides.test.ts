import { spawnSync } from "node:child_process";
import { readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, expect, it } from "vitest";
import { folder } from "../support/scene.ts";
import { read, root } from "./repository.ts";

/** The guides beside the code, and what each of their programs prints. */
const guides = {
  "machines/README.md": [
    /^expiring \[\s*\{\s*call: ["']refreshToken["'],\s*says: [^]*stateDiagram-v2\n$/,
    /^connected tokenActive\n$/,
  ],
  "adapters/README.md": [/^true true\n$/],
};

const programs = Object.entries(guides).flatMap(([path, prints]) => {
  const blocks = [...read(path).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");
  return blocks.map((code, index) => ({ path, index, code, said: prints[index] ?? /^what it prints$/ }));
});

/** A folder of an application's, with what this repository has installed. */
function application(): string {
  const path = folder("guides");
  writeFileSync(join(path, "package.json"), JSON.stringify({ type: "module" }));
  symlinkSync(join(root, "node_modules"), join(path, "node_modules"));
  return path;
}

/** The source files of a room, but for its front door. */
function filesOf(room: string): readonly string[] {
  return readdirSync(join(root, room)).filter((name) => name.endsWith(".ts") && name !== "index.ts");
}

describe("the guides", () => {
  it("hold code that compiles", () => {
    const path = application();
    programs.forEach(({ code }, index) => writeFileSync(join(path, `${index}.ts`), code));
    const compilerOptions = { rootDir: "/" };
    writeFileSync(
      join(path, "tsconfig.json"),
      JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"] }),
    );
    const tsc = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", path], { encoding: "utf8" });
    expect(tsc.stdout).toBe("");
  }, 60_000);

  it.each(programs)(
    "$path: program $index runs",
    ({ code, said }) => {
      const path = application();
      writeFileSync(join(path, "program.ts"), code);
      const args =
        "Deno" in globalThis
          ? ["run", "-A", "--config", join(root, "deno.json"), "--node-modules-dir=manual", "program.ts"]
          : ["--import", join(root, "node_modules/tsx/dist/esm/index.mjs"), "program.ts"];
      const ran = spawnSync(process.execPath, args, {
        cwd: path,
        encoding: "utf8",
        env: { ...process.env, NO_COLOR: "1", TSX_TSCONFIG_PATH: join(root, "tsconfig.json") },
      });
      expect(ran.stderr).toBe("");
      expect(ran.stdout).toMatch(said);
    },
    60_000,
  );

  it("name every file of their rooms", () => {
    for (const file of filesOf("machines")) expect(read("machines/README.md")).toContain(`| \`${file}\` `);
    for (const file of filesOf("adapters"))
      expect(read("adapters/README.md")).toContain(`\`${file.replace(".ts", "(")}`);
  });
});
