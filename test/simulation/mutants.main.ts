/**
 * `npm run mutants`: breaks the library in every way of `mutants.ts`, plays seeds until one notices, and prints
 * a table. Ends with a failure if a mistake goes unnoticed.
 */
import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { broken, type Mutant } from "./breaking.ts";
import { bundle, flags, root } from "./bundle.ts";
import { mutants } from "./mutants.ts";
import { productSources, type Sources } from "./seams.ts";

const usage = `npm run mutants -- [--only TEXT]    the mistakes whose name holds TEXT (all)
                   [--sample SHARE] as large a part of these, from 0 to 1, drawn at random (1)
                   [--seeds N]      stories that are played at most for each (2000)
                   [--noted]        first the story that noticed the mistake when noticed.json was written
                   [--note]         write down in noticed.json which story noticed which mistake`;

function readWords() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: "string", default: "" },
        sample: { type: "string", default: "1" },
        seeds: { type: "string", default: "2000" },
        noted: { type: "boolean", default: false },
        note: { type: "boolean", default: false },
      },
    });
    const [sample, seeds] = [Number(values.sample), Number(values.seeds)];
    return sample > 0 && sample <= 1 && Number.isSafeInteger(seeds) && seeds > 0 ? values : null;
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
  /** The kind of fault that the story has in any case, where the mistake needs a rare one. */
  readonly with?: string | undefined;
}

const notes = join(root, "test/simulation/noticed.json");
const noted = new Map(Object.entries(JSON.parse(readFileSync(notes, "utf8")) as Record<string, Noticed>)); // ours

async function main(): Promise<void> {
  const waiting = sampled(
    mutants.filter(({ name }) => name.includes(values.only)),
    Number(values.sample),
  );
  const found = new Map<string, Noticed | null>();
  const sources = productSources(root);
  const lane = async (name: string): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const noticed = await hunted(mutant, sources, name);
      found.set(mutant.name, noticed);
      process.stderr.write(`${noticed === null ? "NOT NOTICED" : `seed ${noticed.seed}`}: ${mutant.name}\n`);
    }
  };
  const names = [1, 2].map((n) => `${process.pid}-${n}`);
  await Promise.all(names.map(lane));

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

/** As large a part of a list, drawn at random: at least one. */
function sampled<T>(all: readonly T[], share: number): T[] {
  const left = [...all];
  const count = Math.ceil(share * all.length);
  return Array.from({ length: count }, () => left.splice(Math.floor(Math.random() * left.length), 1)).flat();
}

/** Writes down what was found, and keeps what was noted of the other mistakes. */
function note(found: ReadonlyMap<string, Noticed | null>): void {
  const all = mutants.flatMap(({ name }) => {
    const noticed = found.get(name) ?? noted.get(name);
    return noticed === undefined ? [] : [[name, noticed] as const];
  });
  writeFileSync(notes, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`);
}

/** Breaks the library, and lets the simulation loose on it. */
async function hunted(mutant: Mutant, sources: Sources, name: string): Promise<Noticed | null> {
  const file = await bundle(name, broken(sources, mutant));
  try {
    const known = values.noted ? noted.get(mutant.name) : undefined;
    const kind = known?.with;
    const first = ["--from", String(known?.seed), "--seeds", "1", "--with", kind ?? ""];
    const again = known === undefined ? null : await blame(file, first);
    if (again !== null) return { ...again, with: kind };
    const noticed = await blame(file, [
      "--seeds",
      values.seeds,
      ...(kind === undefined ? [] : ["--with", kind]),
    ]);
    return noticed && { ...noticed, with: kind };
  } finally {
    rmSync(file, { force: true });
  }
}

/** The first seed with a broken promise, and which. */
async function blame(file: string, seeds: readonly string[]): Promise<Noticed | null> {
  const told = /^seed (\d+): (.*)$/m.exec(await run(file, [...seeds, "--jobs", "1", "--until-broken"]));
  return told && { seed: Number(told[1]), blamed: (told[2] ?? "").replace(/[:;].*(?=.{200})/, "") };
}

function run(file: string, words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [...flags, file, ...words], { maxBuffer: 1e8 }, (error, out, err) => {
      // A promise was broken. Anything else is an error of another kind.
      if (error !== null && !/^seed \d+: /m.test(out))
        reject(new Error(`the simulation ended badly:\n${out}\n${err}`));
      else resolve(out);
    });
  });
}

await main();
