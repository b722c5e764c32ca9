/**
 * A worker on a store, which sends "ready" and how its work ended; or, with `to`, a process that moves all users there,
 * sends how far it is and what was moved. One argument, JSON: the `Told` of `move.ts`. Plain JavaScript, started without
 * a loader, like an application.
 *
 * @module
 */
import { createLifecycle, moveStore } from "../dist/lib/index.js";
import { peakMemory } from "./own-memory.mjs";
import { storeAt } from "./store-at.mjs";

/** @type {import("./move.ts").Told} */
const { from, to, options } = JSON.parse(process.argv[2]);
const store = await storeAt(from);
if (to === undefined) {
  const lifecycle = await createLifecycle({ ...options, store });
  const working = lifecycle.work();
  process.send("ready");
  const ended = await working.then(
    () => "no error",
    (/** @type {unknown} */ error) => /** @type {{ code: string }} */ (error).code,
  );
  await lifecycle.close();
  process.send(ended);
} else {
  const { credentials, encryption } = options;
  const summary = await moveStore(store, await storeAt(to), {
    clientId: credentials.clientId,
    encryption,
    onProgress: (progress) => process.send(progress),
  });
  process.send({ ...summary, rssMb: peakMemory() });
}
process.disconnect();
