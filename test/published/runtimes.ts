/** The runtimes that an application may use, each as npm brings it: they are too big for devDependencies. */
import { execFileSync } from "node:child_process";
import process from "node:process";

/** A program on this machine that runs JavaScript. */
export interface Runtime {
  readonly name: string;
  readonly version: string;
  readonly program: string;
  /** The words before the name of a script. */
  readonly words: readonly string[];
}

interface Wanted {
  readonly name: string;
  /** As npm calls it. */
  readonly from: string;
  /** What npx is told, so that the program says where it stands. */
  readonly where: readonly string[];
  readonly words: readonly string[];
}

const node = (major: number): Wanted => ({
  name: "Node",
  from: `node@${major}`,
  where: ["--call", "node --print process.execPath"],
  words: [],
});

const wanted: readonly Wanted[] = [
  node(20),
  node(22),
  node(24),
  node(26),
  {
    name: "Deno",
    from: "deno@2.9.6",
    where: ["--call", "deno eval 'console.log(Deno.execPath())'"],
    words: ["run", "--allow-all"],
  },
  {
    name: "Bun",
    from: "bun@1.4.5",
    where: ["--call", "bun --print process.execPath"],
    words: ["run"],
  },
];

/** All of them, one after the other, for npx brings what is missing. */
export function* runtimes(): Generator<Runtime> {
  for (const { name, from, where, words } of wanted) {
    const here = from === `node@${process.versions.node.split(".")[0]}`;
    const program = here ? process.execPath : lastLine(say("npx", ["--yes", `--package=${from}`, ...where]));
    const version = /\d+\.\d+\.\d+/.exec(say(program, ["--version"]))?.[0] ?? "?";
    yield { name, version, program, words };
  }
}

function say(program: string, words: readonly string[]): string {
  return execFileSync(program, words, { encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } });
}

/** What npx runs may be preceded by what an installation says. */
function lastLine(said: string): string {
  return said.trim().split("\n").at(-1) ?? "";
}
