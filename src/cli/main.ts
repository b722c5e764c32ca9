#!/usr/bin/env node
/**
 * The command `oneup-lifecycle`.
 *
 * @module
 */
import { perform } from "./commands.ts";

const stopping = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => stopping.abort()); // a second one ends the process at once
}
process.stdout.on("error", () => stopping.abort()); // nobody reads any more: `demo | head`
process.exitCode = await perform(process.argv.slice(2), stopping.signal, import.meta.url);
// A read of a silent standard input that was given up goes on in Deno, and the process with it.
if ("Deno" in globalThis) process.exit();
