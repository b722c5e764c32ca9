// Three workers share one Redis and one account. One of them is killed, and all users are onboarded all the same.
//
//   REDIS_URL=redis://127.0.0.1:6379 npm run example 05-fleet        (a temporary Redis: docker run -p 6379:6379 redis:8)
import { fork } from "node:child_process";
import { createLifecycle, type BudgetView, type Lifecycle } from "oneup-lifecycle";
import { redis } from "oneup-lifecycle/adapters/redis";
import { createSandbox } from "oneup-lifecycle/sandbox";

const { REDIS_URL: redisUrl = "", ONEUP_URL: oneupUrl, ONEUP_CLIENT_ID: clientId = "" } = process.env;
if (redisUrl === "") {
  console.error("Cannot start: REDIS_URL must be the URL of a Redis or Valkey server");
  process.exit(1);
}
const limit = { calls: 50, windowMs: 2_000 }; // 1upHealth allows 300 an hour; a short window saves time here

// The same options in every process. In production: createLifecycle.fromEnv(), with ONEUP_STORE=redis://… and the
// key from your secret store; keep the default times: `leaseMs` is how long a silent process counts as alive.
function open(url: string, clientId: string): Promise<Lifecycle> {
  return createLifecycle({
    credentials: { clientId, clientSecret: "sandbox-secret" },
    endpoints: { api: url, auth: url },
    store: redis(redisUrl),
    encryption: { keys: ["00".repeat(32)] }, // an example key: never use a key from a repository
    limits: { management: limit },
    timeoutMs: 1_000,
    graceMs: 1_000,
    leaseMs: 2_500,
  });
}

await (oneupUrl === undefined ? fleet() : worker(oneupUrl));

/** One of the three: processes users until it is told to stop. */
async function worker(url: string): Promise<void> {
  const stopping = new AbortController();
  process.once("disconnect", () => stopping.abort()); // the parent has ended, or had before this ran:
  if (!process.connected) stopping.abort();
  const lifecycle = await open(url, clientId);
  await lifecycle.work({ signal: stopping.signal, concurrency: 8 });
  await lifecycle.close();
}

async function fleet(): Promise<void> {
  const sandbox = createSandbox({ clientId: `fleet-${Date.now()}`, limit, latencyMs: [20, 80] }); // an account of its own
  const server = await sandbox.listen();
  const lifecycle = await open(server.url, sandbox.credentials.clientId);
  const env = { ...process.env, ONEUP_URL: server.url, ONEUP_CLIENT_ID: sandbox.credentials.clientId };
  const workers = [1, 2, 3].map(() => fork(new URL(import.meta.url), { env }));

  // The import: 200 users are stored; those without a slot wait in the bulk lane, at no cost.
  const users = Array.from({ length: 200 }, (_, index) => `user-${index + 1}@example.org`);
  for (const user of users) await lifecycle.onboard(user, { lane: "bulk", waitMs: 0 });
  console.log(`${users.length} users are in Redis, 3 workers are running`);

  // The budget shows the account's slots, lanes and users, whichever process works on them.
  await new Promise<void>((arrived) => {
    let told = -1;
    lifecycle.budget.subscribe((view) => {
      const usable = arrivedIn(view);
      if (usable === told) return;
      told = usable;
      const used = Object.values(view.used).reduce((sum, count) => sum + count, 0);
      const bar = "█".repeat(Math.round(usable / 10)).padEnd(users.length / 10, "░");
      console.log(`${bar} ${usable} usable, ${view.waiting.bulk} waiting, ${used} of ${view.of} slots`);
      if (usable > 60 && workers[0]?.killed === false && workers[0].kill("SIGKILL"))
        console.log("worker 1 is killed while it processes users");
      if (usable === users.length) arrived();
    });
  });
  for (const each of workers) if (each.connected) each.disconnect();
  await lifecycle.close();
  await server.close();
  const refused = sandbox.journal.entries().filter(({ status }) => status === 429).length;
  console.log(`created twice: ${sandbox.journal.createdTwice().length}, refused by the limit: ${refused}`);
}

function arrivedIn({ users }: BudgetView): number {
  return (users.tokenActive ?? 0) + (users.reauthorized ?? 0);
}
