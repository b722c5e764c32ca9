/**
 * Run as a process of its own: opens a lifecycle on the LMDB store in the folder of its argument, says so, and when its
 * parent tells it to, onboards a user and closes. Then nothing should keep it.
 */
import { once } from "node:events";
import process from "node:process";
import { lmdb } from "../../adapters/lmdb.ts";
import { createLifecycle } from "../../src/index.ts";
import { argument } from "../support/child.ts";

const store = lmdb(argument<string>(), { timeoutMs: 500 });
const lifecycle = await createLifecycle({
  credentials: { clientId: "clientidclientid", clientSecret: "clientsecretclientsecret" },
  store,
  encryption: { keys: ["ab".repeat(32)] },
  transport: { send: () => Promise.reject(new Error("nothing should be sent")) },
});
const told = once(process, "SIGUSR2");
const staying = setInterval(() => {}, 1_000); // waiting for a signal keeps no process
console.log("opened");
await told;
clearInterval(staying);
await lifecycle.onboard("ada", { waitMs: 1_000 }).then(
  ({ usable }) => console.log(`usable: ${usable}`),
  (error: { readonly code?: string }) => console.log(`onboard: ${error.code}`),
);
const { ready, problem } = await lifecycle.health();
console.log(`ready: ${ready}, ${problem}`);
await lifecycle.close();
console.log("closed");
