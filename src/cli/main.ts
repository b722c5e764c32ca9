#!/usr/bin/env node
/**
 * The command `oneup-lifecycle`.
 *
 * @module
 */
import { perform } from "./commands.ts";

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    if (stopping.signal.aborted) process.exit(130); // the second of either ends the process at once
    stopping.abort();
  });
}
let isCut = false;
process.stdout.on("error", ({ code }: NodeJS.ErrnoException) => {
  stopping.abort();
  if (code === "EPIPE" || isCut) return; // nobody reads any more: `demo | head`
  isCut = true; // a full disk: `users --json > file`
  console.error(`Cannot write the output: ${code}`);
  process.exitCode = 1;
});
const code = await perform(process.argv.slice(2), stopping.signal, import.meta.url);
process.exitCode = isCut ? 1 : code;
// A read of a silent standard input that was given up goes on in Deno, and the process with it.
if ("Deno" in globalThis) process.exit();
