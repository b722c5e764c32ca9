// A sign-up wizard: the application's own machine (signup-wizard.ts) invokes the onboarding. The server is killed in the
// middle; the next one restores the wizard from the application's database, and it continues.
//
//   npm run example 10-signup-wizard       or       deno run -A examples/10-signup-wizard.ts
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLifecycle, keyFile } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";
import { createActor, waitFor, type Snapshot } from "xstate";
import { createWizard } from "./signup-wizard.ts";

const [, , url, folder] = process.argv;
if (url !== undefined && folder !== undefined) await serve("first server: ", url, folder);
else await twoServers();

/** A server with one visitor, whose wizard is stored in the application's database: here a file. */
async function serve(name: string, url: string, folder: string): Promise<void> {
  // In production remove `endpoints`, and keep the default times, which are shortened here to save time.
  const lifecycle = await createLifecycle({
    credentials: { clientId: "sandbox-client", clientSecret: "sandbox-secret" },
    endpoints: { api: url, auth: url },
    store: lmdb(join(folder, "store")),
    encryption: keyFile(join(folder, "lifecycle.key")),
    timeoutMs: 1_000,
    graceMs: 500,
    leaseMs: 2_000,
  });
  const database = join(folder, "wizard.json");
  const kept = existsSync(database)
    ? { snapshot: JSON.parse(readFileSync(database, "utf8")) as Snapshot<unknown> }
    : {};

  const wizard = createActor(createWizard(lifecycle), kept);
  let said = "";
  wizard.subscribe(({ value, context }) => {
    const line = [name, value, context.step, context.why].filter(Boolean).join(" ");
    if (line !== said) console.log((said = line));
    writeFileSync(database, JSON.stringify(wizard.getPersistedSnapshot())); // it contains no secret
    const isFirst = name === "first server: ";
    if (isFirst && context.step === "codeIssued") process.kill(process.pid, "SIGKILL"); // nothing is cleaned up
  });
  wizard.start();

  // The visitor's actions.
  if (wizard.getSnapshot().matches("details")) wizard.send({ type: "DETAILS", email: "ada@example.org" });
  const { value } = await waitFor(wizard, ({ value }) => value === "failed" || value === "done");
  if (value === "failed") wizard.send({ type: "TRY_AGAIN" });
  await waitFor(wizard, ({ value }) => value === "done");
  await lifecycle.close();
}

async function twoServers(): Promise<void> {
  const sandbox = createSandbox();
  sandbox.fail({ call: "createUser", status: 400, body: { error: "app_user_id is not allowed" } });
  const server = await sandbox.listen();
  const folder = await mkdtemp(join(tmpdir(), "wizard-"));
  try {
    const first = fork(new URL(import.meta.url), [server.url, folder]);
    await once(first, "exit");
    console.log(`first server:  ended by ${first.signalCode}`);
    await serve("second server:", server.url, folder);

    const { management, token } = sandbox.journal.spent();
    console.log(
      `calls: ${management} management, ${token} token; created twice: ${sandbox.journal.createdTwice().length}`,
    );
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
}
