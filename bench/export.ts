/**
 * An export of many users by a process that is killed in the middle of it, and one that goes on: its pace, its memory,
 * and whether each resource is in the files exactly once. 1upHealth is the sandbox, in this process.
 *
 * @module
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createLifecycle, createSandbox, keyFile, lmdb } from "./product.ts";
import type { Measurement } from "./report.ts";
import { inLoops } from "./rounds.ts";
import type { Effort } from "./settings.ts";

/** What the exporting process is told. */
export interface Told {
  readonly url: string;
  readonly credentials: { readonly clientId: string; readonly clientSecret: string };
  /** For the store, its key and the export. */
  readonly folder: string;
}

const script = fileURLToPath(new URL("exporter.mjs", import.meta.url));
/** Resources of each user: observations, and one patient. */
const observations = 49;
/** The size of a resource, about. */
const note = "a".repeat(600);

export async function exportKilled({ exportedUsers }: Effort): Promise<Measurement[]> {
  const sandbox = createSandbox({ limit: { calls: Infinity } });
  const server = await sandbox.listen();
  const folder = await mkdtemp(join(tmpdir(), "oneup-bench-"));
  try {
    const { credentials } = sandbox;
    const lifecycle = await createLifecycle({
      credentials,
      endpoints: server.endpoints,
      limits: { management: { calls: 1_000_000, windowMs: 3_600_000 } },
      store: lmdb(join(folder, "store")),
      encryption: keyFile(join(folder, "key")),
    });
    const ids = new Set<string>();
    const users = Array.from({ length: exportedUsers }, (_, index) => `user-${index}@example.org`);
    await inLoops(users.values(), 64, async (user) => {
      await lifecycle.onboard(user);
      for (const id of sandbox.addResources(user, "r4", resources())) ids.add(id);
    });
    await lifecycle.close();

    const told = JSON.stringify({ url: server.url, credentials, folder } satisfies Told);
    const first = spawn(process.execPath, [script, told], { stdio: "inherit" });
    const exit = once(first, "exit");
    while (first.exitCode === null && sandbox.journal.count("fhir.search") < exportedUsers) await wait(1); // half of them
    first.kill("SIGKILL");
    await exit;
    const before = sandbox.journal.count("fhir.search");
    const begun = performance.now();
    const { stdout } = await promisify(execFile)(process.execPath, [script, told]);
    const seconds = (performance.now() - begun) / 1_000;
    const { rss, unfinished } = JSON.parse(stdout) as { rss: number; unfinished: number }; // of exporter.mjs
    if (unfinished > 0) throw new Error(`${unfinished} users are unfinished`);
    const calls = sandbox.journal.count("fhir.search") - before;
    const { missing, twice } = await compare(join(folder, "export"), ids);
    return [
      { name: "export.missing", value: missing, unit: "", bar: 0, atMost: true },
      { name: "export.twice", value: twice, unit: "", bar: 0, atMost: true },
      { name: "export.rss", value: rss, unit: "MB", bar: 150, atMost: true },
      { name: "export.calls_per_s", value: calls / seconds, unit: "/s", bar: null },
    ];
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
}

function* resources(): Generator<string> {
  for (let index = 0; index < observations; index++)
    yield `{"resourceType":"Observation","status":"final","code":{"text":"${note}"},"valueQuantity":{"value":${index}.50}}`;
  yield `{"resourceType":"Patient","name":[{"text":"${note}"}]}`;
}

/** How many of these resources are in no file, and how many lines there are beyond one of each. */
async function compare(
  folder: string,
  ids: ReadonlySet<string>,
): Promise<{ readonly missing: number; readonly twice: number }> {
  const seen = new Set<string>();
  let lines = 0;
  for (const user of await readdir(folder)) {
    if (user === "export.json") continue;
    for (const file of await readdir(join(folder, user))) {
      for await (const line of createInterface({ input: createReadStream(join(folder, user, file)) })) {
        lines++;
        seen.add((JSON.parse(line) as { id: string }).id); // a resource that the sandbox has given an id
      }
    }
  }
  const missing = [...ids].filter((id) => !seen.has(id)).length;
  return { missing, twice: lines - seen.size };
}
