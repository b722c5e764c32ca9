#!/usr/bin/env node
/**
 * The command `oneup-lifecycle`.
 *
 * @module
 */
import { outputIsOptional, perform } from "./perform.ts";

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    if (stopping.signal.aborted) process.exit(130); // a second signal ends the process at once
    stopping.abort();
  });
}
const words = process.argv.slice(2);
const isOptional = outputIsOptional(words);
let isCut = false;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  const { code } = error;
  if (isOptional) {
    if (!isCut) console.error(`Cannot write the output: ${code}; the work goes on without it`);
    isCut = true;
    return;
  }
  stopping.abort(error);
  if (code === "EPIPE" || isCut) return; // the reader is gone: `demo | head`
  isCut = true; // a full disk: `users --json > file`
  console.error(`Cannot write the output: ${code}`);
  process.exitCode = 1;
});
process.stderr.on("error", () => {}); // its reader is gone: no warning is a reason to end the process
const code = await perform(words, stopping.signal, import.meta.url);
process.exitCode = isCut && !isOptional ? 1 : code;
// In Deno, a cancelled read of a silent standard input stays pending and keeps the process alive.
if ("Deno" in globalThis) process.exit();
