// A process dies between the code and the token. The next one continues: no second user, no stuck user.
//
//   npm run example 02-resume           or       deno run -A examples/02-resume.ts
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLifecycle, keyFile, type Lifecycle } from "oneup-lifecycle";
import { lmdb } from "oneup-lifecycle/adapters/lmdb";
import { createSandbox } from "oneup-lifecycle/sandbox";

const [, , url, folder] = process.argv;
if (url !== undefined && folder !== undefined) await firstProcess(url, folder);
else await secondProcess();

// The same options in both processes. In production remove `endpoints`, take the credentials from the environment, and
// keep the default times: `leaseMs` is how long a silent process counts as alive, shortened here to save time.
function open(url: string, folder: string): Promise<Lifecycle> {
  return createLifecycle({
    credentials: { clientId: "sandbox-client", clientSecret: "sandbox-secret" },
    endpoints: { api: url, auth: url },
    store: lmdb(join(folder, "store")),
    encryption: keyFile(join(folder, "lifecycle.key")),
    timeoutMs: 1_000,
    graceMs: 500,
    leaseMs: 2_000,
  });
}

/** Starts onboarding the user, and dies at the worst moment: it has the one-time code, but not the token. */
async function firstProcess(url: string, folder: string): Promise<void> {
  const lifecycle = await open(url, folder);
  lifecycle.subscribe(({ state }) => {
    console.log(`first process:  ${state}`);
    if (state === "codeIssued") process.kill(process.pid, "SIGKILL"); // no handler runs, nothing is cleaned up
  });
  await lifecycle.onboard("ada");
}

async function secondProcess(): Promise<void> {
  const sandbox = createSandbox();
  const server = await sandbox.listen();
  const folder = await mkdtemp(join(tmpdir(), "resume-"));
  try {
    const first = fork(new URL(import.meta.url), [server.url, folder]);
    await once(first, "exit");
    console.log(`first process:  ended by ${first.signalCode}`);

    const lifecycle = await open(server.url, folder);
    const before = await lifecycle.inspect("ada");
    console.log(`the store has:  ${before.state}, ${before.underWay} is in doubt`);

    // resume() does what can be done now, work() runs until it is stopped; both wait for the dead process's lease to
    // expire. onboard() is enough for one user.
    lifecycle.subscribe(({ state }) => console.log(`second process: ${state}`));
    const ada = await lifecycle.onboard("ada");
    console.log(`usable: ${ada.usable}`);
    await lifecycle.close();

    // The sandbox records every call that reaches it.
    const { management, token } = sandbox.journal.spent();
    console.log(`calls: ${management} management, ${token} token`);
    console.log(`created twice: ${sandbox.journal.createdTwice().length}`);
  } finally {
    await server.close();
    await rm(folder, { recursive: true });
  }
}
