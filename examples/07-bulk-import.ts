// A list of users is imported, the deployment is replaced in the middle, and the next process continues under the same name.
//
//   npm run example 07-bulk-import        (from a shell, for a file: npx oneup-lifecycle onboard users.csv)
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLifecycle, keyFile, type ImportProgress, type Lifecycle } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";

const name = "patients-2026"; // of the import: the same name continues it
const limit = { calls: 60, windowMs: 2_000 }; // 1upHealth allows 300 an hour; a short window saves time here
const sandbox = createSandbox({ limit, latencyMs: [5, 25] });
const server = await sandbox.listen();
const folder = mkdtempSync(join(tmpdir(), "bulk-import-"));

// Some of them were registered at 1upHealth years ago, and the application has no record of it.
for (let number = 1; number <= 120; number += 2) sandbox.createUser(`patient-${number}`);

/** Any iterable or async iterable works: the rows of a file, a database cursor, page after page. */
async function* patients(): AsyncGenerator<string> {
  for (let number = 1; number <= 240; number++) yield `patient-${number}`;
}

// In production: createLifecycle.fromEnv(), without `limits`.
function open(): Promise<Lifecycle> {
  return createLifecycle({
    credentials: sandbox.credentials,
    endpoints: server.endpoints,
    store: lmdb(join(folder, "store")),
    encryption: keyFile(join(folder, "lifecycle.key")),
    limits: { management: limit },
  });
}

function show({ phase, arrived, left, slots, endsAt }: ImportProgress): void {
  if (phase !== "onboarding") return;
  const bar = "█".repeat(Math.round((20 * arrived) / (arrived + left))).padEnd(20, "░");
  const seconds = endsAt === null ? 0 : Math.ceil((endsAt.getTime() - Date.now()) / 1_000);
  console.log(
    `${bar} ${arrived} onboarded, ${left} left, ${slots.used} of ${slots.of} slots, ${seconds} s to go`,
  );
}

try {
  // The first process is stopped after 60 users. All progress is stored.
  const stopping = new AbortController();
  const first = await open();
  const onProgress = (progress: ImportProgress): void => {
    show(progress);
    if (progress.arrived >= 60) stopping.abort();
  };
  await first
    .onboardMany(patients(), { name, everyMs: 500, signal: stopping.signal, onProgress })
    .catch((error: unknown) => {
      if (!stopping.signal.aborted) throw error;
      console.log("the first process has stopped");
    });
  await first.close();

  // The next one reads the same list again: stored users cost nothing. A user who signs up goes first.
  const second = await open();
  const importing = second.onboardMany(patients(), { name, everyMs: 1_000, onProgress: show });
  const { usable } = await second.onboard("a user who signs up");
  console.log(`a user who signs up: usable: ${usable}`);
  const { read, added, present, failed } = await importing;
  console.log(`${read} rows: ${present} already stored, ${added} new, ${failed} failed`);
  console.log(`users: ${JSON.stringify(await second.counts())}`);
  await second.close();
} finally {
  await server.close();
  rmSync(folder, { recursive: true });
}
const refused = sandbox.journal.entries().filter(({ status }) => status === 429).length;
console.log(`management calls: ${sandbox.journal.spent().management} for 241 users, refused: ${refused}`);
