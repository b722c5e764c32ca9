/**
 * A process with one program, which runs a round of onboardings whenever it is asked. Arguments: the program's module, and
 * what it is told (JSON).
 *
 * @module
 */
import { serveTasks } from "../apart.ts";
import { round } from "../rounds.ts";
import type { Peer, Task, Told } from "./side.ts";

const [module = "", words = ""] = process.argv.slice(2);
const { open } = (await import(module)) as Peer; // each module exports it
const side = await open(JSON.parse(words) as Told); // by throughput.ts
let users = 0;

async function onboard(): Promise<void> {
  const id = `user-${process.pid}-${++users}@example.org`; // the store holds users of earlier processes
  if (!(await side.onboard(id))) throw new Error(`Cannot compare: ${id} was given up`);
}

serveTasks(
  (task) => {
    const { loops, ...effort } = task as Task; // by throughput.ts
    return round(onboard, loops, effort);
  },
  async () => {
    await side.close();
  },
);
