#!/usr/bin/env node
/**
 * The command `oneup-lifecycle`.
 *
 * @module
 */
import { outputIsOptional, perform } from "./perform.ts";
import { reportOnDeno } from "./report-on-deno.ts";
import { results } from "./results.ts";

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    if (stopping.signal.aborted) process.exit(130); // a second signal ends the process at once
    stopping.abort();
  });
}
const words = process.argv.slice(2);
const isOptional = outputIsOptional(words);
let lost: NodeJS.ErrnoException | undefined;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (isOptional && lost === undefined)
    console.error(`Cannot write the output: ${error.code}; the work goes on without it`);
  lost ??= error;
  if (!isOptional) stopping.abort(error);
});
process.stderr.on("error", () => {}); // its reader is gone: no warning is a reason to end the process
const isDeno = "Deno" in globalThis;
if (isDeno) reportOnDeno();
const code = await perform(words, stopping.signal, import.meta.url);
if (lost === undefined) await new Promise((done) => process.stdout.write("", done)); // the last write may still fail
process.exitCode = isOptional || lost === undefined ? code : endWithout(lost);
// In Deno, a cancelled read of a silent standard input stays pending and keeps the process alive.
if (isDeno) process.exit();

/** The exit code of a command whose output could not be written. What it came to is told on the standard error. */
function endWithout({ code: why }: NodeJS.ErrnoException): number {
  // The reader has enough of a list: `users | head`.
  if (why === "EPIPE" && results.length === 0) return code;
  console.error(`Cannot write the output: ${why}`);
  for (const result of results) console.error(result);
  return 1;
}
