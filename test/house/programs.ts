/** The programs in Markdown files: written into a folder like an application's, compiled, run. */
import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { buildSync } from "esbuild";
import { bundled, onDeno } from "../support/built.ts";
import { folder } from "../support/scene.ts";
import { withoutWatchdog } from "../support/without-watchdog.ts";
import { read, root } from "./repository.ts";

/** The TypeScript in a Markdown file, by its path from the root. */
export function programsIn(path: string): readonly string[] {
  return [...read(path).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? "");
}

/** A folder of an application's, with what this repository has installed. */
function application(): string {
  const path = folder("programs");
  writeFileSync(join(path, "package.json"), JSON.stringify({ type: "module" }));
  symlinkSync(join(root, "node_modules"), join(path, "node_modules"));
  return path;
}

/** What the compiler says of the programs: nothing, if all is well. */
export function compiled(programs: readonly string[]): string {
  const path = application();
  programs.forEach((code, index) => writeFileSync(join(path, `${index}.ts`), code));
  const compilerOptions = { rootDir: "/" };
  writeFileSync(
    join(path, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"] }),
  );
  return spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", path], { encoding: "utf8" }).stdout;
}

/** What the program prints, on the runtime of the test. */
export function ran(code: string): { readonly stdout: string; readonly stderr: string } {
  const path = application();
  writeFileSync(join(path, "program.ts"), code);
  if (!onDeno) {
    const tsconfig = join(root, "tsconfig.json"); // it knows the entry points by their names
    buildSync({
      ...bundled,
      tsconfig,
      absWorkingDir: path,
      entryPoints: ["program.ts"],
      outfile: "program.mjs",
    });
  }
  const args = onDeno
    ? ["run", "-A", "--config", join(root, "deno.json"), "--node-modules-dir=manual", "program.ts"]
    : ["program.mjs"];
  const env = { ...process.env, NO_COLOR: "1" };
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: path, encoding: "utf8", env });
  return { stdout, stderr: withoutWatchdog(stderr) };
}
