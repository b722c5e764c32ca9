/**
 * `npm run mutants`: breaks a copy of the library in every way of `mutants.ts`, plays seeds until one notices, and prints
 * a table. Ends with a failure if a mistake goes unnoticed.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { broken, type Mutant } from "./breaking.ts";
import { mutants } from "./mutants.ts";
import { productRooms, productSources, type Sources } from "./seams.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const copied = [...productRooms, "test/simulation", "test/support", "package.json", "tsconfig.json"];

const usage = `npm run mutants -- [--only TEXT]    the mistakes whose name holds TEXT (all)
                   [--seeds N]      stories that are played at most for each (2000)
                   [--noted]        first the story that noticed the mistake when noticed.json was written
                   [--note]         write down in noticed.json which story noticed which mistake`;

function readWords() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", default: "" },
        seeds: { type: "string", default: "2000" },
        noted: { type: "boolean", default: false },
        note: { type: "boolean", default: false },
      },
    });
    return Number.isSafeInteger(Number(values.seeds)) && Number(values.seeds) > 0 ? values : null;
  } catch {
    return null; // a word that is none of these
  }
}

const values = readWords() ?? refused();

function refused(): never {
  process.stderr.write(`${usage}\n`);
  process.exit(2);
}

/** What the first seed that noticed reported. */
interface Noticed {
  readonly seed: number;
  readonly blamed: string;
}

const notes = join(root, "test/simulation/noticed.json");
const noted = new Map(Object.entries(JSON.parse(readFileSync(notes, "utf8")) as Record<string, Noticed>)); // ours

async function main(): Promise<void> {
  const waiting = mutants.filter(({ name }) => name.includes(values.only));
  const found = new Map<string, Noticed | null>();
  const sources = productSources(root);
  const lane = async (): Promise<void> => {
    const folder = copyOfTheHouse();
    try {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const noticed = await hunted(mutant, sources, folder);
        found.set(mutant.name, noticed);
        process.stderr.write(
          `${noticed === null ? "NOT NOTICED" : `seed ${noticed.seed}`}: ${mutant.name}\n`,
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
    return [`| ${name} | ${noticed?.seed ?? "**not noticed**"} | ${noticed?.blamed ?? ""} |`];
  });
  process.stdout.write(
    `| the library … | seeds to notice | what the judge says |\n| --- | --- | --- |\n${rows.join("\n")}\n`,
  );
  if (values.note) note(found);
  const unnoticed = [...found.values()].filter((noticed) => noticed === null).length;
  if (unnoticed > 0) process.exitCode = 1;
}

/** Writes down what was found, and keeps what was noted of the other mistakes. */
function note(found: ReadonlyMap<string, Noticed | null>): void {
  const all = mutants.flatMap(({ name }) => {
    const noticed = found.get(name) ?? noted.get(name);
    return noticed === undefined ? [] : [[name, noticed] as const];
  });
  writeFileSync(notes, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
}

/** A copy to break, with the packages of this one. */
function copyOfTheHouse(): string {
  const folder = mkdtempSync(join(tmpdir(), "oneup-mutants-"));
  for (const path of copied) cpSync(join(root, path), join(folder, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return folder;
}

/** Breaks the copy, lets the simulation loose on it, and mends it. */
async function hunted(mutant: Mutant, sources: Sources, folder: string): Promise<Noticed | null> {
  const changed = broken(sources, mutant);
  for (const [file, text] of changed) writeFileSync(join(folder, file), text);
  try {
    const seed = values.noted ? noted.get(mutant.name)?.seed : undefined;
    return (
      (seed === undefined ? null : await blame(folder, ["--from", String(seed), "--seeds", "1"])) ??
      (await blame(folder, ["--seeds", values.seeds]))
    );
  } finally {
    for (const file of changed.keys()) writeFileSync(join(folder, file), sources.get(file) ?? "");
  }
}

/** The first seed with a broken promise, and which. */
async function blame(folder: string, seeds: readonly string[]): Promise<Noticed | null> {
  const told = /^seed (\d+): (.*)$/m.exec(await run(folder, [...seeds, "--jobs", "1", "--until-broken"]));
  return told && { seed: Number(told[1]), blamed: (told[2] ?? "").replace(/[:;].*(?=.{200})/, "") };
}

function run(folder: string, words: readonly string[]): Promise<string> {
  const command = ["--import", "tsx", "test/simulation/run.ts", ...words];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, command, { cwd: folder, maxBuffer: 1e8 }, (error, out, err) => {
      // A promise was broken. Anything else is an error of another kind.
      if (error !== null && !/^seed \d+: /m.test(out))
        reject(new Error(`the simulation ended badly:\n${out}\n${err}`));
      else resolve(out);
    });
  });
}

await main();
