/**
 * Onboards users and prints its peak memory, in MB. Arguments: URL of the provider, number of users, a folder. Plain
 * JavaScript, started without a loader, so that the process contains only the library; for the same reason it is the one
 * to profile (see README.md).
 *
 * @module
 */
import { join } from "node:path";
import { createLifecycle, keyFile } from "../dist/lib/index.js";
import { lmdb } from "../dist/lib/adapters-lmdb.js";

const [url, users, folder] = process.argv.slice(2);
const lifecycle = await createLifecycle({
  credentials: { clientId: "0123456789abcdef", clientSecret: "fedcba9876543210" },
  store: lmdb(join(folder, "store")),
  encryption: keyFile(join(folder, "store.key")),
  endpoints: { api: url, auth: url },
  limits: { management: { calls: 1e9, windowMs: 3_600_000 } },
});

let next = 0;
async function loop() {
  while (next < Number(users)) await lifecycle.onboard(`user-${next++}@example.org`);
}
const begun = performance.now();
const cpu = process.cpuUsage();
await Promise.all(Array.from({ length: 128 }, loop));
const seconds = (performance.now() - begun) / 1_000;
const { user, system } = process.cpuUsage(cpu);
await lifecycle.close();

const rss = process.resourceUsage().maxRSS / 1_024;
console.log(JSON.stringify({ rss, usersPerSecond: users / seconds, cpuMicros: (user + system) / users }));
