/**
 * Counts the instructions of a read, or of an onboarding, with valgrind: unlike processor time they do not depend on what
 * else the machine does. `npm run bench:instructions -- read`; see README.md.
 *
 * @module
 */
import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startProvider } from "./provider.ts";

/** What a counted process is told. */
export interface Counted {
  readonly side: "bare" | "library";
  readonly work: "read" | "onboard";
  readonly url: string;
  readonly times: number;
}

/** How often the work is done in the two processes whose difference counts: what comes before is the start, and compiling. */
const lengths = { read: [8_000, 40_000], onboard: [4_000, 20_000] } as const;

const script = fileURLToPath(new URL("counted-process.ts", import.meta.url));
const valgrind = ["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"];
const run = promisify(execFile);

const [work = "read"] = process.argv.slice(2);
if (work !== "read" && work !== "onboard")
  throw new Error(`Cannot count ${work}: it must be read or onboard`);
const provider = await startProvider(0);
try {
  const [bare, library] = [await each("bare", work), await each("library", work)];
  console.log(`bare undici  ${inThousands(bare)} instructions to ${work}`);
  console.log(`the library  ${inThousands(library)}, ${(library / bare).toFixed(2)} of bare`);
} finally {
  await provider.close();
}

/** The instructions of one piece of work. */
async function each(side: Counted["side"], work: Counted["work"]): Promise<number> {
  const [few, many] = lengths[work];
  const all = [few, many].map((times) => instructions({ side, work, url: provider.url, times }));
  const [start = 0, whole = 0] = await Promise.all(all);
  return (whole - start) / (many - few);
}

/** The instructions of a process, those of the system not counted. */
async function instructions(told: Counted): Promise<number> {
  const program = [process.execPath, "--import", "tsx", script, JSON.stringify(told)];
  // The code that V8 makes is written again and again.
  const { stderr } = await run("valgrind", [...valgrind, "--smc-check=all-non-file", ...program]);
  const [, count] = /I\s+refs:\s+([\d,]+)/.exec(stderr) ?? [];
  if (count === undefined) throw new Error(`Cannot count: valgrind printed ${stderr}`);
  return Number(count.replaceAll(",", ""));
}

function inThousands(count: number): string {
  return `${(count / 1_000).toFixed(1)} k`;
}
