/**
 * `npm run mutants`: breaks a copy of the library in every way of `mutants.ts`, plays seeds until one notices, and
 * prints the table of the README. Ends with a failure if a mistake goes unnoticed.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { mutants } from "./mutants.ts";
import type { Mutant } from "./mutants.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const copied = ["src", "machines", "adapters", "test/simulation", "package.json", "tsconfig.json"];

const { values } = parseArgs({
  options: {
    /** Only mistakes whose name holds this. */
    only: { type: "string", default: "" },
    /** Seeds that are played at most for each. */
    seeds: { type: "string", default: "2000" },
    /** Plays the seed first that noticed the mistake when the table was printed. */
    noted: { type: "boolean", default: false },
  },
});

/** The table of the README: which seed noticed the mistake. */
const noted = new Map(
  [...readFileSync(new URL("README.md", import.meta.url), "utf8").matchAll(/^\| (.+?) +\| (\d+) +\|/gm)].map(
    ([, name = "", seed = ""]) => [name, seed],
  ),
);

/** What the first seed that noticed said. */
interface Noticed {
  readonly seeds: number;
  readonly blamed: string;
}

async function main(): Promise<void> {
  const waiting = mutants.filter(({ name }) => name.includes(values.only));
  const found = new Map<string, Noticed | null>();
  const lane = async (): Promise<void> => {
    const folder = copyOfTheHouse();
    try {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const noticed = await hunted(mutant, folder);
        found.set(mutant.name, noticed);
        process.stderr.write(
          `${noticed === null ? "NOT NOTICED" : `seed ${noticed.seeds}`}: ${mutant.name}\n`,
        );
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  await Promise.all([lane(), lane()]);

  const rows = mutants.flatMap(({ name }) => {
    const noticed = found.get(name);
    if (noticed === undefined) return [];
    return [
      `| ${name} | ${noticed === null ? "**not noticed**" : noticed.seeds} | ${noticed?.blamed ?? ""} |`,
    ];
  });
  process.stdout.write(
    `| the library …  | seeds to notice | what the judge says |\n| --- | --- | --- |\n${rows.join("\n")}\n`,
  );
  const unnoticed = [...found.values()].filter((noticed) => noticed === null).length;
  if (unnoticed > 0) process.exitCode = 1;
}

/** A copy to break, with the packages of this one. */
function copyOfTheHouse(): string {
  const folder = mkdtempSync(join(tmpdir(), "oneup-mutants-"));
  for (const path of copied) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Breaks the copy, lets the simulation loose on it, and mends it. */
async function hunted({ name, file, find, replace }: Mutant, folder: string): Promise<Noticed | null> {
  const path = join(folder, file);
  const whole = readFileSync(path, "utf8");
  if (whole.split(find).length !== 2)
    throw new Error(`"${name}" finds its place in ${file} not exactly once`);
  writeFileSync(
    path,
    whole.replace(find, () => replace),
  );
  try {
    const seed = values.noted ? noted.get(name) : undefined;
    const said =
      (seed === undefined ? null : await blame(folder, ["--from", seed, "--seeds", "1"])) ??
      (await blame(folder, ["--seeds", values.seeds]));
    return said === null
      ? null
      : { seeds: Number(said[1]), blamed: (said[2] ?? "").replace(/[:;].*(?=.{200})/, "") };
  } finally {
    writeFileSync(path, whole);
  }
}

/** The first seed that somebody is blamed for, and what for. */
async function blame(folder: string, seeds: readonly string[]): Promise<RegExpExecArray | null> {
  return /^seed (\d+): (.*)$/m.exec(await run(folder, [...seeds, "--until-broken"]));
}

function run(folder: string, words: readonly string[]): Promise<string> {
  const command = ["--import", "tsx", "test/simulation/main.ts", ...words];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, { cwd: folder, maxBuffer: 1e8 }, (error, out, err) => {
      // 1: a promise was broken. Anything else is trouble of another kind.
      if (error !== null && error.code !== 1)
        reject(new Error(`the simulation ended badly:\n${out}\n${err}`));
      else resolve(out);
    });
  });
}

await main();
