/** Children of a test: a TypeScript file beside it, as a process of its own, with one JSON argument. */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { start, type Started } from "./started.ts";

/** Starts `script` (a URL beside the test). */
export function startChild(script: URL, argument: unknown): Started {
  return start(fileURLToPath(script), [JSON.stringify(argument)]);
}

/** The JSON argument of this process. */
export function argument<T>(): T {
  return JSON.parse(process.argv[2] ?? "null") as T; // the parent is our own test
}

/** Runs `task` for every item, `width` at a time. */
export async function each<T>(
  items: readonly T[],
  width: number,
  task: (item: T) => Promise<void>,
): Promise<void> {
  const left = [...items];
  const lane = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await task(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
