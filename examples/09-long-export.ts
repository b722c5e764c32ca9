// A long export: 20,000 resources, a token that expires on the way, a process that stops in the middle and its successor.
//
//   npm run example 09-long-export       or       deno run -A examples/09-long-export.ts
import { appendFile, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLifecycle, keyFile, stringifyFhirJson, type Lifecycle } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";

const user = "ada@example.org";
const sandbox = createSandbox(); // a local 1upHealth, so that this example runs anywhere
const server = await sandbox.listen();
const folder = await mkdtemp(join(tmpdir(), "long-export-"));
const [exported, cursorFile] = [join(folder, "observations.ndjson"), join(folder, "cursor")];

/** What every process does: open the store, and close it at the end. */
function open(): Promise<Lifecycle> {
  return createLifecycle({
    credentials: sandbox.credentials,
    endpoints: server.endpoints,
    clock: sandbox.clock, // only in this example, so that hours pass instantly
    store: lmdb(join(folder, "store")),
    encryption: keyFile(join(folder, "lifecycle.key")),
  });
}

/** Writes page by page, and after each page the cursor of the next one, which contains no secret, name or value. */
async function exportAll(lifecycle: Lifecycle, stopAfter = Infinity): Promise<void> {
  const cursor = await readFile(cursorFile, "utf8").catch(() => undefined);
  const walk = lifecycle.fhir(user, "r4").searchAll("Observation", { status: "final" }, { cursor });
  let pages = 0;
  for await (const { resources, nextCursor } of walk.pages()) {
    // Like JSON.stringify(), but 72.50 stays 72.50.
    await appendFile(exported, resources.map((one) => `${stringifyFhirJson(one)}\n`).join(""));
    if (nextCursor === undefined) return;
    await writeFile(`${cursorFile}.new`, nextCursor);
    await rename(`${cursorFile}.new`, cursorFile); // atomic, wherever the process dies
    if (++pages % 50 === 0) console.log(`${pages} pages, ${sandbox.journal.count("refreshToken")} refreshes`);
    if (pages === 30) sandbox.clock.advance(3 * 3_600_000); // three hours later: the token has expired
    if (pages === stopAfter) return;
  }
}

try {
  const first = await open();
  await first.onboard(user);
  sandbox.addResources(
    user,
    "r4",
    Array.from({ length: 20_000 }, (_, index) => ({
      resourceType: "Observation",
      status: "final",
      code: { text: "steps" },
      valueInteger: index,
    })),
  );

  await exportAll(first, 60);
  await first.close();
  console.log("stopped after 60 pages; another process continues");

  const second = await open();
  await exportAll(second);
  await second.close();

  const lines = (await readFile(exported, "utf8")).trimEnd().split("\n");
  const steps = new Set(lines.map((line) => (JSON.parse(line) as { valueInteger: number }).valueInteger));
  console.log(`exported: ${lines.length}, distinct: ${steps.size}`);
} finally {
  await server.close();
  await rm(folder, { recursive: true });
}
