/**
 * A process that exports all users into a folder and prints its peak memory, in MB. One argument, JSON: the `Told` of
 * `export.ts`. Plain JavaScript, started without a loader, like an application.
 *
 * @module
 */
import { join } from "node:path";
import process from "node:process";
import { lmdb } from "../dist/lib/adapters-lmdb.js";
import { createLifecycle, keyFile } from "../dist/lib/index.js";

/** @type {import("./export.ts").Told} */
const { url, credentials, folder } = JSON.parse(process.argv[2] ?? "");
const lifecycle = await createLifecycle({
  credentials,
  endpoints: { api: url, auth: url },
  store: lmdb(join(folder, "store")),
  encryption: keyFile(join(folder, "key")),
});
const done = await lifecycle.exportMany("all", {
  name: "bench",
  write: join(folder, "export"),
  versions: ["r4"],
  types: ["Observation", "Patient"],
});
await lifecycle.close();
const rss = process.resourceUsage().maxRSS / 1_024;
console.log(JSON.stringify({ rss, unfinished: done.waiting + done.failed }));
